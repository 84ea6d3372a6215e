"""The sandbox as a server: one loopback port that is the API, the upload host and the token endpoint, and the hands behind."""

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

from archiver.sandbox.box.grants import CLIENT_ID, CLIENT_SECRET, Grant, Grants
from archiver.sandbox.box.limits import Limits
from archiver.sandbox.box.refusals import Refusal, Reply, box_refusal, json_reply, not_found, oauth_refusal, unauthenticated
from archiver.sandbox.box.routes import Asked, answer_of
from archiver.sandbox.box.uploads import Session, begin, commit, form_of, put, take
from archiver.sandbox.box.users import DEFAULT_QUOTA_BYTES, Login, User, ledger_of
from archiver.sandbox.clock import SandboxClock
from archiver.sandbox.content import ContentStore
from archiver.sandbox.faults import Fault, FaultScript
from archiver.sandbox.hands import NewUser, administer, stream_ledger
from archiver.sandbox.ledger import Ledger
from archiver.sandbox.serving import CutOffError, Listener, abort, meet, send

__all__ = ["Box"]

_BODY_BYTES = 64 * 1024 * 1024
_UPLOAD = re.compile(r"/files(?:/(?P<id>[0-9]+))?/(?P<how>content|upload_sessions)")
_SESSION = re.compile(r"/files/upload_sessions/(?P<id>[0-9A-Za-z]+)(?:/(?P<action>parts|commit))?")
_SESSION_ROUTES = {
    ("GET", None): "session.get",
    ("PUT", None): "session.part",
    ("DELETE", None): "session.cancel",
    ("GET", "parts"): "session.parts",
    ("POST", "commit"): "session.commit",
}
_UPLOADS = frozenset({"files.upload", "session.begin"})
"""What counts as an upload of a minute."""


class _Call(msgspec.Struct):
    """A request on its way, and what goes wrong with it."""

    request: web.BaseRequest
    faults: list[Fault]

    @property
    def corrupts(self) -> bool:
        """What it brings is stored wrong."""
        return any(fault.action == "corrupt" for fault in self.faults)


class Box:
    """A Box on loopback: ``async with Box() as box`` serves at ``box.url`` until the block ends.

    Args:
        port: Where; 0 takes a free one.
        tls: Serves HTTPS beside HTTP, at ``tls_url``.
        keep_content: False keeps hashes only.
    """

    def __init__(self, *, port: int = 0, tls: ssl.SSLContext | None = None, keep_content: bool = True) -> None:
        self._temporary = tempfile.TemporaryDirectory(prefix="archiver-sandbox-")
        self.clock = SandboxClock()
        self.contents = ContentStore(Path(self._temporary.name) / "content", keep=keep_content)
        self.faults = FaultScript()
        self.grants = Grants()
        self.users: dict[str, User] = {}
        self._sessions: dict[str, Session] = {}
        self._listener = Listener(self._handle, port=port, tls=tls, body_bytes=_BODY_BYTES)

    async def __aenter__(self) -> Self:
        await self._listener.start()
        return self

    async def __aexit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        await self._listener.close()
        self.contents.close()
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
        user = self.users[name] = User(name, limits or Limits(), quota_bytes)
        grant = self.grants.authorise(name, self.clock.now())
        return Login(
            name=name,
            email=user.email,
            client_id=CLIENT_ID,
            client_secret=CLIENT_SECRET,
            refresh_token=grant.refresh,
            access_token=next(iter(grant.access)),
        )

    def new_user(self, said: bytes) -> Login:
        """Adds the user of a body in JSON."""
        new = msgspec.json.decode(said, type=NewUser)
        return self.add_user(new.name, Limits().changed(new.limits), quota_bytes=new.quota_bytes)

    def set_quota(self, name: str, quota_bytes: int) -> None:
        """Changes a user's space."""
        self.users[name].tree.quota_bytes = quota_bytes

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
        return ledger_of(self.users.values(), self.contents)

    # -- requests -------------------------------------------------------------------------------------------------------------------

    async def _handle(self, request: web.BaseRequest) -> web.StreamResponse:
        call = _Call(request, [])
        try:
            if request.path == "/sandbox/ledger":
                return await stream_ledger(request, self.ledger())
            try:
                reply = await self._find(call)
            except Refusal as refused:
                reply = refused.reply
            return await send(request, reply.status, reply.body, {"Content-Type": reply.content_type, **reply.headers}, call.faults)
        except (CutOffError, ConnectionError, web.RequestPayloadError):  # cut by a fault, or by the client in the middle of its request
            return abort(request)

    async def _find(self, call: _Call) -> Reply:
        request = call.request
        if request.path.startswith("/sandbox/"):
            return administer(self, request.method, request.path.removeprefix("/sandbox/"), await request.read())
        path = request.path.removeprefix("/api")
        if path.startswith("/oauth2/"):
            return await self._oauth(call, path.removeprefix("/oauth2/"))
        if not path.startswith("/2.0/"):
            raise not_found()
        path = path.removeprefix("/2.0").rstrip("/")
        token, grant = self.grants.authenticate(request.headers.get("Authorization", ""), self.clock.now())
        session = _SESSION.fullmatch(path)
        if session is not None:
            return await self._session(call, session, grant, token)
        upload = _UPLOAD.fullmatch(path) if request.method == "POST" else None
        if upload is not None:
            return await self._upload(call, upload, grant, token)
        known = answer_of(request.method, path)
        if known is None:
            raise box_refusal(405, "method_not_allowed", "Method Not Allowed")
        name, item_id, answer = known
        user = await self._admit(call, name, grant, token)
        return answer(await self._asked(call, user, item_id))

    async def _upload(self, call: _Call, found: re.Match[str], grant: Grant, token: str) -> Reply:
        whole = found["how"] == "content"
        user = await self._admit(call, "files.upload" if whole else "session.begin", grant, token)
        if whole:
            form = await form_of(call.request)
            user.activity.received(self.clock.now(), len(form.data))
            return put(await self._asked(call, user, found["id"] or "", body=b""), form, corrupt=call.corrupts)
        session = begin(await self._asked(call, user, found["id"] or ""))
        self._sessions[session.id] = session
        return json_reply(session.shown(), status=201)

    async def _session(self, call: _Call, found: re.Match[str], grant: Grant, token: str) -> Reply:
        name = _SESSION_ROUTES.get((call.request.method, found["action"]))
        if name is None:
            raise box_refusal(405, "method_not_allowed", "Method Not Allowed")
        user = await self._admit(call, name, grant, token)
        session = self._sessions.get(found["id"])
        if session is None:
            raise not_found()
        if session.user != user.name:
            raise box_refusal(403, "forbidden", "Only the user who began an upload session may use it.")
        asked = await self._asked(call, user, "")
        if session.until <= asked.now:
            raise box_refusal(410, "session_expired", "The upload session has expired.")
        match name:
            case "session.get":
                return json_reply(session.shown())
            case "session.parts":
                parts = [shown for _, (shown, _) in sorted(session.parts.items())]
                start, limit = int(asked.query.get("offset") or 0), int(asked.query.get("limit") or 1000)
                return json_reply({"entries": parts[start : start + limit], "total_count": len(parts), "offset": start, "limit": limit})
            case "session.part":
                user.activity.received(asked.now, len(asked.body))
                return take(asked, session)
            case "session.commit":
                reply = commit(asked, session, corrupt=call.corrupts)
                if reply.status == 201:
                    del self._sessions[session.id]
                return reply
        del self._sessions[session.id]
        return Reply(status=204)

    async def _asked(self, call: _Call, user: User, item_id: str, *, body: bytes | None = None) -> Asked:
        return Asked(
            user=user,
            id=item_id,
            query=call.request.query,
            headers=call.request.headers,
            body=await call.request.read() if body is None else body,
            now=self.clock.now(),
            contents=self.contents,
        )

    async def _admit(self, call: _Call, name: str, grant: Grant, token: str) -> User:
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
        wait = user.budget.take(now, user.limits, uploads=name in _UPLOADS)
        if wait is not None:
            user.activity.refused("too_many_requests", received_at, now, wait)
            raise box_refusal(429, "rate_limit_exceeded", "Request rate limit exceeded", headers={"Retry-After": str(wait)})
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
                if fault.status == 429:
                    wait = next((value for name, value in fault.headers.items() if name.lower() == "retry-after"), "")
                    user.activity.refused("too_many_requests", now, now, int(wait) if wait.isdecimal() else None)
                raise Refusal(_scripted(fault))

    async def _oauth(self, call: _Call, end: str) -> Reply:
        match end:
            case "token":
                return await self._token(call)
            case "revoke":
                self.grants.give_back(await _form(call.request))
                return Reply()
            case "authorize":
                return self._authorise(call.request)
        raise not_found()

    def _authorise(self, request: web.BaseRequest) -> Reply:
        """Nobody sits at the sandbox: the page says yes at once, for the user that ``box_login`` names, else for the first."""
        query = request.query
        name = query.get("box_login", "").partition("@")[0] or next(iter(self.users), "")
        if name not in self.users:
            raise oauth_refusal("access_denied", "The sandbox has no such user.", status=403)
        code, redirect = self.grants.code(query, name, self.clock.now()), query.get("redirect_uri", "")
        back = urlencode({"code": code, "state": query.get("state", "")})
        return Reply(status=302, headers={"Location": f"{redirect}{'&' if urlsplit(redirect).query else '?'}{back}"})

    async def _token(self, call: _Call) -> Reply:
        call.faults += self.faults.hit("token", "")
        instead = await meet(call.faults, call.request, self._listener.closing)
        if instead is not None:
            return _scripted(instead)
        return json_reply(self.grants.trade(await _form(call.request), self.clock.now()))


async def _form(request: web.BaseRequest) -> dict[str, str]:
    return {name: str(value) for name, value in (await request.post()).items()}


def _scripted(fault: Fault) -> Reply:
    return Reply(status=fault.status, body=fault.body.encode(), content_type=fault.content_type, headers=fault.headers)
