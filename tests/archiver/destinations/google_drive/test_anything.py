"""Whatever the names, the bytes, and the answers: one outcome for each upload, and never two files for one item."""

from __future__ import annotations

import asyncio
import os
from typing import Any

import aiohttp
from aiohttp import web
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from archiver.adapter import check_options
from archiver.destinations.conformance import put, streamed, whole
from archiver.destinations.google_drive import ADAPTER, GoogleDriveDestination
from archiver.destinations.google_drive.wire import key_of, multipart, quoted
from archiver.destinations.port import Context, Unpaced
from archiver.outcome import Archived
from archiver.sandbox.google import GoogleDrive
from archiver.sandbox.google.drive import DriveFile
from archiver.sandbox.google.query import parse_query
from genstage.clock import SystemClock

EXAMPLES = int(os.environ.get("ARCHIVER_FUZZ_EXAMPLES", "30"))
PART = st.text(st.characters(exclude_characters="/", exclude_categories=("Cs", "Cc")), min_size=1, max_size=12)
WORDS = st.sampled_from(["error", "errors", "reason", "files", "id", "ids", "size", "md5Checksum", "parents", "trashed", "name", "message"])
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=8) | st.sampled_from(["userRateLimitExceeded", "1abcdefgh", "root"]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(WORDS, inner, max_size=4),
    max_leaves=10,
)
HEADER = st.text(st.characters(min_codepoint=33, max_codepoint=126), max_size=20)


def opened(url: str, token: str, http: aiohttp.ClientSession) -> GoogleDriveDestination:
    """A destination in front of whatever listens there."""
    options = check_options("google_drive", ADAPTER.options, {"api_url": url, "access_token": token})
    return ADAPTER.open(options, Context(pace=Unpaced(), clock=SystemClock(), http=http))


@settings(max_examples=EXAMPLES, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(names=st.lists(st.tuples(PART, PART), min_size=1, max_size=5, unique=True), data=st.binary(max_size=300))
def test_any_name_and_any_bytes(names: list[tuple[str, str]], data: bytes) -> None:
    """What was put is there under its name with its bytes, and a second time changes nothing."""

    async def main() -> None:
        async with GoogleDrive() as drive, aiohttp.ClientSession() as http:
            login = drive.add_user("acme")
            uploads = [whole(number, data + b"%d" % number, f"/{folder}/{name}") for number, (folder, name) in enumerate(names)]
            for recovered in (False, True):
                outcomes = await put(opened(drive.url, login.access_token, http), uploads)
                assert all(isinstance(one, Archived) and one.receipt.recovered is recovered for one in outcomes.values())
            files = {file.path: b"".join(drive.contents.chunks(file.sha256)) for file in drive.ledger().files}
            assert files == {upload.delivery.path: upload.data for upload in uploads}

    asyncio.run(main())


@settings(max_examples=EXAMPLES, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(
    answers=st.lists(
        st.tuples(
            st.sampled_from([200, 200, 200, 201, 204, 308, 400, 401, 403, 404, 409, 410, 429, 500, 503]),
            JSON | st.binary(max_size=30),
            HEADER,
            HEADER,
        ),
        min_size=1,
        max_size=12,
    )
)
def test_any_answer(answers: list[tuple[int, Any, str, str]]) -> None:
    """Nothing that a server may say breaks a batch, a stream or a look at the account; and there is no receipt without proof."""
    turns = iter(answers * 200)

    async def handle(request: web.BaseRequest) -> web.Response:
        await request.read()
        status, body, header, other = next(turns)
        if isinstance(body, bytes):
            return web.Response(status=status, body=body, headers={"Retry-After": header, "Range": other, "Location": header})
        return web.json_response(body, status=status, headers={"Retry-After": header, "Range": other, "Location": f"?upload_id={other}"})

    async def main() -> None:
        runner = web.ServerRunner(web.Server(handle))
        await runner.setup()
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        async with aiohttp.ClientSession() as http:
            destination = opened(f"http://127.0.0.1:{runner.addresses[0][1]}", "token", http)
            outcomes = await put(destination, [whole(number, b"x%d" % number) for number in range(4)])
            outcomes |= await put(destination, [streamed(9, b"sound")])
            assert not any(isinstance(outcome, Archived) for outcome in outcomes.values())
        await runner.cleanup()

    asyncio.run(main())


@given(said=st.binary(max_size=60), data=st.binary(max_size=60))
def test_a_body_of_two_parts_has_both(said: bytes, data: bytes) -> None:
    """Whatever they are: the boundary is in neither."""
    kind, pieces = multipart(said, data)
    boundary = kind.partition("boundary=")[2].encode()
    body = b"".join(pieces)
    assert body.count(boundary) == 3
    assert pieces[1] is data


@given(st.text(st.characters(exclude_categories=("Cs",)), max_size=30))
def test_a_text_in_a_search_ends_where_it_ends(text: str) -> None:
    """No name breaks out of its quotes: it finds itself and nothing else."""
    wanted = parse_query(f"name = {quoted(text)}")
    assert wanted(DriveFile(id="1", name=text, mime_type="", parents=[]))
    assert not wanted(DriveFile(id="1", name=f"{text}' or name != '", mime_type="", parents=[]))


def test_a_key_is_that_of_its_path() -> None:
    """The same everywhere, different for each path and each root, and short enough for a property."""
    assert key_of("root", "/a/b") == key_of("root", "/a/b")
    assert len({key_of(root, path) for root in ("root", "0A") for path in ("/a/b", "/a", "/a/b/")}) == 6
    assert len(key_of("root", "/" + "x" * 4000)) + len("archiver") <= 124
