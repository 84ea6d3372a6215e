"""The sandbox as a server: one loopback port that is the API's host and the token endpoint, and the hands behind."""

from __future__ import annotations

import re
import tempfile
from collections.abc import Sequence
from pathlib import Path
from types import TracebackType
from typing import Self
from urllib.parse import quote, unquote

from aiohttp import web

from archiver.sandbox.clock import SandboxClock
from archiver.sandbox.content import ContentStore
from archiver.sandbox.faults import Fault, FaultScript
from archiver.sandbox.gcs.bucket import Bucket
from archiver.sandbox.gcs.grants import Accounts, ServiceKey
from archiver.sandbox.gcs.routes import conditions_of, list_objects, of_object
from archiver.sandbox.gcs.uploads import Session, described, multipart, put
from archiver.sandbox.google.refusals import Refusal, Reply, json_reply, refusal
from archiver.sandbox.serving import CutOffError, Listener, abort, meet, send

__all__ = ["GoogleStorage"]

_BODY_BYTES = 64 * 1024 * 1024
_UPLOAD = re.compile(r"/upload/storage/v1/b/(?P<bucket>[^/]+)/o")
_OBJECTS = re.compile(r"(?:/download)?/storage/v1/b/(?P<bucket>[^/]+)(?:/o(?:/(?P<name>.+))?)?")


class GoogleStorage:
    """A Google Cloud Storage on loopback: ``async with GoogleStorage() as storage`` serves at ``storage.url`` until the block ends.

    Args:
        port: Where; 0 takes a free one.
        keep_content: False keeps hashes only.

    Attributes:
        buckets: By name.
        calls: What was asked, as far as it got in: ``objects.insert``, ``objects.get``, ….
    """

    def __init__(self, *, port: int = 0, keep_content: bool = True) -> None:
        self._temporary = tempfile.TemporaryDirectory(prefix="archiver-sandbox-")
        self._contents = ContentStore(Path(self._temporary.name) / "content", keep=keep_content)
        self._listener = Listener(self._handle, port=port, body_bytes=_BODY_BYTES)
        self._accounts = Accounts()
        self._faults = FaultScript()
        self._sessions: dict[str, Session] = {}
        self.clock = SandboxClock()
        self.buckets: dict[str, Bucket] = {}
        self.calls: list[str] = []

    async def __aenter__(self) -> Self:
        await self._listener.start()
        return self

    async def __aexit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        await self._listener.close()
        self._contents.close()
        self._temporary.cleanup()

    # -- hands ----------------------------------------------------------------------------------------------------------------------

    @property
    def url(self) -> str:
        """Where it is."""
        return self._listener.url

    def add_bucket(self, name: str, *, retention: bool = False) -> Bucket:
        """Makes a bucket."""
        self.buckets[name] = Bucket(name, self.url, retention=retention)
        return self.buckets[name]

    def add_account(self, name: str) -> ServiceKey:
        """Makes a service account that may do everything."""
        return self._accounts.add(name, f"{self.url}/token")

    def remove_account(self, email: str) -> None:
        """Takes away an account's keys."""
        self._accounts.remove(email)

    def expire_tokens(self) -> None:
        """Lets every token end now."""
        self._accounts.expire_tokens()

    def add_fault(self, *faults: Fault) -> None:
        """Sets what goes wrong from now on; routes are those of `calls`, and ``token``."""
        for fault in faults:
            self._faults.add(fault)

    def clear_faults(self) -> None:
        """Heals everything."""
        self._faults.clear()

    def stored(self, bucket: str) -> dict[str, bytes]:
        """Everything that is visible in a bucket, by name."""
        return {name: b"".join(self._contents.chunks(found.sha256)) for name, found in self.buckets[bucket].objects.items()}

    # -- requests -------------------------------------------------------------------------------------------------------------------

    async def _handle(self, request: web.BaseRequest) -> web.StreamResponse:
        faults: list[Fault] = []
        try:
            try:
                reply = await self._answer(request, faults)
            except Refusal as refused:
                reply = refused.reply
            headers = {"Content-Type": reply.content_type, "Server": "UploadServer", **reply.headers}
            return await send(request, reply.status, reply.body, headers, faults)
        except (CutOffError, ConnectionError, web.RequestPayloadError):  # cut by a fault, or by the client in the middle of its request
            return abort(request)

    async def _answer(self, request: web.BaseRequest, faults: list[Fault]) -> Reply:
        path = request.rel_url.raw_path
        if path == "/token":
            await self._meet("token", request, faults)
            form = {name: str(value) for name, value in (await request.post()).items()}
            return json_reply(self._accounts.trade(form, f"{self.url}/token", self.clock.now()))
        upload = _UPLOAD.fullmatch(path)
        if upload is not None:
            return await self._upload(request, unquote(upload["bucket"]), faults)
        found = _OBJECTS.fullmatch(path)
        if found is None:
            return Reply(status=404, body=b"Not Found", content_type="text/plain")
        self._accounts.authenticate(request.headers.get("Authorization", ""), self.clock.now())
        if found["name"] is None:
            lists = path.endswith("/o")
            await self._admit("objects.list" if lists else "buckets.get", request, faults)
            bucket = self._bucket(unquote(found["bucket"]))
            return list_objects(bucket, request.query) if lists else json_reply({"kind": "storage#bucket", "name": bucket.name})
        await self._admit("objects.delete" if request.method == "DELETE" else "objects.get", request, faults)
        bucket, name = self._bucket(unquote(found["bucket"])), unquote(found["name"])
        return of_object(request, bucket, name, self._contents, self.clock.now())

    async def _upload(self, request: web.BaseRequest, bucket_name: str, faults: list[Fault]) -> Reply:
        now, query = self.clock.now(), request.query
        self._accounts.authenticate(request.headers.get("Authorization", ""), now)
        kind = query.get("uploadType", "")
        if "upload_id" in query:
            return await self._resume(request, faults)
        await self._admit("objects.insert" if kind != "resumable" else "uploads.start", request, faults)
        bucket, conditions = self._bucket(bucket_name), conditions_of(query)
        body, media_type, name = await request.read(), request.content_type, query.get("name", "")
        if kind == "multipart":
            said, data = multipart(body, request.headers.get("Content-Type", ""), name)
        elif kind == "media":
            said, data = described(b"", name, media_type), body
        elif kind == "resumable":
            said = described(body, name, request.headers.get("X-Upload-Content-Type", ""))
            bucket.may(said, conditions, now)
            session = Session(bucket, said, conditions, self._contents, now)
            self._sessions[session.id] = session
            place = f"{self.url}/upload/storage/v1/b/{quote(bucket.name)}/o?uploadType=resumable&upload_id={session.id}"
            return Reply(headers={"Location": place, "X-GUploader-UploadID": session.id})
        else:
            raise refusal(400, "badRequest", "Unknown uploadType.")
        bucket.may(said, conditions, now)
        return json_reply(put(bucket, self._contents, said, data, now, corrupt=_corrupts(faults)).shown())

    async def _resume(self, request: web.BaseRequest, faults: list[Fault]) -> Reply:
        await self._admit("uploads.cancel" if request.method == "DELETE" else "uploads.put", request, faults)
        session = self._sessions.get(request.query["upload_id"])
        if session is None or self.clock.now() > session.until:
            return Reply(status=404, body=b"Not Found", content_type="text/plain")
        if request.method == "DELETE":
            del self._sessions[session.id]
            return Reply(status=499)
        return await session.take(request, self.clock.now(), corrupt=_corrupts(faults))

    async def _admit(self, route: str, request: web.BaseRequest, faults: list[Fault]) -> None:
        self.calls.append(route)
        await self._meet(route, request, faults)

    async def _meet(self, route: str, request: web.BaseRequest, faults: list[Fault]) -> None:
        faults += self._faults.hit(route, "")
        instead = await meet(faults, request, self._listener.closing)
        if instead is None:
            return
        reply = Reply(status=instead.status, body=instead.body.encode(), content_type=instead.content_type, headers=instead.headers)
        raise Refusal(reply)

    def _bucket(self, name: str) -> Bucket:
        bucket = self.buckets.get(name)
        if bucket is None:
            raise refusal(404, "notFound", "The specified bucket does not exist.")
        return bucket


def _corrupts(faults: Sequence[Fault]) -> bool:
    return any(fault.action == "corrupt" for fault in faults)
