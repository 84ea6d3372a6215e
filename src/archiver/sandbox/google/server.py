"""The sandbox as a server: one loopback port that is the API's host, the accounts' host and the token endpoint, and the hands behind."""

from __future__ import annotations

import asyncio
import re
import ssl
import tempfile
from collections.abc import Sequence
from pathlib import Path
from types import TracebackType
from typing import Any, Self
from urllib.parse import urlencode, urlsplit

import msgspec
from aiohttp import web

from archiver.sandbox.clock import SandboxClock
from archiver.sandbox.content import ContentStore
from archiver.sandbox.faults import Fault, FaultScript
from archiver.sandbox.google.grants import CLIENT_ID, CLIENT_SECRET, Grant, Grants
from archiver.sandbox.google.quota import Limits, Over
from archiver.sandbox.google.refusals import Refusal, Reply, json_reply, oauth_refusal, refusal, throttled, unauthenticated
from archiver.sandbox.google.routes import Asked, route_of
from archiver.sandbox.google.uploads import Session, multipart, simple, start, take
from archiver.sandbox.google.users import DEFAULT_QUOTA_BYTES, Login, User, ledger_of
from archiver.sandbox.hands import NewUser, administer, stream_ledger
from archiver.sandbox.ledger import Ledger
from archiver.sandbox.serving import CutOffError, Listener, abort, meet, send

__all__ = ["GoogleDrive"]

_BODY_BYTES = 64 * 1024 * 1024
_API = "/drive/v3/"
_UPLOAD = re.compile(r"/upload/drive/v3/files(?:/(?P<word>[^/]+))?")
_AUTHORISE = {"/o/oauth2/auth", "/o/oauth2/v2/auth"}
_TEXTS: dict[Over, tuple[str, str]] = {
    "units": ("userRateLimitExceeded", "User Rate Limit Exceeded. Rate of requests for user exceed configured project quota."),
    "writes": ("userRateLimitExceeded", "User Rate Limit Exceeded"),
    "bytes": ("userRateLimitExceeded", "User rate limit exceeded."),  # rclone tells the daily limit from others by exactly this text
}


class GoogleDrive:
    """A Google Drive on loopback: ``async with GoogleDrive() as drive`` serves at ``drive.url`` until the block ends.

    Args:
        port: Where; 0 takes a free one.
        tls: Serves HTTPS beside HTTP, at ``tls_url``.
        directory: Where contents are kept; a temporary one by default.
        testing: The application's consent screen is in testing: refresh tokens live a week.
        keep_content: False keeps hashes only.
    """

    def __init__(
        self,
        *,
        port: int = 0,
        tls: ssl.SSLContext | None = None,
        directory: Path | None = None,
        testing: bool = False,
        keep_content: bool = True,
    ) -> None:
        self._temporary = None if directory is not None else tempfile.TemporaryDirectory(prefix="archiver-sandbox-")
        self.directory = directory if directory is not None else Path(self._temporary.name if self._temporary else "")
        self.clock = SandboxClock()
        self.contents = ContentStore(self.directory / "content", keep=keep_content)
        self.faults = FaultScript()
        self.grants = Grants(testing=testing)
        self.users: dict[str, User] = {}
        self._sessions: dict[str, Session] = {}
        self._listener = Listener(self._handle, port=port, tls=tls, body_bytes=_BODY_BYTES)

    async def __aenter__(self) -> Self:
        await self._listener.start()
        return self

    async def __aexit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        await self._listener.close()
        self.contents.close()
        if self._temporary is not None:
            self._temporary.cleanup()

    @property
    def url(self) -> str:
        """Where it is."""
        return self._listener.url

    @property
    def tls_url(self) -> str:
        """Where it is over TLS; empty without."""
        return self._listener.tls_url

    # -- hands ----------------------------------------------------------------------------------------------------------------------

    def add_user(self, name: str, limits: Limits | None = None, *, quota_bytes: int = DEFAULT_QUOTA_BYTES) -> Login:
        """Adds a user with an authorisation.

        Raises:
            ValueError: There is one of this name.
        """
        if not name or name in self.users:
            raise ValueError(f"a user needs a name of its own, not {name!r}")
        user = self.users[name] = User(name, limits or Limits(), quota_bytes, self.clock.now())
        return self.login(user.name)

    def login(self, name: str, **how: Any) -> Login:
        """Another authorisation of a user; see `Grants.authorise`."""
        user, now = self.users[name], self.clock.now()
        grant = self.grants.authorise(name, now, **how)
        return Login(
            name=name,
            email=user.email,
            client_id=CLIENT_ID,
            client_secret=CLIENT_SECRET,
            refresh_token=grant.refresh_token,
            access_token=self.grants.issue(grant, now),
        )

    def new_user(self, said: bytes) -> Login:
        """Adds the user of a body in JSON."""
        new = msgspec.json.decode(said, type=NewUser)
        return self.add_user(new.name, Limits().changed(new.limits), quota_bytes=new.quota_bytes)

    def set_quota(self, name: str, quota_bytes: int) -> None:
        """Changes a user's space."""
        self.users[name].quota_bytes = quota_bytes

    def expire(self, name: str) -> None:
        """A user's access tokens end now."""
        self.grants.expire(name)

    def revoke(self, name: str) -> None:
        """The user has removed the application."""
        for grant in self.grants.of(name):
            grant.revoked = True

    def set_limits(self, name: str, **changes: Any) -> Limits:
        """Changes some of a user's limits, at once."""
        user = self.users[name]
        user.limits = user.limits.changed(changes)
        return user.limits

    def add_fault(self, *faults: Fault) -> None:
        """Sets what goes wrong from now on."""
        for fault in faults:
            self.faults.add(fault)

    def ledger(self) -> Ledger:
        """What was stored and asked so far: a copy."""
        return ledger_of(iter(self.users.values()), self.contents)

    # -- requests -------------------------------------------------------------------------------------------------------------------

    async def _handle(self, request: web.BaseRequest) -> web.StreamResponse:
        try:
            if request.path == "/sandbox/ledger":
                return await stream_ledger(request, self.ledger())
            reply, faults = await self._answer(request)
            headers = {"Content-Type": reply.content_type, "Server": "ESF", **reply.headers}
            return await send(request, reply.status, reply.body, headers, faults)
        except (CutOffError, ConnectionError, web.RequestPayloadError):  # cut by a fault, or by the client in the middle of its request
            return abort(request)

    async def _answer(self, request: web.BaseRequest) -> tuple[Reply, Sequence[Fault]]:
        faults: list[Fault] = []
        try:
            return await self._find(request, faults), faults
        except Refusal as refused:
            return refused.reply, faults

    async def _find(self, request: web.BaseRequest, faults: list[Fault]) -> Reply:
        path = request.path
        if path.startswith("/sandbox/"):
            return administer(self, request.method, path.removeprefix("/sandbox/"), await request.read())
        if path in _AUTHORISE:
            return self._authorise(request)
        if path in {"/token", "/revoke"}:
            return await self._token(request, faults)
        upload = _UPLOAD.fullmatch(path)
        if upload is not None:
            return await self._upload(request, faults, upload["word"] or "")
        found = route_of(request.method, path.removeprefix(_API), request.query) if path.startswith(_API) else None
        if found is None:
            return Reply(status=404, body=b"<html>Not Found</html>", content_type="text/html; charset=UTF-8")
        name, answer, word = found
        asked = await self._admit(request, name, faults, word)
        asked.body = await request.read()
        return answer(asked)

    def _authorise(self, request: web.BaseRequest) -> Reply:
        """Nobody sits at the sandbox: the page says yes at once, for the user that ``login_hint`` names, else for the first."""
        query = request.query
        hint = query.get("login_hint", "").partition("@")[0] or next(iter(self.users), "")
        if hint not in self.users:
            raise oauth_refusal("access_denied", "The sandbox has no such user.", status=403)
        code, redirect = self.grants.code(query, hint, self.clock.now()), query.get("redirect_uri", "")
        back = urlencode({"state": query.get("state", ""), "code": code, "scope": query.get("granted", query.get("scope", ""))})
        return Reply(status=302, headers={"Location": f"{redirect}{'&' if urlsplit(redirect).query else '?'}{back}"})

    async def _token(self, request: web.BaseRequest, faults: list[Fault]) -> Reply:
        faults += self.faults.hit("token", "")
        instead = await meet(faults, request, self._listener.closing)
        if instead is not None:
            return _scripted(instead)
        form = {name: str(value) for name, value in (await request.post()).items()}
        if request.path == "/revoke":
            if self.grants.revoke(form.get("token", request.query.get("token", ""))):
                return json_reply({})
            raise oauth_refusal("invalid_token", "Token expired or revoked")
        return json_reply(self.grants.trade(form, self.clock.now()))

    async def _admit(self, request: web.BaseRequest, name: str, faults: list[Fault], word: str) -> Asked:
        """Who asks, whether they may, and what goes wrong before anything is done.

        Raises:
            Refusal: It may not be, or it is scripted.
            CutOffError: A fault cuts the connection.
        """
        received_at = self.clock.now()
        token, grant = self.grants.authenticate(request.headers.get("Authorization", ""), received_at)
        user = self.users[grant.user]
        user.activity.called(name, received_at, commits=request.method != "GET", token=token)
        if user.limits.latency:
            await asyncio.sleep(user.limits.latency)
        now = self.clock.now()
        self._check(user, user.meter.admit(name, now, user.limits), received_at)
        user.activity.admitted(received_at)
        faults += self.faults.hit(name, user.name)
        instead = await meet(faults, request, self._listener.closing)
        if instead is not None:
            self._instead(instead, user, grant, now)
        return Asked(user=user, grant=grant, query=request.query, word=word, body=b"", now=now, contents=self.contents)

    def _check(self, user: User, over: Over | None, received_at: float) -> None:
        if over is None:
            return
        limits = user.limits
        user.activity.refused("too_many_requests", received_at, self.clock.now(), limits.retry_after)
        reason, text = _TEXTS[over]
        if limits.status == 429:
            reason, text = "rateLimitExceeded", "Rate Limit Exceeded"
        raise throttled(reason, text, status=limits.status, retry_after=limits.retry_after)

    def _instead(self, fault: Fault, user: User, grant: Grant, now: float) -> None:
        match fault.action:
            case "expire_token":
                self.grants.expire(user.name)
                raise unauthenticated()
            case "revoke":
                grant.revoked = True
                raise unauthenticated()
            case _:
                if fault.status in {403, 429}:
                    told = next((value for name, value in fault.headers.items() if name.lower() == "retry-after"), "")
                    user.activity.refused("too_many_requests", now, now, int(told) if told.isdecimal() else None)
                raise Refusal(_scripted(fault))

    async def _upload(self, request: web.BaseRequest, faults: list[Fault], word: str) -> Reply:
        query, kind = request.query, request.query.get("uploadType", "")
        if "upload_id" in query:
            return await self._chunk(request, faults, query["upload_id"])
        if kind not in {"media", "multipart", "resumable"} or request.method not in {"POST", "PATCH"}:
            raise refusal(400, "badRequest", "Unknown kind of upload.")
        asked = await self._admit(request, f"upload.{kind}", faults, word)
        asked.body = await request.read()
        corrupt = any(fault.action == "corrupt" for fault in faults)
        if kind == "resumable":
            session = start(asked, request.headers)
            self._sessions[session.id] = session
            here = f"{request.scheme}://{request.host}{request.path}"
            kept = {name: value for name, value in query.items() if name != "upload_id"}
            return Reply(headers={"Location": f"{here}?{urlencode({**kept, 'upload_id': session.id})}", "X-GUploader-UploadID": session.id})
        self._check(asked.user, asked.user.meter.take(len(asked.body), asked.now, asked.user.limits), asked.now)
        asked.user.activity.received(asked.now, len(asked.body))
        content_type = request.headers.get("Content-Type", "")
        return simple(asked, content_type, corrupt=corrupt) if kind == "media" else multipart(asked, content_type, corrupt=corrupt)

    async def _chunk(self, request: web.BaseRequest, faults: list[Fault], upload_id: str) -> Reply:
        session = self._sessions.get(upload_id)
        if session is None:
            raise refusal(404, "notFound", "The upload session is not known.")
        name = "upload.chunk" if request.content_length else "upload.status"
        asked = await self._admit(request, name, faults, "")
        if session.user is not asked.user:
            raise refusal(404, "notFound", "The upload session is not known.")
        asked.query = session.query  # what was asked at the beginning counts
        size = request.content_length or 0
        self._check(asked.user, asked.user.meter.take(size, asked.now, asked.user.limits), asked.now)
        asked.user.activity.received(asked.now, size)
        return await take(asked, session, request, corrupt=any(fault.action == "corrupt" for fault in faults))


def _scripted(fault: Fault) -> Reply:
    return Reply(status=fault.status, body=fault.body.encode(), content_type=fault.content_type, headers=fault.headers)
