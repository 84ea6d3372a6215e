"""No answer of any server breaks a destination, is taken for a receipt, or brings a secret to light."""

from __future__ import annotations

import asyncio
import hashlib
import os
from collections.abc import Callable, Iterator, Mapping
from functools import partial
from typing import Any

import aiohttp
import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from archiver import registry
from archiver.adapter import check_options
from archiver.destinations.conformance import put, streamed, whole
from archiver.destinations.port import Context, Destination, DestinationAdapter, Looking, Removing, Unpaced
from archiver.errors import ArchiverError
from archiver.model import Receipt, Session
from archiver.outcome import Archived, Deferred, Throttled
from archiver.sandbox.gcs.grants import Accounts
from fuzz.babbling import CANARY, FUZZED, SIZE, Answer, Babbling, HastyClock, answers
from support.rclone_backends import obscured, section

EXAMPLES = int(os.environ.get("ARCHIVER_FUZZ_EXAMPLES", "8"))
ELSEWHERE = {
    "folder": "talks to no server; any names: tests/archiver/destinations/test_folder.py",
    "memory": "talks to nobody",
    "sftp": "does not speak HTTP: tests/fuzz/test_sftp.py",
}
"""Why a destination is not here."""
BASE64 = "Y2FuYXJ5LWZ1enotMDEyMzQ1Njc4OWFiY2RlZg=="  # the canary, for keys that must be written so


class Subject(msgspec.Struct, frozen=True, kw_only=True):
    """A destination, and in which words its provider speaks.

    Attributes:
        options: How it is opened in front of an address.
        words: Keys, elements and codes that it looks for.
        headers: Headers that it looks for.
    """

    options: Callable[[str], Mapping[str, Any]]
    words: tuple[str, ...]
    headers: tuple[str, ...] = ()


def _token(url: str) -> Mapping[str, Any]:
    return {"api_url": url, "access_token": CANARY}


def _refreshed(url: str) -> Mapping[str, Any]:
    return {"api_url": url, "refresh_token": CANARY, "client_id": "id", "client_secret": CANARY}


def _gcs(url: str) -> Mapping[str, Any]:
    return {"bucket": "calls", "service_account": _service_account(url), "endpoint": url}


def _service_account(url: str) -> str:
    return _KEY.replace(_KEY_URL, url)


_KEY_URL = "http://127.0.0.1:1"
_KEY = Accounts().add("acme", _KEY_URL).json

_OAUTH = ("access_token", "refresh_token", "expires_in", "token_type", "invalid_grant")
_BUCKET = (
    "Code",
    "Error",
    "SlowDown",
    "ETag",
    "UploadId",
    "ListPartsResult",
    "PartNumber",
    "Part",
    "IsTruncated",
    "InitiateMultipartUploadResult",
)
_DAV = ("multistatus", "response", "href", "propstat", "prop", "getcontentlength", "getetag", "resourcetype", "collection", "checksums")
_GOOGLE = (
    "files",
    "id",
    "ids",
    "size",
    "md5Checksum",
    "sha256Checksum",
    "parents",
    "trashed",
    "name",
    "errors",
    "reason",
    "userRateLimitExceeded",
)
_GRAPH = (
    "id",
    "size",
    "file",
    "folder",
    "hashes",
    "quickXorHash",
    "uploadUrl",
    "nextExpectedRanges",
    "quota",
    "owner",
    "value",
    "innerError",
)
_BOX = (
    "id",
    "entries",
    "sha1",
    "size",
    "type",
    "file",
    "folder",
    "context_info",
    "conflicts",
    "session_endpoints",
    "part_size",
    "parts",
    "item_name_in_use",
)
_DROPBOX = (
    "result",
    ".tag",
    "reason",
    "retry_after",
    "session_id",
    "session_ids",
    "entries",
    "success",
    "failure",
    "lookup_failed",
    "incorrect_offset",
)
SUBJECTS = {
    "azure": Subject(
        options=lambda url: {"container": "calls", "account": "acme", "account_key": BASE64, "endpoint": f"{url}/acme"},
        words=("Code", "Error", "ServerBusy", "BlobAlreadyExists", "Block", "Name", "Size", "BlockList", "UncommittedBlocks"),
        headers=("x-ms-error-code", "x-ms-version-id", "Content-MD5", "Content-Length"),
    ),
    "box": Subject(options=_token, words=(*_BOX, *_OAUTH), headers=("x-envoy-retry",)),
    "dropbox": Subject(
        options=lambda url: {"api_url": url, "refresh_token": CANARY, "app_key": "key", "app_secret": CANARY},
        words=(*_DROPBOX, *_OAUTH, "content_hash", "rev", "path_lower", "too_many_write_operations", "path", "conflict"),
        headers=("X-Dropbox-Request-Id",),
    ),
    "gcs": Subject(options=_gcs, words=(*_OAUTH, *_GOOGLE, "generation", "md5Hash", "items"), headers=("x-goog-hash", "x-goog-generation")),
    "google_drive": Subject(options=_refreshed, words=(*_GOOGLE, *_OAUTH), headers=("x-guploader-uploadid",)),
    "onedrive": Subject(
        options=_refreshed, words=(*_GRAPH, *_OAUTH), headers=("RateLimit-Limit", "RateLimit-Remaining", "RateLimit-Reset")
    ),
    "rclone": Subject(
        options=lambda url: {
            "config": section("webdav", url=url, vendor="nextcloud", user="acme", **{"pass": OBSCURED}),
            "path": "calls",
            "trusted": "yes",
        },
        words=_DAV,
        headers=("X-OC-Mtime", "DAV"),
    ),
    "s3": Subject(
        options=lambda url: {"bucket": "calls", "access_key": "key", "secret_key": CANARY, "endpoint": url},
        words=_BUCKET,
        headers=("x-amz-version-id", "x-amz-checksum-sha256", "x-amz-meta-sha256", "Content-Length"),
    ),
    "webdav": Subject(
        options=lambda url: {"url": url, "username": "acme", "password": CANARY}, words=_DAV, headers=("X-Hash-SHA256", "OC-ETag", "DAV")
    ),
}
OBSCURED = obscured(CANARY)


@pytest.fixture(scope="module")
def runner() -> Iterator[asyncio.Runner]:
    """One event loop, so that one rclone serves all examples."""
    with asyncio.Runner() as runner:
        yield runner


def test_every_destination_is_here() -> None:
    """Or it is said why not."""
    assert {*SUBJECTS, *ELSEWHERE} == set(registry.destinations())


@pytest.mark.parametrize("name", SUBJECTS)
def test_any_answer(name: str, runner: asyncio.Runner) -> None:
    """One outcome for each upload, errors of the tree elsewhere, no receipt without a proof, no wait without an end, no secret."""
    subject, adapter = SUBJECTS[name], registry.destination(name)

    @settings(FUZZED, max_examples=EXAMPLES)
    @given(script=answers(subject.words, subject.headers), session=st.none() | st.text(max_size=20))
    def play(script: list[Answer], session: str | None) -> None:
        runner.run(_play(adapter, subject, script, session))

    holding = adapter.daemons.take if hasattr(adapter, "daemons") else None
    daemon = runner.run(_call(holding)) if holding else None
    try:
        play()
    finally:
        if daemon is not None:
            runner.run(adapter.daemons.give_back(daemon))  # type: ignore[attr-defined]  # rclone's, which has it


async def _call(take: Callable[[], Any]) -> Any:
    return take()


async def _play(adapter: DestinationAdapter, subject: Subject, script: list[Answer], session: str | None) -> None:
    async with Babbling(script) as server, aiohttp.ClientSession() as http:
        options = check_options(adapter.name, adapter.options, subject.options(server.url))
        destination = adapter.open(options, Context(pace=Unpaced(), clock=HastyClock(), http=http))
        shown = [repr(destination)]
        async with asyncio.timeout(40):
            data = bytes(SIZE)
            begun = None if session is None else Session(id=session, offset=SIZE - 1, started_at=1)
            for uploads in (
                [whole(1, data)],
                [streamed(2, data)],
                [streamed(3, data, session=begun)],
                [whole(4, data, "/ä/\U0001f4de .wav")],
            ):
                for outcome in (await put(destination, uploads)).values():
                    assert not isinstance(outcome, Archived), outcome
                    if isinstance(outcome, Throttled | Deferred) and outcome.retry_after is not None:
                        assert 0 <= outcome.retry_after < 10**10
                    shown.append(repr(outcome))
            for call in _other_calls(destination, data):
                try:
                    shown.append(repr(await call()))
                except ArchiverError as error:
                    shown += [repr(error), error.hint, repr(vars(error))]
            await destination.close()
        assert CANARY not in "".join(shown)
        assert BASE64 not in "".join(shown)


def _other_calls(destination: Destination, data: bytes) -> Iterator[Callable[[], Any]]:
    receipt = Receipt(path="/archive/a.wav", size=SIZE, sha256=hashlib.sha256(data).hexdigest(), remote_id="1", revision="1", archived_at=1)
    yield destination.ping
    if isinstance(destination, Looking):
        yield partial(destination.look, [receipt])
    if isinstance(destination, Removing):
        yield partial(destination.remove, receipt)
