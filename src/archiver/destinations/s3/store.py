"""One bucket: put, look, parts."""

from __future__ import annotations

import base64
import hashlib
import logging
import re
from collections.abc import Mapping
from datetime import datetime
from urllib.parse import quote

from archiver.destinations.objects.calls import Answer, Call, Calls
from archiver.destinations.objects.errors import InTheWayError, NotThereError
from archiver.destinations.objects.store import Begun, Part, Stored, Target
from archiver.destinations.objects.sums import StreamSums, WholeSums
from archiver.destinations.objects.targets import quoted
from archiver.destinations.port import CallKind, Context
from archiver.destinations.s3.caution import Caution, Conditions
from archiver.destinations.s3.headers import Writing
from archiver.destinations.s3.words import DIALECT, NotConditionalError, code_of, complete_xml, parts_of
from archiver.errors import ArchiverError, IntegrityError
from archiver.failpoints import failpoint
from archiver.s3.signing import EMPTY_SHA256, Signer
from archiver.s3.xml import field

__all__ = ["S3Store"]

_SESSION_SECONDS = (
    6 * 24 * 3600.0
)  # S3 keeps parts until they are removed; the lifecycle rule of docs/object-storage.md does so after 7 days
_MD5 = re.compile(r"[0-9a-f]{32}")
_MD5_OF_PARTS = re.compile(r"[0-9a-f]{32}-[0-9]+")

_log = logging.getLogger(__name__)


class S3Store:
    """One bucket. See `archiver.destinations.objects.store`.

    Args:
        context: Pace, clock and the HTTP session.
        url: Of the bucket, without a slash at the end.
        signer: Signs the calls.
        writing: How objects are written.
        caution: What is known of the store's conditions; shared by all that open it.
    """

    wanted = frozenset({"part-sha256", "part-md5"})
    session_seconds = _SESSION_SECONDS
    most_parts = 10_000
    key_bytes = 1024

    def __init__(self, context: Context, url: str, signer: Signer, writing: Writing, caution: Caution) -> None:
        self._url = url
        self._clock = context.clock
        self._signer = signer
        self._writing = writing
        self._caution = caution
        self._calls = Calls(context, DIALECT, self._authorised, code_of)

    def __repr__(self) -> str:
        return f"S3Store({self._url!r})"

    async def create(self, target: Target, data: bytes, sums: WholeSums) -> Stored:
        """Puts an object that is not there yet."""
        caution = self._caution
        if caution.looks_first and await self.look(target.key) is not None:
            raise InTheWayError("something else has the item's key")
        try:
            stored = await self._put(target, data, sums, caution.header)
        except NotConditionalError:
            self._ignored()
            stored = await self._put(target, data, sums, {})
        if caution.conditions is Conditions.UNKNOWN:
            await self._ask(target, data, sums)
        return stored

    async def look(self, key: str) -> Stored | None:
        """What a HEAD tells."""
        headers = {"x-amz-checksum-mode": "ENABLED"} | self._writing.always()
        answer = await self._calls.there(
            Call(name="look at an object", method="HEAD", url=self._of(key), headers=headers, kind=CallKind.LOOK)
        )
        if answer is None:
            return None
        told, size = answer.headers, answer.headers.get("content-length", "")
        return Stored(
            size=int(size) if size.isdecimal() else None,
            hash=_hash_of(told, told.get("etag", ""), told.get("x-amz-checksum-sha256", "")),
            claimed=told.get("x-amz-meta-sha256", ""),
            revision=_revision(told, told.get("etag", "")),
            version=told.get("x-amz-version-id", ""),
            locked=_is_locked(told, self._clock.wall()),
        )

    async def remove(self, key: str, stored: Stored) -> None:
        """Deletes exactly this version; in a bucket without versions whatever has the key."""
        url = self._of(key, versionId=stored.version) if stored.version else self._of(key)
        await self._calls.there(Call(name="remove an object", method="DELETE", url=url, headers=self._writing.always()))

    # -- parts ----------------------------------------------------------------------------------------------------------------------

    async def begin(self, target: Target) -> Begun:
        """Begins a multipart upload."""
        headers = self._writing.of_object(target, "", self._clock.wall())
        if self._writing.checksums:
            headers["x-amz-checksum-algorithm"] = "SHA256"
        answer = await self._calls.make(
            Call(name="begin a big object", method="POST", url=self._of(target.key, uploads=""), headers=headers), check=_error_in
        )
        upload_id = field(answer.body, "UploadId")
        if not upload_id:
            raise IntegrityError("S3 began a big object without an id")
        return Begun(id=upload_id)

    async def reached(self, key: str, session_id: str, offset: int, part_bytes: int) -> Begun:
        """The parts up to the offset, by S3's own list; what lies behind it is sent again."""
        numbers, there, after = range(1, offset // part_bytes + 1), dict[int, str](), "0"
        while after:
            url = self._of(key, **{"part-number-marker": after, "uploadId": session_id})
            answer = await self._calls.make(
                Call(name="list the parts of a big object", method="GET", url=url, headers=self._writing.always(), kind=CallKind.LOOK)
            )
            parts, after = parts_of(answer.body)
            # A part that was sent twice is listed twice by some stores.
            there |= {part.number: part.etag for part in parts if part.size == part_bytes}
            if not numbers or numbers[-1] in there:
                break
        if offset % part_bytes or any(number not in there for number in numbers):
            raise NotThereError("S3 has other parts than those that were sent")
        return Begun(id=session_id, offset=offset, tags=[there[number] for number in numbers])

    async def send(self, key: str, begun: Begun, part: Part) -> None:
        """Uploads a part."""
        url = self._of(key, partNumber=str(part.number + 1), uploadId=begun.id)
        headers = self._writing.of_body(part.sums.sha256, part.sums.md5) | self._writing.always()
        call = Call(name="send a part", method="PUT", url=url, headers=headers, body=part.pieces)
        answer = await self._calls.make(_hashed(call, part.sums.sha256.hex()))
        begun.tags.append(answer.headers.get("etag", ""))
        begun.offset += part.size

    async def finish(self, target: Target, begun: Begun, last: Part, sums: StreamSums) -> Stored:
        """Completes the upload. S3 compares each part once more with the hash of what was read."""
        if last.size:
            await self.send(target.key, begun, last)
        if self._caution.looks_first and await self.look(target.key) is not None:
            raise InTheWayError("something else has the item's key")
        failpoint("finish.before")
        try:
            answer = await self._complete(target.key, begun, sums, self._caution.header)
        except NotConditionalError:
            self._ignored()
            answer = await self._complete(target.key, begun, sums, {})
        etag = field(answer.body, "ETag")
        return Stored(hash=_hash_of(answer.headers, etag, field(answer.body, "ChecksumSHA256")), revision=_revision(answer.headers, etag))

    async def abandon(self, key: str, session_id: str) -> None:
        """Aborts the upload; if that fails, the bucket's lifecycle rule does it."""
        call = Call(name="abort a big object", method="DELETE", url=self._of(key, uploadId=session_id), headers=self._writing.always())
        try:
            await self._calls.there(call)
        except ArchiverError as error:
            _log.info("%s", error.message)

    async def ping(self) -> str:
        """Lists nothing of the bucket."""
        await self._calls.make(
            Call(
                name="look at the bucket",
                method="GET",
                url=f"{self._url}/?list-type=2&max-keys=0",
                headers=self._writing.always(),
                kind=CallKind.LOOK,
            ),
            check=_error_in,
        )
        return self._url.partition("://")[2]

    # -- calls ----------------------------------------------------------------------------------------------------------------------

    async def _put(self, target: Target, data: bytes, sums: WholeSums, condition: dict[str, str]) -> Stored:
        writing = self._writing
        headers = writing.of_object(target, sums.sha256, self._clock.wall()) | condition
        headers |= writing.of_body(sums.digest, b"" if writing.checksums else sums.md5)
        call = Call(name="put an object", method="PUT", url=self._of(target.key), headers=headers, body=[data] if data else [])
        told = (await self._calls.make(_hashed(call, sums.sha256))).headers
        etag = told.get("etag", "")
        return Stored(hash=_hash_of(told, etag, told.get("x-amz-checksum-sha256", "")), revision=_revision(told, etag))

    async def _complete(self, key: str, begun: Begun, sums: StreamSums, condition: dict[str, str]) -> Answer:
        checksums = [base64.b64encode(part.sha256).decode() if self._writing.checksums else "" for part in sums.parts]
        body = complete_xml(list(zip(begun.tags, checksums, strict=True)))
        headers = {"content-type": "application/xml"} | self._writing.always() | condition
        url = self._of(key, uploadId=begun.id)
        call = Call(name="complete a big object", method="POST", url=url, headers=headers, body=[body])
        # S3 may say 200, work for minutes, and only then tell that it failed.
        return await self._calls.make(_hashed(call, hashlib.sha256(body).hexdigest()), check=_error_in)

    async def _ask(self, target: Target, data: bytes, sums: WholeSums) -> None:
        """Writes the same once more, to see whether the store refuses."""
        self._caution.conditions = Conditions.ASKING
        try:
            await self._put(target, data, sums, {"if-none-match": "*"})
        except InTheWayError:
            self._caution.conditions = Conditions.KEPT
        except NotConditionalError:
            self._ignored()
        except ArchiverError:
            self._caution.conditions = Conditions.UNKNOWN  # asked again with the next object
        else:
            self._ignored()

    def _ignored(self) -> None:
        self._caution.conditions = Conditions.IGNORED
        _log.warning(
            "this store ignores conditions: each key is looked at before it is written, and nobody else should write here: %s", self._url
        )

    async def _authorised(self, call: Call) -> Mapping[str, str]:
        headers = dict(call.headers)
        sha256 = headers.pop(_SHA256, EMPTY_SHA256)
        return self._signer.sign(call.method, call.url, headers, sha256, self._clock.wall())

    def _of(self, key: str, **query: str) -> str:
        told = "&".join(f"{quote(name, safe='-_.~')}={quote(query[name], safe='-_.~')}" for name in sorted(query))
        return f"{self._url}/{quoted(key)}" + (f"?{told}" if told else "")


_SHA256 = "x-amz-content-sha256"


def _hashed(call: Call, sha256: str) -> Call:
    """A call with the hash of its body, which becomes part of the signature."""
    call.headers = {**call.headers, _SHA256: sha256}
    return call


def _error_in(answer: Answer) -> str:
    return code_of(answer) if b"<Error" in answer.body else ""


def _hash_of(told: Mapping[str, str], etag: str, checksum: str) -> str:
    """The hash that S3 tells: the checksum if it keeps one, else the ETag if that is an MD5."""
    value, dash, count = checksum.partition("-")
    try:
        digest = base64.b64decode(value, validate=True)
    except ValueError:  # signs beyond ASCII, too
        digest = b""
    if len(digest) == hashlib.sha256().digest_size:
        return f"sha256-parts:{digest.hex()}-{count}" if dash else f"sha256:{digest.hex()}"
    etag = etag.strip('"')
    if told.get("x-amz-server-side-encryption", "").startswith("aws:kms"):
        return ""  # then it is no MD5 of the bytes
    if _MD5.fullmatch(etag):
        return f"md5:{etag}"
    return f"md5-parts:{etag}" if _MD5_OF_PARTS.fullmatch(etag) else ""


def _revision(told: Mapping[str, str], etag: str) -> str:
    return told.get("x-amz-version-id", "") or etag.strip('"')


def _is_locked(told: Mapping[str, str], now: float) -> bool:
    """Whether Object Lock keeps a version; told only to keys that may see it."""
    try:
        until = datetime.fromisoformat(told.get("x-amz-object-lock-retain-until-date", "")).timestamp()
    except ValueError:
        until = 0.0
    return until > now or told.get("x-amz-object-lock-legal-hold", "") == "ON"
