"""One container: put, look, blocks."""

from __future__ import annotations

import base64
import email.utils
import secrets
from collections.abc import Mapping
from urllib.parse import quote

import msgspec

from archiver.destinations.azure.signing import Signer
from archiver.destinations.azure.words import DIALECT, block_list_xml, blocks_of, code_of
from archiver.destinations.objects.calls import Call, Calls
from archiver.destinations.objects.errors import NotThereError
from archiver.destinations.objects.store import Begun, Part, Stored, Target
from archiver.destinations.objects.sums import StreamSums, WholeSums
from archiver.destinations.objects.targets import mtime, quoted
from archiver.destinations.port import CallKind, Context
from archiver.failpoints import failpoint

__all__ = ["AzureStore", "Writing"]

_SESSION_SECONDS = 6 * 24 * 3600.0  # Azure forgets blocks which are not committed after a week


class Writing(msgspec.Struct, frozen=True, kw_only=True):
    """How blobs are written.

    Attributes:
        tier: ``Hot``, ``Cool``, ``Cold`` or empty for the account's own.
        immutability: ``Locked``, ``Unlocked`` or empty.
        retain_days: How long nobody may remove a blob.
    """

    tier: str = ""
    immutability: str = ""
    retain_days: int = 0

    def of_blob(self, target: Target, sha256: str, now: float) -> dict[str, str]:
        """What is said when a blob is made."""
        headers = {
            "x-ms-blob-content-type": target.media_type,
            "x-ms-meta-mtime": mtime(target),
            "x-ms-meta-sha256": sha256,
            "if-none-match": "*",
        }
        if self.tier:
            headers["x-ms-access-tier"] = self.tier
        if self.immutability:
            headers["x-ms-immutability-policy-mode"] = self.immutability
            headers["x-ms-immutability-policy-until-date"] = email.utils.formatdate(now + self.retain_days * 86_400, usegmt=True)
        return headers


class AzureStore:
    """One container. See `archiver.destinations.objects.store`.

    Args:
        context: Pace, clock and the HTTP session.
        url: Of the container, without a slash at the end.
        signer: Authorises the calls.
        writing: How blobs are written.
    """

    wanted = frozenset({"md5", "part-md5"})
    session_seconds = _SESSION_SECONDS
    most_parts = 50_000
    key_bytes = 1024

    def __init__(self, context: Context, url: str, signer: Signer, writing: Writing) -> None:
        self._url = url
        self._clock = context.clock
        self._signer = signer
        self._writing = writing
        self._calls = Calls(context, DIALECT, self._authorised, code_of)

    def __repr__(self) -> str:
        return f"AzureStore({self._url!r})"

    async def create(self, target: Target, data: bytes, sums: WholeSums) -> Stored:
        """Puts a blob that is not there yet; Azure checks the MD5 and tells it."""
        headers = self._writing.of_blob(target, sums.sha256, self._clock.wall())
        headers |= {"x-ms-blob-type": "BlockBlob", "content-md5": _text(sums.md5)}
        call = Call(name="put a blob", method="PUT", url=self._of(target.key), headers=headers, body=[data] if data else [])
        return _stored((await self._calls.make(call)).headers, None)

    async def look(self, key: str) -> Stored | None:
        """What a HEAD tells."""
        answer = await self._calls.there(Call(name="look at a blob", method="HEAD", url=self._of(key), kind=CallKind.LOOK))
        if answer is None:
            return None
        size = answer.headers.get("content-length", "")
        stored = _stored(answer.headers, int(size) if size.isdecimal() else None)
        return msgspec.structs.replace(stored, locked=_is_locked(answer.headers, self._clock.wall()))

    async def remove(self, key: str, stored: Stored) -> None:
        """Deletes the blob if it is still the one that was looked at."""
        headers = {"if-match": stored.version, "x-ms-delete-snapshots": "include"}
        await self._calls.there(Call(name="remove a blob", method="DELETE", url=self._of(key), headers=headers))

    # -- parts ----------------------------------------------------------------------------------------------------------------------

    async def begin(self, target: Target) -> Begun:
        """Needs no call: blocks belong to the blob that they will be, under names of our own."""
        del target
        return Begun(id=secrets.token_hex(8))

    async def reached(self, key: str, session_id: str, offset: int, part_bytes: int) -> Begun:
        """The blocks up to the offset, by Azure's own list; what lies behind it is sent again."""
        url = self._of(key, comp="blocklist", blocklisttype="uncommitted")
        answer = await self._calls.make(Call(name="list the blocks of a blob", method="GET", url=url, kind=CallKind.LOOK))
        there = blocks_of(answer.body)
        names = [_block(session_id, number) for number in range(offset // part_bytes)]
        if offset % part_bytes or any(there.get(name) != part_bytes for name in names):
            raise NotThereError("Azure has fewer blocks than those that were sent")
        return Begun(id=session_id, offset=offset, tags=names)

    async def send(self, key: str, begun: Begun, part: Part) -> None:
        """Puts a block; Azure checks its MD5."""
        name = _block(begun.id, part.number)
        url = self._of(key, comp="block", blockid=name)
        headers = {"content-md5": _text(part.sums.md5)}
        await self._calls.make(Call(name="send a block", method="PUT", url=url, headers=headers, body=part.pieces))
        begun.tags.append(name)
        begun.offset += part.size

    async def finish(self, target: Target, begun: Begun, last: Part, sums: StreamSums) -> Stored:
        """Commits the list of blocks; its answer tells nothing of the blob, so that the blob is looked at."""
        if last.size:
            await self.send(target.key, begun, last)
        failpoint("finish.before")
        headers = self._writing.of_blob(target, sums.sha256, self._clock.wall())
        headers["x-ms-blob-content-md5"] = _text(sums.md5)
        url = self._of(target.key, comp="blocklist")
        await self._calls.make(Call(name="commit a blob", method="PUT", url=url, headers=headers, body=[block_list_xml(begun.tags)]))
        return Stored()

    async def abandon(self, key: str, session_id: str) -> None:
        """Azure forgets the blocks by itself within a week."""

    async def ping(self) -> str:
        """Lists one name of the container."""
        url = f"{self._url}?restype=container&comp=list&maxresults=1"
        await self._calls.make(Call(name="look at the container", method="GET", url=url, kind=CallKind.LOOK))
        return self._url.partition("://")[2]

    # -- calls ----------------------------------------------------------------------------------------------------------------------

    async def _authorised(self, call: Call) -> Mapping[str, str]:
        headers = dict(call.headers)
        if call.method == "PUT":
            headers["content-type"] = "application/octet-stream"  # it is signed; the blob's own type has a header of its own
        signed = self._signer.sign(call.method, call.url, headers, sum(map(len, call.body)), self._clock.wall())
        call.url = self._signer.url(call.url)
        return signed

    def _of(self, key: str, **query: str) -> str:
        told = "&".join(f"{name}={quote(value, safe='-_.~')}" for name, value in query.items())
        return f"{self._url}/{quoted(key)}" + (f"?{told}" if told else "")


def _text(digest: bytes) -> str:
    return base64.b64encode(digest).decode()


def _block(session_id: str, number: int) -> str:
    """The id of a block: all ids of a blob must be equally long."""
    return base64.b64encode(f"{session_id}-{number:05}".encode()).decode()


def _stored(told: Mapping[str, str], size: int | None) -> Stored:
    try:
        md5 = base64.b64decode(told.get("content-md5", ""), validate=True).hex()
    except ValueError:  # signs beyond ASCII, too
        md5 = ""
    etag = told.get("etag", "")
    return Stored(
        size=size,
        hash=f"md5:{md5}" if md5 else "",
        claimed=told.get("x-ms-meta-sha256", ""),
        revision=told.get("x-ms-version-id", "") or etag.strip('"'),
        version=etag,
    )


def _is_locked(told: Mapping[str, str], now: float) -> bool:
    """Whether a policy or a legal hold keeps a blob."""
    try:
        until = email.utils.parsedate_to_datetime(told.get("x-ms-immutability-policy-until-date", "")).timestamp()
    except (ValueError, OverflowError):
        until = 0.0
    return until > now or told.get("x-ms-legal-hold", "") == "true"
