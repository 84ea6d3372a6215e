"""A server on loopback that answers whatever it was given: any status, headers and body, whole or cut off; and what a test draws for it."""

from __future__ import annotations

import asyncio
import gzip
import json
from contextlib import suppress
from typing import Any, Self

import msgspec
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st

from genstage.clock import SystemClock

__all__ = ["CANARY", "FUZZED", "SIZE", "Answer", "Babbling", "HastyClock", "answers"]

CANARY = "canary-fuzz-0123456789abcdef"
"""Of every secret; a server that repeats what it was sent repeats this in a text. (A code that it gives may be quoted; a text never.)"""
FUZZED = settings(
    deadline=None,
    phases=(Phase.explicit, Phase.reuse, Phase.generate),
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
    report_multiple_bugs=False,
)
"""Nothing is made smaller: a script is short, and each try of one that hangs costs its whole time."""
SIZE = 7919
"""Of the files: no drawn number is this one, so no size is confirmed by chance."""

_CALLS = 150  # then the server hangs up at once: an adapter that asks for ever would be seen by the test's own time limit
_FINE = (200, 200, 200, 200, 200, 200, 201, 202, 204, 206, 207)
_ELSEWHERE = (301, 302, 307, 308)
_REFUSED = (400, 401, 402, 403, 404, 405, 408, 409, 410, 412, 413, 416, 418, 423, 425, 429, 500, 501, 502, 503, 504, 507, 509, 599)
_STATUS = st.sampled_from([*_FINE, *_ELSEWHERE, *_REFUSED])
_DATES = (
    "Wed, 21 Oct 2015 07:28:00 GMT",
    "Fri, 31 Dec 9999 23:59:59 GMT",
    "Fri, 99 Xxx 0000 99:99:99 GMT",
    "Mon, 01 Jan 0001 00:00:00 -2359",
)
_NO_NUMBERS = ("nan", "inf", "-inf", "soon", "", "\xb2", "1_000", "2026-01-01T00:00:00Z")
_WAITS = st.sampled_from(["0", "1", "-1", "1.5", "300", "1e300", "9" * 400, *_DATES, *_NO_NUMBERS])
_NUMBERS = (st.integers() | st.floats() | st.sampled_from([2**31, 2**63, 2**64, -1, 10**40, 1e308])).filter(lambda number: number != SIZE)
_PLACES = ("0-0", "bytes=0-", "bytes 0-1/2", "2026-01-01T00:00:00Z", "id:1", "/", "http://127.0.0.1:1/x")
_SHORT = st.text(max_size=12) | st.sampled_from(_PLACES)
_WORD = st.text(st.characters(min_codepoint=32, max_codepoint=255, exclude_characters="\x7f"), max_size=24)


class Answer(msgspec.Struct, frozen=True):
    """What is said to one request.

    Attributes:
        status: Of HTTP.
        headers: Names and values.
        body: Bytes.
        flaw: How it is said: ``whole``, ``short`` (less than announced), ``bare`` (its length is not told), ``chunked``, ``torn`` (cut off
            within a chunk), ``packed`` (compressed), ``unpacked`` (only said to be), ``head`` (cut off within the headers), ``silent``.
    """

    status: int
    headers: tuple[tuple[str, str], ...] = ()
    body: bytes = b""
    flaw: str = "whole"

    def __repr__(self) -> str:
        body = repr(self.body) if len(self.body) < 1000 else f"{self.body[:9]!r} * {len(self.body) // 9}"
        return f"Answer({self.status}, {self.headers!r}, {body}, {self.flaw!r})"


class HastyClock(SystemClock):
    """The machine's clock, on which nobody waits: who sleeps wakes at once, so much later."""

    def __init__(self) -> None:
        self._skipped = 0.0

    def time(self) -> float:
        """See `genstage.clock.Clock`."""
        return super().time() + self._skipped

    def wall(self) -> float:
        """See `genstage.clock.Clock`."""
        return super().wall() + self._skipped

    async def sleep(self, seconds: float) -> None:
        """See `genstage.clock.Clock`."""
        self._skipped += min(max(seconds, 0.0), 1e6)
        await asyncio.sleep(0)


class Babbling:
    """``async with Babbling(answers) as server``: gives one answer after the other, round and round.

    Attributes:
        url: Where it listens.
        tired: Set after very many calls.
    """

    def __init__(self, script: list[Answer]) -> None:
        self.url = ""
        self.tired = asyncio.Event()
        self._script = script
        self._calls = 0
        self._server: asyncio.Server | None = None

    async def __aenter__(self) -> Self:
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        self.url = f"http://127.0.0.1:{self._server.sockets[0].getsockname()[1]}"
        return self

    async def __aexit__(self, *_: object) -> None:
        if self._server is not None:
            self._server.close()
            await self._server.wait_closed()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(OSError, asyncio.IncompleteReadError, asyncio.LimitOverrunError, ValueError):
            head = await reader.readuntil(b"\r\n\r\n")
            await _drain(reader, writer, head.lower())
            self._calls += 1
            if self._calls > _CALLS:
                self.tired.set()
            else:
                writer.write(_said(self._script[(self._calls - 1) % len(self._script)], head[:5] == b"HEAD "))
            await writer.drain()
        writer.close()
        with suppress(OSError):
            await writer.wait_closed()


async def _drain(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, head: bytes) -> None:
    """Reads what is sent, so that the answer finds somebody who listens."""
    if b"expect: 100-continue" in head:
        writer.write(b"HTTP/1.1 100 Continue\r\n\r\n")
    if b"transfer-encoding: chunked" in head:
        while size := int((await reader.readline()).strip(), 16):
            await reader.readexactly(size + 2)
        await reader.readline()
    elif b"content-length:" in head:
        await reader.readexactly(int(head.partition(b"content-length:")[2].split(b"\r\n")[0]))


def _said(answer: Answer, only_head: bool) -> bytes:
    body = b"" if answer.status in {204, 304} else answer.body
    lines = [f"{name}: {value}" for name, value in answer.headers]
    match answer.flaw:
        case "silent":
            return b""
        case "head":
            return b"HTTP/1.1 200 OK\r\nContent-Ty"
        case "packed":
            body = gzip.compress(body)
            lines += ["Content-Encoding: gzip", f"Content-Length: {len(body)}"]
        case "unpacked":
            lines += ["Content-Encoding: gzip", f"Content-Length: {len(body)}"]
        case "chunked" | "torn":
            lines.append("Transfer-Encoding: chunked")
            body = b"%x\r\n%b\r\n" % (len(body) + 1, b" " + body) + (b"0\r\n\r\n" if answer.flaw == "chunked" else b"5\r\nab")
        case "short":
            lines.append(f"Content-Length: {len(body) + 7}")
        case "bare":
            pass
        case _:
            lines.append(f"Content-Length: {len(body)}")
    head = "\r\n".join([f"HTTP/1.1 {answer.status} Whatever", "Connection: close", *lines, "", ""])
    return head.encode("latin-1", "replace") + (b"" if only_head else body)


def answers(words: tuple[str, ...], headers: tuple[str, ...]) -> st.SearchStrategy[list[Answer]]:
    """Some answers in the words of a provider.

    Args:
        words: Keys, elements and codes that its adapter looks for.
        headers: Names of headers that its adapter looks for.
    """
    word = st.sampled_from([*words, "error", "code", "message"])
    value: st.SearchStrategy[Any] = st.none() | st.booleans() | _NUMBERS | _SHORT | word
    tree = st.recursive(
        value, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(word | st.text(max_size=4), inner, max_size=5), max_leaves=14
    )
    deep = st.sampled_from([b"[" * 20_000, b'{"error":' * 10_000, b"<a>" * 10_000, b'{"a":' + b"9" * 10_000 + b"}", b'{"error": 1e999}'])
    text = _SHORT.map(lambda said: f"refused: {CANARY} {said}".encode("utf-8", "replace"))
    body = tree.map(lambda found: json.dumps(found).encode()) | _elements(word, value) | st.binary(max_size=60) | text | deep
    name = st.sampled_from([*headers, "Content-Type", "Location", "ETag", "Range", "Content-Range", "Last-Modified", "X-Whatever"])
    pair = st.tuples(name, _WORD | _WAITS | _SHORT) | st.tuples(st.just("Retry-After"), _WAITS)
    kinds = ("application/json", "application/xml", "text/plain; charset=utf-16", "text/html", "x")
    kind = st.tuples(st.just("Content-Type"), st.sampled_from(kinds))
    flaws = st.sampled_from(["whole"] * 8 + ["short", "bare", "chunked", "torn", "packed", "unpacked", "head", "silent"])
    one = st.tuples(_STATUS, st.lists(pair | kind, max_size=4).map(_plain), body, flaws)
    return st.lists(one.map(lambda drawn: Answer(*drawn)), min_size=1, max_size=8)


def _plain(pairs: list[tuple[str, str]]) -> tuple[tuple[str, str], ...]:
    """Each header on one line: two lines would be another header, or another answer."""
    return tuple((name, "".join(sign for sign in value if sign not in "\r\n\0")) for name, value in pairs)


def _elements(word: st.SearchStrategy[str], value: st.SearchStrategy[Any]) -> st.SearchStrategy[bytes]:
    leaf = st.tuples(word, value.map(str)).map(_element)
    tree = st.recursive(leaf, lambda inner: st.tuples(word, st.lists(inner, max_size=4).map("".join)).map(_element))
    begun = st.sampled_from(
        [*(f'<?xml version="1.0" encoding="{name}"?>' for name in ("utf-8", "utf-7")), "<!DOCTYPE a [<!ENTITY a 'b'>]>", ""]
    )
    return st.tuples(begun, tree).map(lambda pair: "".join(pair).encode("utf-8", "replace"))


def _element(pair: tuple[str, str]) -> str:
    name, inner = pair
    return f"<{name}>{inner}</{name}>"
