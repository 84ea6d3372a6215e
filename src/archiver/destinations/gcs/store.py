"""One bucket: insert, look, resumable uploads."""

from __future__ import annotations

import base64
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from urllib.parse import quote, urlsplit

import msgspec

from archiver.destinations.gcs.wire import Metadata, Retention, multipart, range_end, stored_of
from archiver.destinations.gcs.words import DIALECT, OF_OBJECT, OF_UPLOAD, ExpiredError, code_of
from archiver.destinations.objects.calls import Answer, Call, Calls
from archiver.destinations.objects.errors import NotThereError
from archiver.destinations.objects.store import Begun, Part, Stored, Target
from archiver.destinations.objects.sums import StreamSums, WholeSums
from archiver.destinations.objects.targets import mtime
from archiver.destinations.port import CallKind, Context
from archiver.errors import ArchiverError, IntegrityError, TransientError
from archiver.failpoints import failpoint
from archiver.oauth import Tokens

__all__ = ["GcsStore", "Writing"]

_SESSION_SECONDS = 6 * 24 * 3600.0  # Google keeps a resumable upload for a week
_RESUMABLE = frozenset({200, 201, 308})


class Writing(msgspec.Struct, frozen=True, kw_only=True):
    """How objects are written.

    Attributes:
        storage_class: Such as ``NEARLINE``; empty for the bucket's own.
        retention: ``Locked``, ``Unlocked`` or empty.
        retain_days: How long nobody may remove an object.
    """

    storage_class: str = ""
    retention: str = ""
    retain_days: int = 0

    def of_object(self, target: Target, now: float, *, sha256: str = "", md5: bytes = b"") -> Metadata:
        """What is said when an object is made."""
        until = datetime.fromtimestamp(now, UTC) + timedelta(days=self.retain_days)
        return Metadata(
            name=target.key,
            content_type=target.media_type,
            md5_hash=base64.b64encode(md5).decode(),
            storage_class=self.storage_class,
            metadata={"mtime": mtime(target)} | ({"sha256": sha256} if sha256 else {}),
            retention=Retention(mode=self.retention, retain_until_time=_rfc3339(until)) if self.retention else None,
        )


class _Calls(Calls):
    """Calls whose token may have run out: then once more with a new one."""

    def __init__(self, context: Context, tokens: Tokens) -> None:
        super().__init__(context, DIALECT, self._authorised, code_of)
        self._tokens = tokens
        self._token = ""

    async def make(self, call: Call, check: Callable[[Answer], str] | None = None) -> Answer:
        """See `Calls.make`."""
        try:
            return await super().make(call, check)
        except ExpiredError:
            self._tokens.ran_out(self._token)
            return await super().make(call, check)

    async def _authorised(self, call: Call) -> Mapping[str, str]:
        self._token = (await self._tokens.get()).token
        return {**call.headers, "authorization": f"Bearer {self._token}"}


class GcsStore:
    """One bucket. See `archiver.destinations.objects.store`.

    Args:
        context: Pace, clock and the HTTP session.
        endpoint: Of the service, without a slash at the end.
        bucket: Its name.
        tokens: Leave to call.
        writing: How objects are written.
    """

    wanted = frozenset({"md5"})
    session_seconds = _SESSION_SECONDS
    most_parts = 10_000_000  # an object has up to 5 TiB, whatever the size of its parts
    key_bytes = 1024

    def __init__(self, context: Context, endpoint: str, bucket: str, tokens: Tokens, writing: Writing) -> None:
        self._endpoint = endpoint
        self._bucket = bucket
        self._clock = context.clock
        self._writing = writing
        self._calls = _Calls(context, tokens)

    def __repr__(self) -> str:
        return f"GcsStore({self._bucket!r})"

    async def create(self, target: Target, data: bytes, sums: WholeSums) -> Stored:
        """Inserts an object that is not there yet; Google checks the MD5 and tells its own."""
        metadata = self._writing.of_object(target, self._clock.wall(), sha256=sums.sha256, md5=sums.md5)
        kind, body = multipart(metadata, data)
        call = Call(name="insert an object", method="POST", url=self._upload("multipart"), headers={"content-type": kind}, body=body)
        return self._stored(await self._calls.make(call))

    async def look(self, key: str) -> Stored | None:
        """The metadata of an object."""
        call = Call(name="look at an object", method="GET", url=self._of(key), kind=CallKind.LOOK, codes=OF_OBJECT)
        answer = await self._calls.there(call)
        return None if answer is None else self._stored(answer)

    async def remove(self, key: str, stored: Stored) -> None:
        """Deletes exactly this generation."""
        url = f"{self._of(key)}?generation={quote(stored.version)}"
        await self._calls.there(Call(name="remove an object", method="DELETE", url=url, codes=OF_OBJECT))

    # -- parts ----------------------------------------------------------------------------------------------------------------------

    async def begin(self, target: Target) -> Begun:
        """Begins a resumable upload; what names it is the rest of an address, under our own endpoint."""
        metadata = self._writing.of_object(target, self._clock.wall())
        headers = {"content-type": "application/json; charset=UTF-8", "x-upload-content-type": target.media_type}
        body = [msgspec.json.encode(metadata)]
        call = Call(name="begin a big object", method="POST", url=self._upload("resumable"), headers=headers, body=body)
        answer = await self._calls.make(call)
        place = urlsplit(answer.headers.get("location", ""))
        if not place.query:
            raise IntegrityError("Google began a big object without an address for it")
        return Begun(id=f"{place.path}?{place.query}")

    async def reached(self, key: str, session_id: str, offset: int, part_bytes: int) -> Begun:
        """How far the upload is. Google may have more than was confirmed: it keeps what came of a part that was cut off."""
        del key, part_bytes
        answer = await self._ask(session_id, "list the state of a big object", "bytes */*", [])
        there = range_end(answer.headers.get("range", ""))
        if answer.status != 308 or there < offset:
            raise NotThereError("Google has finished the object, or has less of it than was sent")
        return Begun(id=session_id, offset=there)

    async def send(self, key: str, begun: Begun, part: Part) -> None:
        """Sends a part that is not the last one."""
        del key
        end = part.offset + part.size
        answer = await self._ask(begun.id, "send a part", f"bytes {part.offset}-{end - 1}/*", part.pieces)
        if answer.status != 308 or range_end(answer.headers.get("range", "")) != end:
            raise TransientError("Google took another part than was sent")
        begun.offset = end

    async def finish(self, target: Target, begun: Begun, last: Part, sums: StreamSums) -> Stored:
        """Sends the last part with the MD5 of everything, against which Google checks them before the object is visible."""
        del target
        failpoint("finish.before")
        told = f"bytes {last.offset}-{sums.size - 1}/{sums.size}" if last.size else f"bytes */{sums.size}"
        hashed = {"x-goog-hash": f"md5={base64.b64encode(sums.md5).decode()}"}
        answer = await self._ask(begun.id, "send the last part", told, last.pieces, hashed)
        if answer.status == 308:
            raise TransientError("Google took only some of the last part")
        return self._stored(answer)

    async def abandon(self, key: str, session_id: str) -> None:
        """Cancels the upload, which Google answers with 499; if that fails, it ends by itself within a week."""
        del key
        try:
            call = Call(name="cancel a big object", method="DELETE", url=self._session(session_id), codes=OF_UPLOAD)
            await self._calls.there(call)
        except ArchiverError:
            return

    async def ping(self) -> str:
        """Lists one name of the bucket."""
        url = f"{self._endpoint}/storage/v1/b/{quote(self._bucket)}/o?maxResults=1&fields=kind"
        await self._calls.make(Call(name="look at the bucket", method="GET", url=url, kind=CallKind.LOOK))
        return f"gs://{self._bucket}"

    # -- calls ----------------------------------------------------------------------------------------------------------------------

    async def _ask(self, session_id: str, name: str, told: str, body: list[bytes], headers: Mapping[str, str] | None = None) -> Answer:
        call = Call(name=name, method="PUT", url=self._session(session_id), headers={"content-range": told, **(headers or {})}, body=body)
        call.codes, call.expected = OF_UPLOAD, _RESUMABLE
        call.kind = CallKind.TRANSFER if body else CallKind.LOOK
        return await self._calls.make(call)

    def _session(self, session_id: str) -> str:
        return f"{self._endpoint}/{session_id.lstrip('/')}"

    def _upload(self, kind: str) -> str:
        return f"{self._endpoint}/upload/storage/v1/b/{quote(self._bucket)}/o?uploadType={kind}&ifGenerationMatch=0"

    def _of(self, key: str) -> str:
        return f"{self._endpoint}/storage/v1/b/{quote(self._bucket)}/o/{quote(key, safe='-_.~')}"

    def _stored(self, answer: Answer) -> Stored:
        return stored_of(answer.body, _rfc3339(datetime.fromtimestamp(self._clock.wall(), UTC)))


def _rfc3339(moment: datetime) -> str:
    return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")
