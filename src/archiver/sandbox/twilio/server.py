"""The sandbox as a server: one loopback port that is the API, a second one that has the bytes of attachments, and the hands behind."""

from __future__ import annotations

import base64
import binascii
import time
from collections import Counter
from collections.abc import Callable
from types import TracebackType
from typing import Self

import msgspec
from aiohttp import web

from archiver.sandbox.faults import Fault, FaultScript
from archiver.sandbox.ringcentral.state import PushedClock
from archiver.sandbox.serving import CutOffError, Listener, abort, meet, send
from archiver.sandbox.twilio.admin import administer
from archiver.sandbox.twilio.exchange import Exchange
from archiver.sandbox.twilio.reading import ROUTES, Asked, ranged
from archiver.sandbox.twilio.records import Account
from archiver.sandbox.twilio.refusals import Refusal, Reply, crowded, forbidden_key, not_found, unauthenticated

__all__ = ["Ledger", "Limits", "Login", "Request", "Twilio"]


class Limits(msgspec.Struct, frozen=True, kw_only=True):
    """What an account may ask.

    Attributes:
        at_once: So many calls at the same time, those of its subaccounts too; None for any number.
        retry_after: What a refusal tells; None tells nothing.
        latency: Seconds that a call takes.
    """

    at_once: int | None = 100
    retry_after: float | None = None
    latency: float = 0.0


class Login(msgspec.Struct, frozen=True, kw_only=True):
    """What a client needs."""

    account_sid: str
    auth_token: str
    api_key: str
    api_secret: str


class Request(msgspec.Struct, frozen=True, gc=False):
    """One request.

    Attributes:
        at: When it came, in seconds since the epoch.
        route: Such as ``recording/content``.
        method: Of HTTP.
        status: Of the answer.
        account: Whom it was about.
        at_once: How many were under way, with it.
    """

    at: float
    route: str
    method: str
    status: int
    account: str
    at_once: int


class Ledger:
    """Every request since the beginning."""

    def __init__(self) -> None:
        self.requests: list[Request] = []

    def count(self, route: str, status: int | None = None) -> int:
        """How often a route was asked (and answered so)."""
        return sum(request.route == route and status in {None, request.status} for request in self.requests)

    def answers(self) -> dict[str, int]:
        """How often each route was answered how."""
        return dict(sorted(Counter(f"{request.route} {request.status}" for request in self.requests).items()))

    @property
    def most_at_once(self) -> int:
        """The most calls that were ever under way at the same time."""
        return max((request.at_once for request in self.requests), default=0)


class Twilio:
    """Twilio on loopback: ``async with Twilio() as twilio`` serves at ``twilio.url`` until the block ends.

    Args:
        port: Where; 0 takes a free one.
        limits: What the account may ask.
        now: Seconds since the epoch; the machine's by default. Tests give a clock that jumps.
    """

    def __init__(self, *, port: int = 0, limits: Limits | None = None, now: Callable[[], float] = time.time) -> None:
        self.clock = PushedClock(now)
        self.exchange = Exchange(self.clock.now)
        self.limits = limits or Limits()
        self.faults = FaultScript()
        self.ledger = Ledger()
        self._at_once = 0
        self._listener = Listener(self._handle, port=port)
        self._media = Listener(self._give)

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        await self.close()

    async def start(self) -> None:
        """Begins to listen; again at the same addresses after `close`."""
        await self._listener.start()
        await self._media.start()

    async def close(self) -> None:
        """Ends every connection; harmless when called twice."""
        await self._listener.close()
        await self._media.close()

    @property
    def url(self) -> str:
        """Where the API is."""
        return self._listener.url

    def login(self, account: Account | None = None) -> Login:
        """Credentials of an account; of the main account by default. A new API key each time."""
        account = account or self.exchange.main
        key, secret = self.exchange.add_key(account)
        return Login(account_sid=account.sid, auth_token=account.token, api_key=key, api_secret=secret)

    # -- the API --------------------------------------------------------------------------------------------------------------------

    async def _handle(self, request: web.BaseRequest) -> web.StreamResponse:
        if request.path.startswith("/sandbox/"):
            reply = administer(self, request.method, request.path.removeprefix("/sandbox/"), await request.read())
            return await send(request, reply.status, reply.body, {"Content-Type": reply.content_type})
        found = next(((name, match, answer) for name, pattern, answer in ROUTES if (match := pattern.fullmatch(request.path))), None)
        name, match, answer = found or ("unknown", None, None)
        words = match.groupdict() if match is not None else {}
        faults = self.faults.hit(name, "")
        self._at_once += 1
        at_once, status = self._at_once, 0
        try:
            if self.limits.latency:
                await self._sleep(self.limits.latency, request)
            instead = await meet(faults, request, self._listener.closing)
            try:
                if instead is not None and instead.action == "revoke":
                    self.exchange.revoke()
                if self.limits.at_once is not None and at_once > self.limits.at_once:
                    raise crowded(self.limits.retry_after)
                if instead is not None and instead.action == "reply":
                    reply = _scripted(instead)
                else:
                    account = self._let_in(request, name, words.get("account", ""))
                    if answer is None or request.method != "GET":
                        raise not_found(request.path)
                    reply = answer(self._asked(request, account, words))
            except Refusal as refused:
                reply = refused.reply
            status = reply.status
            headers = {"Content-Type": reply.content_type, "Twilio-Concurrent-Requests": str(at_once), **reply.headers}
            return await send(request, reply.status, reply.body, headers, faults)
        except (CutOffError, ConnectionError):
            return abort(request)
        finally:
            self._at_once -= 1
            self.ledger.requests.append(Request(self.clock.now(), name, request.method, status, words.get("account", ""), at_once))

    async def _sleep(self, seconds: float, request: web.BaseRequest) -> None:
        await meet([Fault(action="delay", seconds=seconds)], request, self._listener.closing)

    def _let_in(self, request: web.BaseRequest, route: str, sid: str) -> Account:
        """The account that is asked about, if whoever asks may: an auth token opens its account's subaccounts too, a key does not."""
        user, secret = _credentials(request.headers.get("Authorization", ""))
        accounts = self.exchange.accounts
        holder = next(
            (one for one in accounts.values() if secret and ((one.sid, one.token) == (user, secret) or one.keys.get(user) == secret)), None
        )
        if holder is None:
            raise unauthenticated()
        if route in {"accounts", "account"} and user in holder.keys and user not in holder.main_keys:
            raise forbidden_key()
        if not sid:
            return holder
        account = accounts.get(sid)
        if account is None:
            raise not_found(request.path)
        others = account is not holder and not (user == holder.sid and account.owner == holder.sid)
        if others or account.status == "suspended":
            raise unauthenticated()
        if account.status == "closed":
            raise not_found(request.path)
        return account

    def _asked(self, request: web.BaseRequest, account: Account, words: dict[str, str]) -> Asked:
        return Asked(
            exchange=self.exchange,
            account=account,
            path=request.path,
            query=request.query,
            words=words,
            range=request.headers.get("Range", ""),
            media_url=self._media.url,
        )

    # -- the host of attachments ----------------------------------------------------------------------------------------------------

    async def _give(self, request: web.BaseRequest) -> web.StreamResponse:
        """The bytes of an attachment, for whoever has its address; a key does not belong here."""
        words = request.path.strip("/").split("/")
        faults = self.faults.hit("media/content", "")
        status = 0
        try:
            instead = await meet(faults, request, self._media.closing)
            reply = self._media_reply(request, words) if instead is None else _scripted(instead)
            status = reply.status
            return await send(request, reply.status, reply.body, {"Content-Type": reply.content_type, **reply.headers}, faults)
        except (CutOffError, ConnectionError):
            return abort(request)
        finally:
            self.ledger.requests.append(Request(self.clock.now(), "media/content", request.method, status, words[0], 0))

    def _media_reply(self, request: web.BaseRequest, words: list[str]) -> Reply:
        if "Authorization" in request.headers:
            return Reply(status=400, body=b"Only one auth mechanism allowed", content_type="text/plain")
        account = self.exchange.accounts.get(words[0])
        message = account.messages.get(words[1]) if account is not None and len(words) == 3 else None
        media = next((media for media in message.media if media.sid == words[2]), None) if message is not None else None
        if media is None:
            return Reply(status=404, body=b"gone", content_type="text/plain")
        return ranged(media.content, media.content_type, request.headers.get("Range", ""))


def _credentials(authorization: str) -> tuple[str, str]:
    scheme, _, encoded = authorization.partition(" ")
    try:
        user, _, secret = base64.b64decode(encoded, validate=True).decode().partition(":") if scheme.lower() == "basic" else ("", "", "")
    except (binascii.Error, UnicodeDecodeError):
        return "", ""
    return user, secret


def _scripted(fault: Fault) -> Reply:
    return Reply(status=fault.status, body=fault.body.encode(), content_type=fault.content_type, headers=fault.headers)
