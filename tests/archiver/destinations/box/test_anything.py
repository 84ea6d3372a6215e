"""Whatever the names, the bytes, and the answers: one outcome for each upload, and nothing of ours breaks."""

from __future__ import annotations

import asyncio
import contextlib
import os
from typing import Any

import aiohttp
from aiohttp import web
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from archiver.adapter import check_options
from archiver.destinations.box import ADAPTER, BoxDestination
from archiver.destinations.box.parts import SESSION_BYTES
from archiver.destinations.conformance import put, streamed, whole
from archiver.destinations.port import Context, Unpaced
from archiver.errors import ArchiverError
from archiver.model import Session
from archiver.naming import clean_part
from archiver.outcome import Archived
from archiver.sandbox.box import Box, Limits
from genstage.clock import SystemClock

EXAMPLES = int(os.environ.get("ARCHIVER_FUZZ_EXAMPLES", "30"))
PART = st.text(st.characters(exclude_characters="/", exclude_categories=("Cs",)), min_size=1, max_size=12)
BIG = b"\0" * SESSION_BYTES
WORDS = st.sampled_from(
    [
        *("code", "context_info", "conflicts", "type", "id", "entries", "size", "sha1", "etag", "file_version", "path_collection", "name"),
        *("part", "part_id", "part_size", "offset", "total_count", "space_amount", "space_used", "login"),
    ]
)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=8) | st.sampled_from(["item_name_in_use", "file", "folder", "0", "17"]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(WORDS, inner, max_size=4),
    max_leaves=10,
)
HEADER = st.text(st.characters(min_codepoint=33, max_codepoint=126), max_size=20) | st.integers(-5, 10**12).map(str)
STATUS = st.sampled_from([200, 201, 202, 204, 302, 400, 401, 403, 404, 405, 409, 410, 412, 416, 418, 423, 429, 500, 503, 507, 599])


def opened(url: str, token: str, http: aiohttp.ClientSession) -> BoxDestination:
    """A destination in front of whatever listens there."""
    options = check_options("box", ADAPTER.options, {"api_url": url, "access_token": token})
    return ADAPTER.open(options, Context(pace=Unpaced(), clock=SystemClock(), http=http))


@settings(max_examples=EXAMPLES, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(names=st.lists(st.tuples(PART, PART), min_size=1, max_size=5, unique=True), data=st.binary(max_size=300), clean=st.booleans())
def test_any_name_and_any_bytes(names: list[tuple[str, str]], data: bytes, *, clean: bool) -> None:
    """What was put is there under its name with its bytes, and a second time changes nothing; names made by the rules are never refused."""

    async def main() -> None:
        async with Box() as box, aiohttp.ClientSession() as http:
            login = box.add_user("acme", Limits(calls=None, uploads=None))
            pairs = [(clean_part(folder), clean_part(name)) if clean else (folder, name) for folder, name in names]
            paths = {f"/{folder}/{name}".casefold(): f"/{folder}/{name}" for folder, name in pairs}
            uploads = [whole(number, data + b"%d" % number, path) for number, path in enumerate(paths.values())]
            for recovered in (False, True):
                outcomes = await put(opened(box.url, login.access_token, http), uploads)
                for one in outcomes.values():
                    assert isinstance(one, Archived) or not clean
                    assert not isinstance(one, Archived) or one.receipt.recovered is recovered
            files = {file.path.casefold(): b"".join(box.contents.chunks(file.sha256)) for file in box.ledger().files}
            done = [upload for upload in uploads if isinstance(outcomes[upload.delivery.id], Archived)]
            assert files == {upload.delivery.path.casefold(): upload.data for upload in done}

    asyncio.run(main())


@settings(max_examples=EXAMPLES, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(
    answers=st.lists(st.tuples(STATUS, JSON | st.binary(max_size=40), HEADER), min_size=1, max_size=6),
    beginning=st.sampled_from(["", "0" * 64 + ":" + "0" * 40, "x"]),
)
def test_any_answer(answers: list[tuple[int, Any, str]], beginning: str) -> None:
    """No status, header or body of a server gone mad breaks anything, or is taken for a receipt."""
    script = iter(answers * 20)

    async def answer(request: web.BaseRequest) -> web.StreamResponse:
        await request.read()
        status, body, wait = next(script)
        if isinstance(body, bytes):
            return web.Response(status=status, body=body, headers={"Retry-After": wait})
        return web.json_response(body, status=status, headers={"Retry-After": wait})

    async def main() -> None:
        runner = web.ServerRunner(web.Server(answer))
        await runner.setup()
        site = web.TCPSite(runner, "127.0.0.1", 0)
        await site.start()
        try:
            async with aiohttp.ClientSession() as http:
                destination = opened(f"http://127.0.0.1:{runner.addresses[0][1]}", "token", http)
                session = Session(id="F00", offset=len(BIG), started_at=1, beginning=beginning)
                for upload in (whole(1, b"sound"), streamed(2, b"sound" * 1000), streamed(3, BIG, session=session)):
                    (outcome,) = (await put(destination, [upload])).values()
                    assert not isinstance(outcome, Archived)
                with contextlib.suppress(ArchiverError):
                    await destination.ping()
        finally:
            await runner.cleanup()

    asyncio.run(main())
