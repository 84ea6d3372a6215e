"""Being called by RingCentral: subscriptions that are made, renewed and made anew; and what they tell.

A webhook only says that there is something: what it is, the looks find. So losing one costs time, never a record, and whatever a stranger
might send to the address, all that he can bring about is a look. A subscription that RingCentral has blacklisted, since somebody between
it and us answered badly, never comes back: it is deleted and another one made.
"""

from __future__ import annotations

import hmac
import secrets
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any, Final

import msgspec

from archiver.errors import ArchiverError, ItemError, MisconfiguredError, SourceGoneError
from archiver.http.replies import UNREADABLE
from archiver.sources.port import Hooks
from archiver.sources.ringcentral.api import Api
from archiver.sources.ringcentral.wire import Record
from genstage.clock import Clock

__all__ = ["Webhooks"]

_SUBSCRIPTION: Final = "/restapi/v1.0/subscription"
_CALLS: Final = "/restapi/v1.0/account/~/telephony/sessions?withRecordings=true"
_STORE: Final = "/restapi/v1.0/account/~/extension/{}/message-store"
_LIFE_SECONDS = 7 * 86_400
_CHECK_SECONDS = 900.0  # between two looks at whether a subscription still is what it should be
_AGAIN_SECONDS = 300.0  # after one that could not be made
_RENEW = 0.5  # of its life
_FILTERS = 500  # events of one subscription
_MOST = 16  # subscriptions: RingCentral permits thirty to a user, and others use him too
_LOOKS = (0.3, 1.5, 3.0, 4.5, 6.0, 8.0, 10.0, 15.0, 20.0, 30.0, 45.0, 60.0, 90.0, 120.0)
"""Seconds after a hang-up at which the call log is looked at, until it has the row; afterwards the usual looks find it."""


class _Made(msgspec.Struct, rename="camel"):
    id: str
    status: str = "Active"
    expiration_time: str = ""
    delivery_mode: dict[str, Any] = {}


class _List(msgspec.Struct):
    records: list[_Made] = []


class _Call(msgspec.Struct):
    """A call that has ended, and whose row has not been seen."""

    ended_at: float
    looks: int = 0


class Webhooks:
    """What one account tells by itself.

    Args:
        api: Makes the calls.
        hooks: Where RingCentral may call; None if nobody can reach this process.
        clock: Time.
        on_news: Called when something was told.
    """

    def __init__(self, api: Api, hooks: Hooks | None, clock: Clock, on_news: Callable[[], None]) -> None:
        self._api = api
        self._hooks = hooks
        self._clock = clock
        self._on_news = on_news
        self._token = secrets.token_urlsafe(24)
        self._address = ""
        self._made: dict[str, float] = {}  # subscription → when it ends, by the clock
        self._filters: Sequence[str] = ()
        self._next_check = 0.0
        self._calls: dict[str, _Call] = {}
        self._stores: dict[str, None] = {}

    # -- what was told --------------------------------------------------------------------------------------------------------------

    def ring(self, headers: Mapping[str, str], body: bytes) -> tuple[int, Mapping[str, str]]:
        """Takes what was sent to the address: the question whether we are there, or an event; see `archiver.sources.port.Ring`."""
        greeting = headers.get("Validation-Token", "")
        known = hmac.compare_digest(headers.get("Verification-Token", "").encode(), self._token.encode())
        if greeting and not known:
            fits = len(greeting) <= 1024 and greeting.isascii() and greeting.isprintable()
            return (200, {"Validation-Token": greeting}) if fits else (400, {})
        if not known:
            return 401, {}
        try:
            told: Any = msgspec.json.decode(body)
        except UNREADABLE:
            return 400, {}
        if isinstance(told, dict):
            self._told(str(told.get("event") or ""), told.get("body"))
        return 200, {}

    def _told(self, event: str, body: Any) -> None:
        if not isinstance(body, Mapping):
            return
        if "/telephony/sessions" in event:
            parties = body.get("parties")
            states = [party.get("status") for party in parties if isinstance(party, Mapping)] if isinstance(parties, list) else []
            ended = [isinstance(state, Mapping) and state.get("code") in {"Disconnected", "Gone"} for state in states]
            session = body.get("telephonySessionId")
            if session and ended and all(ended):
                self._calls.setdefault(str(session), _Call(self._clock.time()))
        elif "/message-store" in event and body.get("extensionId"):
            self._stores[str(body["extensionId"])] = None
        self._on_news()

    # -- what to look at ------------------------------------------------------------------------------------------------------------

    @property
    def next_look(self) -> float:
        """Seconds until the call log is worth a look for the sake of calls that have ended; infinite if none is awaited."""
        now = self._clock.time()
        return min((call.ended_at + _LOOKS[call.looks] - now for call in self._calls.values()), default=float("inf"))

    def store(self, known: Collection[str]) -> str | None:
        """A message store in which something has changed."""
        return next((extension_id for extension_id in self._stores if extension_id in known), None)

    def looking_at_store(self, extension_id: str) -> None:
        """The store is looked at now: what is told from here on is news again."""
        self._stores.pop(extension_id, None)

    def looked_at_calls(self, rows: Iterable[Record]) -> None:
        """The call log was looked at, and had these rows."""
        for row in rows:
            self._calls.pop(str(row.get("telephonySessionId") or ""), None)
        now = self._clock.time()
        for session, call in list(self._calls.items()):
            while call.ended_at + _LOOKS[call.looks] <= now:
                call.looks += 1
                if call.looks == len(_LOOKS):
                    del self._calls[session]
                    break

    # -- subscriptions --------------------------------------------------------------------------------------------------------------

    async def keep(self, extension_ids: Iterable[str], *, calls: bool) -> None:
        """Sees to it that RingCentral calls; cheap when there is nothing to do. What cannot be had now is tried again later.

        Args:
            extension_ids: Whose message stores are wanted.
            calls: Whether the end of calls is.
        """
        now = self._clock.time()
        filters = [_CALLS] * calls + [_STORE.format(extension_id) for extension_id in extension_ids]
        filters = filters[: _FILTERS * _MOST]
        changed = filters != self._filters
        if self._hooks is None or (now < self._next_check and not (changed and self._filters)):
            return
        self._next_check = now + _AGAIN_SECONDS
        try:
            if not (filters == self._filters and await self._hold(now)):
                await self._subscribe(self._hooks, filters)
        except SourceGoneError:
            self._filters, self._next_check = (), now  # it is no longer there: another one is made at once
            return
        except (MisconfiguredError, ItemError):
            return  # polling finds everything meanwhile
        except ArchiverError:
            self._next_check = 0.0
            raise
        self._next_check = now + _CHECK_SECONDS

    async def _hold(self, now: float) -> bool:
        """Whether every subscription is as it should be; those whose life is half over are renewed."""
        for number, ends_at in list(self._made.items()):
            address = f"{_SUBSCRIPTION}/{number}"
            found: _Made = await self._api.ask("subscription", address, _Made)
            if found.status == "Active" and ends_at - now < _LIFE_SECONDS * _RENEW:
                found = await self._api.ask("subscription", f"{address}/renew", _Made, method="POST")
                self._made[number] = self._end(found)
            if found.status != "Active":
                return False
        return bool(self._made)

    async def _subscribe(self, hooks: Hooks, filters: Sequence[str]) -> None:
        """Makes all subscriptions anew. Those of an earlier life of this process are deleted: nobody listens to them any more."""
        self._filters = ()
        if self._address:
            hooks.close(self._address)
        self._address = hooks.open(self.ring)
        listed: _List = await self._api.ask("subscription", _SUBSCRIPTION, _List)
        for old in listed.records:
            if str(old.delivery_mode.get("address", "")).startswith(hooks.prefix) or old.id in self._made:
                await self._api.ask("subscription", f"{_SUBSCRIPTION}/{old.id}", None, method="DELETE")
        self._made.clear()
        mode = {"transportType": "WebHook", "address": self._address, "verificationToken": self._token}
        for start in range(0, len(filters), _FILTERS):
            body = {"eventFilters": filters[start : start + _FILTERS], "deliveryMode": mode, "expiresIn": _LIFE_SECONDS}
            made: _Made = await self._api.ask("subscription", _SUBSCRIPTION, _Made, method="POST", body=body)
            self._made[made.id] = self._end(made)
        self._filters = filters

    def _end(self, made: _Made) -> float:
        try:
            left = datetime.fromisoformat(made.expiration_time).timestamp() - self._clock.wall()
        except ValueError:
            left = _LIFE_SECONDS
        return self._clock.time() + left

    def close(self) -> None:
        """Nobody listens any more; the subscription is deleted by whoever comes next, or ends by itself."""
        if self._hooks is not None and self._address:
            self._hooks.close(self._address)
            self._address = ""
