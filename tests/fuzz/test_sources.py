"""No answer of any server breaks a source, or brings a secret to light."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator, Callable, Mapping
from typing import Any

import aiohttp
import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from archiver import registry
from archiver.adapter import check_options
from archiver.errors import ArchiverError, SourceThrottledError
from archiver.model import Item, Kind
from archiver.sources.port import Context, Source, SourceAdapter
from fuzz.babbling import CANARY, FUZZED, SIZE, Answer, Babbling, HastyClock, answers

EXAMPLES = int(os.environ.get("ARCHIVER_FUZZ_EXAMPLES", "8"))
ELSEWHERE = {
    "folder": "talks to no server; any sidecar: tests/archiver/sources/folder/test_sidecar.py",
    "imap": "does not speak HTTP: the tests beside its wire, its structure and its mails",
    "manifest": "reads our own database",
    "memory": "talks to nobody",
    "report": "reads our own database",
    "sidecar": "reads our own database",
    "sqltable": "does not speak HTTP; any value: tests/archiver/sources/sqltable/test_values.py",
    "threads": "reads our own database",
}
"""Why a source is not here."""
PAGES = 6


class Subject(msgspec.Struct, frozen=True, kw_only=True):
    """A source, and in which words its provider speaks.

    Attributes:
        options: How it is opened in front of an address.
        words: Keys and codes that it looks for.
        headers: Headers that it looks for.
        locators: What items may point to; ``{url}`` is the server.
    """

    options: Callable[[str], Mapping[str, Any]]
    words: tuple[str, ...]
    headers: tuple[str, ...]
    locators: tuple[str, ...]


SUBJECTS = {
    "ringcentral": Subject(
        options=lambda url: {"client_id": "id", "client_secret": CANARY, "jwt": CANARY, "base_url": url, "watch": "no"},
        words=(
            "records",
            "navigation",
            "nextPage",
            "uri",
            "id",
            "recording",
            "contentUri",
            "from",
            "to",
            "phoneNumber",
            "startTime",
            "errorCode",
            "access_token",
            "expires_in",
            "attachments",
            "contentType",
            "size",
            "legs",
            "syncInfo",
            "extensionId",
            "paging",
            "creationTime",
        ),
        headers=("X-Rate-Limit-Group", "X-Rate-Limit-Limit", "X-Rate-Limit-Remaining", "X-Rate-Limit-Window"),
        locators=("/restapi/v1.0/account/~/recording/1/content", "{url}/restapi/v1.0/account/1/recording/1/content"),
    ),
    "s3": Subject(
        options=lambda url: {"bucket": "calls", "access_key": "key", "secret_key": CANARY, "endpoint": url, "watch": "no"},
        words=(
            "ListBucketResult",
            "Contents",
            "Key",
            "Size",
            "ETag",
            "LastModified",
            "IsTruncated",
            "NextContinuationToken",
            "Code",
            "SlowDown",
        ),
        headers=("x-amz-version-id", "Content-Length"),
        locators=('"abc" a.wav', " a.wav"),
    ),
    "twilio": Subject(
        options=lambda url: {"account_sid": f"AC{'0' * 32}", "api_secret": CANARY, "base_url": url, "watch": "no"},
        words=(
            "recordings",
            "messages",
            "calls",
            "next_page_uri",
            "sid",
            "duration",
            "date_created",
            "start_time",
            "date_sent",
            "account_sid",
            "media_list",
            "num_media",
            "from",
            "to",
            "direction",
            "status",
            "body",
            "price",
            "call_sid",
            "media",
            "accounts",
            "faxes",
            "channels",
        ),
        headers=("Twilio-Concurrent-Requests", "Twilio-Request-Id"),
        locators=(f"/2010-04-01/Accounts/AC{'0' * 32}/Recordings/RE1.wav",),
    ),
}


def test_every_source_is_here() -> None:
    """Or it is said why not."""
    assert set(registry.sources()) <= {*SUBJECTS, *ELSEWHERE}
    assert set(SUBJECTS) <= set(registry.sources())


@pytest.mark.parametrize("name", SUBJECTS)
def test_any_answer(name: str) -> None:
    """Pages, bytes, or errors of the tree; no wait without an end, and no secret."""
    subject, adapter = SUBJECTS[name], registry.source(name)

    @settings(FUZZED, max_examples=EXAMPLES)
    @given(script=answers(subject.words, subject.headers), locator=st.sampled_from(subject.locators))
    def play(script: list[Answer], locator: str) -> None:
        asyncio.run(_play(adapter, subject, script, locator))

    play()


async def _play(adapter: SourceAdapter, subject: Subject, script: list[Answer], locator: str) -> None:
    async with Babbling(script) as server, aiohttp.ClientSession() as http:
        options = check_options(adapter.name, adapter.options, subject.options(server.url))
        source = adapter.open(options, Context(clock=HastyClock(), http=http))
        shown = [repr(source)]
        async with asyncio.timeout(40):
            await _until_tired(_discover(source, shown), server)
            item = _item(locator.replace("{url}", server.url))
            await _until_tired(_read(source, item, shown), server)
            await source.close()
        assert CANARY not in "".join(shown)


async def _until_tired(work: Any, server: Babbling) -> None:
    """Who asks for ever, as one may who watches, or waits by the machine's own clock, is stopped."""
    task, tired = asyncio.ensure_future(work), asyncio.ensure_future(server.tired.wait())
    await asyncio.wait({task, tired}, timeout=5, return_when=asyncio.FIRST_COMPLETED)
    tired.cancel()
    if not task.done():
        task.cancel()
        await asyncio.wait({task})
        return
    task.result()


async def _discover(source: Source, shown: list[str]) -> None:
    pages = source.discover("")
    try:
        for _ in range(PAGES):
            page = await anext(pages)
            assert all(found.external_id and found.locator for found in page.discoveries)
            shown.append(repr(page.cursor))
    except StopAsyncIteration:
        pass
    except ArchiverError as error:
        shown += _said(error)
    finally:
        await pages.aclose()


async def _read(source: Source, item: Item, shown: list[str]) -> None:
    (found,) = await source.read_many([item])
    if isinstance(found, ArchiverError):
        shown += _said(found)
    for offset in (0, 5):
        try:
            stream: AsyncIterator[bytes] = source.stream(item, offset)
            async for piece in stream:
                assert len(piece) <= 1024 * 1024
        except ArchiverError as error:
            shown += _said(error)


def _said(error: ArchiverError) -> list[str]:
    if isinstance(error, SourceThrottledError):
        assert 0 <= error.retry_after < 10**10
    return [repr(error), error.hint, repr(vars(error))]


def _item(locator: str) -> Item:
    return Item(
        id=1,
        source_id=1,
        kind=Kind.RECORDING,
        external_id="1",
        locator=locator,
        media_type="audio/x-wav",
        size=SIZE,
        sha256=None,
        occurred_at=1_700_000_000_000,
    )
