"""Webhooks: subscriptions of one account, and the calls to whoever subscribed. A subscriber who answers badly is blacklisted for good.

RingCentral calls from its own machines, so here a thread of its own does: it never waits for the loop that it may be calling.
"""

from __future__ import annotations

import asyncio
import http.client
import queue
import threading
import uuid
from collections.abc import Callable, Mapping, Sequence
from typing import Any
from urllib.parse import urlsplit

import msgspec

from archiver.sandbox.faults import FaultScript
from archiver.sandbox.ringcentral.office import ACCOUNT_ID
from archiver.sandbox.ringcentral.refusals import invalid, not_found
from archiver.sandbox.ringcentral.shapes import timestamp

__all__ = ["Bells", "Subscription"]

ANSWER_SECONDS = 3.0
MOST_FAILURES = 3
LIFE_SECONDS = 7 * 86_400.0
ROUTE = "webhook"


class Subscription(msgspec.Struct, kw_only=True):
    """One subscription.

    Attributes:
        id: Its id.
        filters: Of the events that are told.
        address: Who is called.
        token: What calls carry, so that the subscriber knows them.
        expires_at: When it ends if it is not renewed.
        status: ``Active`` or ``Blacklisted``.
        failures: Calls in a row that were not answered well.
        told: Calls that were.
    """

    id: str
    filters: Sequence[str]
    address: str
    token: str
    expires_at: float
    status: str = "Active"
    failures: int = 0
    told: int = 0


class _New(msgspec.Struct, rename="camel"):
    event_filters: list[str]
    delivery_mode: dict[str, Any] = {}
    expires_in: float = LIFE_SECONDS


class Bells:
    """The subscriptions.

    Args:
        now: Seconds since the epoch.
        faults: Of these, what hits the route ``webhook`` keeps a call from being made.
    """

    def __init__(self, now: Callable[[], float], faults: FaultScript) -> None:
        self._now = now
        self._faults = faults
        self._queue: queue.SimpleQueue[tuple[Subscription, bytes] | None] = queue.SimpleQueue()
        self._thread: threading.Thread | None = None
        self.subscriptions: dict[str, Subscription] = {}

    async def answer(self, method: str, path: str, body: bytes) -> Any:
        """Answers a request of ``/restapi/v1.0/subscription…``; None where there is nothing to say.

        Raises:
            Refusal: It cannot be.
        """
        number, _, verb = path.strip("/").partition("/")
        if not number:
            if method == "GET":
                return {"records": [self._record(one) for one in self.subscriptions.values()]}
            return await self._subscribe(body)
        found = self.subscriptions.get(number)
        if found is None or found.expires_at <= self._now():
            raise not_found("subscriptionId")
        if method == "DELETE":
            del self.subscriptions[number]
            return None
        if method == "POST" and verb == "renew":
            if found.status != "Active":
                raise invalid("subscriptionId", "SUB-505")
            found.expires_at = self._now() + LIFE_SECONDS
        return self._record(found)

    async def _subscribe(self, body: bytes) -> Any:
        try:
            new = msgspec.json.decode(body, type=_New)
        except msgspec.MsgspecError:
            raise invalid("body") from None
        made = Subscription(
            id=str(uuid.uuid4()),
            filters=new.event_filters,
            address=str(new.delivery_mode.get("address", "")),
            token=str(new.delivery_mode.get("verificationToken", "")),
            expires_at=self._now() + min(new.expires_in, LIFE_SECONDS),
        )
        greeting = uuid.uuid4().hex
        status, echoed = await asyncio.to_thread(_post, made.address, b"", {"Validation-Token": greeting})
        if status != http.client.OK or echoed != greeting:
            raise invalid("address", "SUB-521")
        self.subscriptions[made.id] = made
        return self._record(made)

    def ring(self, event: str, body: Mapping[str, Any]) -> None:
        """Tells every subscriber whose filters name the event."""
        for one in self.subscriptions.values():
            wanted = any(text.partition("?")[0].replace("/account/~/", f"/account/{ACCOUNT_ID}/") == event for text in one.filters)
            if not wanted or one.status != "Active" or one.expires_at <= self._now() or self._faults.hit(ROUTE, ""):
                continue
            message = {
                "uuid": str(uuid.uuid4()),
                "event": event,
                "subscriptionId": one.id,
                "timestamp": timestamp(self._now()),
                "body": body,
            }
            self._queue.put((one, msgspec.json.encode(message)))
            if self._thread is None:
                self._thread = threading.Thread(target=self._call, name="webhooks", daemon=True)
                self._thread.start()

    def blacklist(self) -> None:
        """What happens to all whose answers were bad."""
        for one in self.subscriptions.values():
            one.status = "Blacklisted"

    def close(self) -> None:
        """No further call; harmless when called twice."""
        if self._thread is not None:
            self._queue.put(None)
            self._thread.join()
            self._thread = None

    def _call(self) -> None:
        while (due := self._queue.get()) is not None:
            one, message = due
            if one.status != "Active":
                continue
            status, _ = _post(one.address, message, {"Verification-Token": one.token})
            if 200 <= status < 300:
                one.told, one.failures = one.told + 1, 0
            else:
                one.failures += 1
                one.status = "Blacklisted" if one.failures >= MOST_FAILURES else one.status

    def _record(self, one: Subscription) -> Mapping[str, Any]:
        return {
            "id": one.id,
            "status": one.status,
            "eventFilters": one.filters,
            "expirationTime": timestamp(one.expires_at),
            "expiresIn": int(one.expires_at - self._now()),
            "deliveryMode": {"transportType": "WebHook", "address": one.address},
        }


def _post(address: str, body: bytes, headers: Mapping[str, str]) -> tuple[int, str]:
    """Calls a subscriber; his status, 0 for none, and the token that he echoed."""
    parts = urlsplit(address)
    try:
        connection = http.client.HTTPConnection(parts.hostname or "", parts.port, timeout=ANSWER_SECONDS)
        try:
            connection.request("POST", parts.path, body, {"Content-Type": "application/json", **headers})
            response = connection.getresponse()
            response.read(1024)
            return response.status, response.getheader("Validation-Token") or ""
        finally:
            connection.close()
    except (OSError, http.client.HTTPException):
        return 0, ""
