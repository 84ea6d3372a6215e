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
from archiver.destinations.conformance import put, streamed, whole
from archiver.destinations.onedrive import ADAPTER, OneDriveDestination
from archiver.destinations.port import Context, Unpaced
from archiver.errors import ArchiverError
from archiver.naming import clean_part
from archiver.outcome import Archived, Rejected
from archiver.sandbox.microsoft import Limits, OneDrive
from genstage.clock import SystemClock

EXAMPLES = int(os.environ.get("ARCHIVER_FUZZ_EXAMPLES", "30"))
PART = st.text(st.characters(exclude_characters="/", exclude_categories=("Cs",)), min_size=1, max_size=12)
WORDS = st.sampled_from(
    ["error", "code", "innerError", "id", "size", "file", "hashes", "quickXorHash", "uploadUrl", "nextExpectedRanges", "quota", "owner"]
)
JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.text(max_size=8)
    | st.sampled_from(["quotaLimitReached", "nameAlreadyExists", "5-", "-"]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(WORDS, inner, max_size=4),
    max_leaves=10,
)
HEADER = st.text(st.characters(min_codepoint=33, max_codepoint=126), max_size=20) | st.integers(-5, 10**12).map(str)
STATUS = st.sampled_from([200, 201, 202, 204, 302, 400, 401, 403, 404, 409, 410, 416, 418, 423, 429, 500, 503, 507, 599])


def opened(url: str, token: str, http: aiohttp.ClientSession) -> OneDriveDestination:
    """A destination in front of whatever listens there."""
    options = check_options("onedrive", ADAPTER.options, {"api_url": url, "access_token": token})
    return ADAPTER.open(options, Context(pace=Unpaced(), clock=SystemClock(), http=http))


@settings(max_examples=EXAMPLES, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(names=st.lists(st.tuples(PART, PART), min_size=1, max_size=5, unique=True), data=st.binary(max_size=300), clean=st.booleans())
def test_any_name_and_any_bytes(names: list[tuple[str, str]], data: bytes, *, clean: bool) -> None:
    """What was put is there under its name with its bytes, and a second time changes nothing; names made by the rules are never refused."""

    async def main() -> None:
        async with OneDrive() as onedrive, aiohttp.ClientSession() as http:
            login = onedrive.add_user("acme", Limits(units=None))
            pairs = [(clean_part(folder, "onedrive"), clean_part(name, "onedrive")) if clean else (folder, name) for folder, name in names]
            paths = {f"/{folder}/{name}".casefold(): f"/{folder}/{name}" for folder, name in pairs}
            uploads = [whole(number, data + b"%d" % number, path) for number, path in enumerate(paths.values())]
            for recovered in (False, True):
                outcomes = await put(opened(onedrive.url, login.access_token, http), uploads)
                for one in outcomes.values():
                    assert isinstance(one, Archived) or not clean
                    assert not isinstance(one, Archived) or one.receipt.recovered is recovered
            files = {file.path.casefold(): b"".join(onedrive.contents.chunks(file.sha256)) for file in onedrive.ledger().files}
            done = [upload for upload in uploads if isinstance(outcomes[upload.delivery.id], Archived)]
            assert files == {upload.delivery.path.casefold(): upload.data for upload in done}

    asyncio.run(main())


@settings(max_examples=EXAMPLES, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(answers=st.lists(st.tuples(STATUS, JSON | st.binary(max_size=40), HEADER, HEADER), min_size=1, max_size=6))
def test_any_answer(answers: list[tuple[int, Any, str, str]]) -> None:
    """No status, header or body of a server gone mad breaks anything, or is taken for a receipt."""
    script = iter(answers * 20)

    async def answer(request: web.BaseRequest) -> web.StreamResponse:
        await request.read()
        status, body, wait, left = next(script)
        headers = {"Retry-After": wait, "RateLimit-Limit": "1200", "RateLimit-Remaining": left, "RateLimit-Reset": "5"}
        if isinstance(body, dict) and "uploadUrl" in body:
            body = {**body, "uploadUrl": f"http://127.0.0.1:{request.url.port}/session"}
        if isinstance(body, bytes):
            return web.Response(status=status, body=body, headers=headers)
        return web.json_response(body, status=status, headers=headers)

    async def main() -> None:
        runner = web.ServerRunner(web.Server(answer))
        await runner.setup()
        site = web.TCPSite(runner, "127.0.0.1", 0)
        await site.start()
        try:
            async with aiohttp.ClientSession() as http:
                destination = opened(f"http://127.0.0.1:{runner.addresses[0][1]}", "token", http)
                for upload in (whole(1, b"sound"), streamed(2, b"sound" * 1000)):
                    (outcome,) = (await put(destination, [upload])).values()
                    assert not isinstance(outcome, Archived)
                with contextlib.suppress(ArchiverError):
                    await destination.ping()
        finally:
            await runner.cleanup()

    asyncio.run(main())


async def test_a_name_that_is_kept_for_others(box: Any) -> None:
    """Refused for good, and not tried for ever."""
    outcome = (await put(box.open(), [whole(1, b"x", "/a/~$calls.wav")]))[1]
    assert isinstance(outcome, Rejected)
