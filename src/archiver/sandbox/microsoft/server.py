"""The sandbox as a server: one loopback port that is Graph, the upload host and the token endpoint, and the hands behind."""

from __future__ import annotations

import asyncio
import re
import ssl
import tempfile
from pathlib import Path
from types import TracebackType
from typing import Any, Self
from urllib.parse import urlencode, urlsplit

import msgspec
from aiohttp import web

from archiver.sandbox.clock import SandboxClock
from archiver.sandbox.content import ContentStore
from archiver.sandbox.faults import Fault, FaultScript
from archiver.sandbox.hands import NewUser, administer, stream_ledger
from archiver.sandbox.ledger import Ledger
from archiver.sandbox.microsoft.budget import Limits
from archiver.sandbox.microsoft.drive import Drive, DriveType
from archiver.sandbox.microsoft.grants import CLIENT_ID, CLIENT_SECRET, SCOPES, Grant, Grants
from archiver.sandbox.microsoft.refusals import (
    Refusal,
    Reply,
    graph_refusal,
    json_reply,
    not_found,
    oauth_refusal,
    unauthenticated,
)
from archiver.sandbox.microsoft.routes import Asked, Place, answer_of, place_of
from archiver.sandbox.microsoft.uploads import Session, begin, put, take
from archiver.sandbox.microsoft.users import DEFAULT_QUOTA_BYTES, Login, User, ledger_of
from archiver.sandbox.serving import CutOffError, Listener, abort, meet, send

__all__ = ["OneDrive"]

_BODY_BYTES = 256 * 1024 * 1024
_OAUTH = re.compile(r"/[^/]+/oauth2/v2\.0/(?P<end>authorize|token)")
_SESSION = "/uploadSession"
_WIDE = {"Files.ReadWrite.All", "Sites.ReadWrite.All"}
_NARROW = {"Files.ReadWrite"} | _WIDE


class _NewUser(NewUser, kw_only=True, forbid_unknown_fields=True):
    kind: DriveType = "business"


class _Call(msgspec.Struct):
    """A request on its way, what goes wrong with it, and the headers that its answer has in any case."""

    request: web.BaseRequest
    faults: list[Fault]
    told: dict[str, str]

    @property
    def corrupts(self) -> bool:
        """What it brings is stored wrong."""
        return any(fault.action == "corrupt" for fault in self.faults)


class OneDrive:
    """A OneDrive on loopback: ``async with OneDrive() as onedrive`` serves at ``onedrive.url`` until the block ends.

    Args:
        port: Where; 0 takes a free one.
        tls: Serves HTTPS beside HTTP, at ``tls_url``.
        directory: Where contents are kept; a temporary one by default.
        public: The application has no secret.
        keep_content: False keeps hashes only.
    """

    def __init__(
        self,
        *,
        port: int = 0,
        tls: ssl.SSLContext | None = None,
        directory: Path | None = None,
        public: bool = False,
        keep_content: bool = True,
    ) -> None:
        self._temporary = None if directory is not None else tempfile.TemporaryDirectory(prefix="archiver-sandbox-")
        self.directory = directory if directory is not None else Path(self._temporary.name if self._temporary else "")
        self.clock = SandboxClock()
        self.contents = ContentStore(self.directory / "content", keep=keep_content)
        self.faults = FaultScript()
        self.grants = Grants(public=public)
        self.users: dict[str, User] = {}
        self.drives: dict[str, Drive] = {}
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

    def add_user(
        self, name: str, limits: Limits | None = None, *, kind: DriveType = "business", quota_bytes: int = DEFAULT_QUOTA_BYTES
    ) -> Login:
        """Adds a user with a drive and an authorisation.

        Raises:
            ValueError: There is one of this name.
        """
        if not name or name in self.users:
            raise ValueError(f"a user needs a name of its own, not {name!r}")
        self.users[name] = User(name, limits or Limits(), self._add_drive(name, kind, quota_bytes))
        return self.login(name)

    def add_library(self, name: str, *, quota_bytes: int = DEFAULT_QUOTA_BYTES) -> str:
        """Adds a SharePoint library, which everybody reaches with a wide scope; its id."""
        return self._add_drive(name, "documentLibrary", quota_bytes).id

    def login(self, name: str, scopes: frozenset[str] = SCOPES) -> Login:
        """Another authorisation of a user."""
        user, now = self.users[name], self.clock.now()
        grant = self.grants.authorise(name, scopes)
        return Login(
            name=name,
            email=user.email,
            drive_id=user.drive.id,
            client_id=CLIENT_ID,
            client_secret="" if self.grants.public else CLIENT_SECRET,
            refresh_token=self.grants.renew(grant, now),
            access_token=self.grants.issue(grant, now),
        )

    def new_user(self, said: bytes) -> Login:
        """Adds the user of a body in JSON."""
        new = msgspec.json.decode(said, type=_NewUser)
        return self.add_user(new.name, Limits().changed(new.limits), kind=new.kind, quota_bytes=new.quota_bytes)

    def set_quota(self, name: str, quota_bytes: int) -> None:
        """Changes the space of a user's own drive."""
        self.users[name].drive.quota_bytes = quota_bytes

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
        return ledger_of(self.users.values(), self.drives.values(), self.contents)

    def _add_drive(self, name: str, kind: DriveType, quota_bytes: int) -> Drive:
        drive = Drive(name, kind, quota_bytes, self.clock.now())
        self.drives[drive.id.casefold()] = drive
        return drive

    # -- requests -------------------------------------------------------------------------------------------------------------------

    async def _handle(self, request: web.BaseRequest) -> web.StreamResponse:
        call = _Call(request, [], {})
        try:
            if request.path == "/sandbox/ledger":
                return await stream_ledger(request, self.ledger())
            try:
                reply = await self._find(call)
            except Refusal as refused:
                reply = refused.reply
            return await send(
                request, reply.status, reply.body, {"Content-Type": reply.content_type, **call.told, **reply.headers}, call.faults
            )
        except (CutOffError, ConnectionError, web.RequestPayloadError):  # cut by a fault, or by the client in the middle of its request
            return abort(request)

    async def _find(self, call: _Call) -> Reply:
        request, path = call.request, call.request.path
        if path.startswith("/sandbox/"):
            return administer(self, request.method, path.removeprefix("/sandbox/"), await request.read())
        oauth = _OAUTH.fullmatch(path)
        if oauth is not None:
            return self._authorise(request) if oauth["end"] == "authorize" else await self._token(call)
        if path.endswith(_SESSION):
            return await self._fragment(call)
        token, grant = self.grants.authenticate(request.headers.get("Authorization", ""), self.clock.now())
        if path == "/v1.0/me":
            user = await self._admit(call, "me.get", grant, token)
            return json_reply({"displayName": user.name, "mail": None, "userPrincipalName": user.email, "id": "1"})
        place = place_of(request.rel_url.raw_path)
        if place is None:
            raise graph_refusal(400, "BadRequest", "Resource not found for the segment.")
        return await self._at(place, call, grant, token)

    async def _at(self, place: Place, call: _Call, grant: Grant, token: str) -> Reply:
        request = call.request
        uploads = {("PUT", "content"): "upload.content", ("POST", "createUploadSession"): "upload.begin"}
        upload, known = uploads.get((request.method, place.action)), answer_of(request.method, place)
        if upload is None and known is None:
            raise graph_refusal(405, "methodNotAllowed", "The HTTP method is not permitted here.")
        name = upload or (known[0] if known is not None else "")
        user = await self._admit(call, name, grant, token)
        drive = user.drive if not place.drive else self.drives.get(place.drive.casefold())
        if drive is None:
            raise not_found()
        if not grant.scopes & (_NARROW if drive is user.drive else _WIDE):
            raise graph_refusal(403, "accessDenied", "The caller does not have permission to perform the action.")
        asked = Asked(
            user=user,
            grant=grant,
            drive=drive,
            start=drive.by_id(place.item or ""),
            path=place.path,
            query=request.query,
            body=await request.read(),
            now=self.clock.now(),
            contents=self.contents,
        )
        if upload == "upload.content":
            user.activity.received(asked.now, len(asked.body))
            return put(asked, corrupt=call.corrupts)
        if upload == "upload.begin":
            session, reply = begin(asked, f"{request.scheme}://{request.host}")
            self._sessions[session.id] = session
            return reply
        assert known is not None  # noqa: S101  looked at above
        return known[1](asked)

    async def _fragment(self, call: _Call) -> Reply:
        request = call.request
        session = self._sessions.get(request.query.get("guid", "").strip("'"))
        if session is None or session.until < self.clock.now():
            raise not_found()
        names = {"PUT": "upload.fragment", "GET": "upload.status", "DELETE": "upload.cancel"}
        if request.method == "PUT" and "Authorization" in request.headers:
            raise unauthenticated("The address of an upload is leave enough.")
        await self._admit(call, names.get(request.method, "upload.status"), session.grant)
        if request.method == "DELETE":
            del self._sessions[session.id]
            return Reply(status=204)
        if request.method == "GET":
            return session.state(200)
        asked = Asked(
            user=session.user,
            grant=session.grant,
            drive=session.drive,
            start=session.start,
            path=session.path,
            query=request.query,
            body=b"",
            now=self.clock.now(),
            contents=self.contents,
        )
        before = session.offset
        reply = await take(asked, session, request, corrupt=call.corrupts)
        session.user.activity.received(asked.now, session.offset - before)
        if reply.status != 202:
            del self._sessions[session.id]
        return reply

    async def _admit(self, call: _Call, name: str, grant: Grant, token: str = "") -> User:
        """Whether a call may be, and what goes wrong before anything is done.

        Raises:
            Refusal: It may not be, or it is scripted.
            CutOffError: A fault cuts the connection.
        """
        received_at = self.clock.now()
        user = self.users[grant.user]
        user.activity.called(name, received_at, commits=call.request.method != "GET", token=token)
        if user.limits.latency:
            await asyncio.sleep(user.limits.latency)
        now = self.clock.now()
        wait = user.budget.take(name, now, user.limits)
        call.told.update(user.budget.told(now, user.limits))
        if wait is not None:
            user.activity.refused("too_many_requests", received_at, now, wait)
            code = "activityLimitReached" if user.limits.status == 429 else "serviceNotAvailable"
            headers = {"Retry-After": str(wait)}
            raise graph_refusal(user.limits.status, code, "The app or user has been throttled.", inner="throttledRequest", headers=headers)
        user.activity.admitted(received_at)
        call.faults += self.faults.hit(name, user.name)
        instead = await meet(call.faults, call.request, self._listener.closing)
        if instead is not None:
            self._instead(instead, user, grant, now)
        return user

    def _instead(self, fault: Fault, user: User, grant: Grant, now: float) -> None:
        match fault.action:
            case "expire_token":
                self.grants.expire(user.name)
                raise unauthenticated()
            case "revoke":
                grant.revoked = True
                raise unauthenticated()
            case _:
                if fault.status in {429, 503}:
                    wait = next((value for name, value in fault.headers.items() if name.lower() == "retry-after"), "")
                    user.activity.refused("too_many_requests", now, now, int(wait) if wait.isdecimal() else None)
                raise Refusal(_scripted(fault))

    def _authorise(self, request: web.BaseRequest) -> Reply:
        """Nobody sits at the sandbox: the page says yes at once, for the user that ``login_hint`` names, else for the first."""
        query = request.query
        hint = query.get("login_hint", "").partition("@")[0] or next(iter(self.users), "")
        if hint not in self.users:
            raise oauth_refusal("access_denied", "The sandbox has no such user.", status=403)
        code, redirect = self.grants.code(query, hint, self.clock.now()), query.get("redirect_uri", "")
        back = urlencode({"code": code, "state": query.get("state", "")})
        return Reply(status=302, headers={"Location": f"{redirect}{'&' if urlsplit(redirect).query else '?'}{back}"})

    async def _token(self, call: _Call) -> Reply:
        call.faults += self.faults.hit("token", "")
        instead = await meet(call.faults, call.request, self._listener.closing)
        if instead is not None:
            return _scripted(instead)
        form = {name: str(value) for name, value in (await call.request.post()).items()}
        return json_reply(self.grants.trade(form, self.clock.now()))


def _scripted(fault: Fault) -> Reply:
    return Reply(status=fault.status, body=fault.body.encode(), content_type=fault.content_type, headers=fault.headers)
