"""Being called by RingCentral: greeted, known by a token, renewed, made anew; what is told is looked at at once, what is lost is found."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import aclosing

import aiohttp
import pytest

from archiver.hooks import Listener, listening
from archiver.model import Discovery, Kind
from archiver.oauth import Credentials
from archiver.sandbox.faults import Fault
from archiver.sandbox.ringcentral import GroupLimit, RingCentral
from archiver.sources.port import Context, Source
from archiver.sources.ringcentral.api import Api, Budgets
from archiver.sources.ringcentral.webhooks import Webhooks
from genstage.clock import SystemClock
from support.phones import Bench

SLOW = 3600.0
"""Seconds between two looks that nobody told of."""


@pytest.fixture
async def hooked() -> AsyncIterator[tuple[Bench, Listener]]:
    """A sandbox without limits, and a listener that it can reach."""
    async with listening("", ("127.0.0.1", 0)) as listener, RingCentral(limits={}) as phones, aiohttp.ClientSession() as http:
        bench = Bench(phones, http, hooks=listener)
        for number in ("101", "102"):
            phones.office.add_extension(number, f"Agent {number}")
        yield bench, listener
        await bench.close()


async def watching(source: Source, act: Callable[[], Awaitable[None]], wanted: int) -> list[Discovery]:
    """Watches; acts after the first complete pass, and returns when so many more items were found."""
    found: list[Discovery] = []
    began = False
    async with asyncio.timeout(20), aclosing(source.discover("")) as pages:
        async for page in pages:
            if began:
                found += page.discoveries
                if len(found) >= wanted:
                    break
            elif page.complete:
                began = True
                await act()
    return found


async def test_a_call_that_ends_is_found_when_its_row_appears(hooked: tuple[Bench, Listener]) -> None:
    """The row comes a second after the hang-up: it is looked for until it is there, and not waited for until the next look is due."""
    bench, _ = hooked
    ann = next(iter(bench.office.extensions.values()))

    async def hang_up() -> None:
        bench.office.add_call(ann, [b"ID3 late"], late=1.0)

    found = await watching(bench.source(poll_interval=SLOW, kinds="recording"), hang_up, 1)
    assert [discovery.kind for discovery in found] == [Kind.RECORDING]
    (subscription,) = bench.phones.bells.subscriptions.values()
    assert subscription.told == 1
    assert len(subscription.filters) == 1, "no more is subscribed than is wanted"


async def test_a_message_is_found_in_its_store_alone(hooked: tuple[Bench, Listener]) -> None:
    """One look, at the store that was named."""
    bench, _ = hooked
    ann, bob = bench.office.extensions.values()
    asked: list[int] = []

    async def write() -> None:
        asked.append(len(bench.phones.ledger.requests))
        bench.office.add_message(bob, "SMS", subject="hello")

    found = await watching(bench.source(poll_interval=SLOW, kinds="sms"), write, 2)
    assert {discovery.owner for discovery in found} == {"102"}
    looks = [request.subject for request in bench.phones.ledger.requests[asked[0] :] if request.route == "message-sync"]
    assert looks == [str(bob.id)]
    assert ann.id != bob.id


async def test_who_does_not_know_the_token_is_not_heard(hooked: tuple[Bench, Listener]) -> None:
    """A stranger who has found the address brings nothing about; neither does an address that nobody opened."""
    bench, listener = hooked

    async def knock() -> None:
        (subscription,) = bench.phones.bells.subscriptions.values()
        body = json.dumps({"event": "/restapi/v1.0/account/1/telephony/sessions", "body": {"telephonySessionId": "s-1"}})
        statuses = []
        for address, headers in (
            (subscription.address, {}),
            (subscription.address, {"Verification-Token": "guessed"}),
            (subscription.address, {"Verification-Token": subscription.token}),
            (listener.prefix + "guessed", {"Verification-Token": subscription.token}),
        ):
            async with bench.http.post(address, data=body, headers=headers) as response:
                statuses.append(response.status)
        async with bench.http.post(subscription.address, data="{", headers={"Verification-Token": subscription.token}) as response:
            statuses.append(response.status)
        async with bench.http.get(subscription.address) as response:
            statuses.append(response.status)
        assert statuses == [401, 401, 200, 404, 400, 404]
        bench.office.add_call(next(iter(bench.office.extensions.values())), [b"ID3"])

    assert await watching(bench.source(poll_interval=SLOW, kinds="recording"), knock, 1)


async def test_what_was_not_told_is_found_by_looking(hooked: tuple[Bench, Listener]) -> None:
    """Webhooks are lost: the usual looks find everything, only later."""
    bench, _ = hooked
    ann = next(iter(bench.office.extensions.values()))
    bench.phones.faults.add(Fault(action="stall", route="webhook", times=0))

    async def all_sorts() -> None:
        bench.office.add_call(ann, [b"ID3"])
        bench.office.add_message(ann, "SMS", subject="hello")

    found = await watching(bench.source(poll_interval=0.5, kinds="recording,sms"), all_sorts, 3)
    assert {discovery.kind for discovery in found} == {Kind.RECORDING, Kind.SMS}
    assert [subscription.told for subscription in bench.phones.bells.subscriptions.values()] == [0]


async def test_a_restart_leaves_no_subscription_of_the_process_before(hooked: tuple[Bench, Listener]) -> None:
    """Those of addresses that nobody listens to any more are deleted; somebody else's are let alone."""
    bench, listener = hooked
    async with listening("", ("127.0.0.1", 0)) as other:
        stranger = other.open(lambda headers, _: (200, {"Validation-Token": headers.get("Validation-Token", "")}))
        new = json.dumps({"eventFilters": ["/x"], "deliveryMode": {"address": stranger}}).encode()
        await bench.phones.bells.answer("POST", "", new)

    async def nothing() -> None:
        return

    for _ in range(3):
        await watching(bench.source(poll_interval=0.05, kinds="recording"), nothing, 0)
    addresses = [subscription.address for subscription in bench.phones.bells.subscriptions.values()]
    assert len(addresses) == 2
    assert sum(address.startswith(listener.prefix) for address in addresses) == 1
    assert stranger in addresses


class PushedClock(SystemClock):
    """The machine's clock, which can be pushed forward."""

    pushed = 0.0

    def time(self) -> float:
        """Seconds."""
        return super().time() + self.pushed

    def wall(self) -> float:
        """Seconds since the epoch."""
        return super().wall() + self.pushed


async def test_subscriptions_are_renewed_and_made_anew(hooked: tuple[Bench, Listener]) -> None:
    """At half of their life they are renewed; one that was blacklisted or is gone is replaced; other stores need another one."""
    bench, listener = hooked
    clock = PushedClock()
    login = bench.phones.login()
    credentials = Credentials(client_id=login.client_id, client_secret=login.client_secret, assertion=login.jwt)
    api = Api(Context(clock=clock, http=bench.http), bench.phones.url, credentials, Budgets())
    webhooks = Webhooks(api, listener, clock, lambda: None)
    bells = bench.phones.bells

    async def later(seconds: float) -> None:
        clock.pushed += seconds
        bench.phones.clock.advance(seconds)
        await webhooks.keep(["1", "2"], calls=True)

    await later(0)
    (first,) = bells.subscriptions.values()
    ends = first.expires_at
    await later(1000)
    assert (list(bells.subscriptions), first.expires_at) == ([first.id], ends), "looked at, not renewed"
    await later(4 * 86_400)
    assert list(bells.subscriptions) == [first.id]
    assert first.expires_at > ends + 3 * 86_400
    bells.blacklist()
    await later(1000)
    (second,) = bells.subscriptions.values()
    assert (second.status, second.id == first.id) == ("Active", False)
    bells.subscriptions.clear()
    await later(1000)
    await later(1000)
    (third,) = bells.subscriptions.values()
    await webhooks.keep(["1", "2", "3"], calls=False)
    (fourth,) = bells.subscriptions.values()
    assert len(fourth.filters) == 3
    assert len({first.id, second.id, third.id, fourth.id}) == 4


async def test_who_cannot_subscribe_is_looked_at_all_the_same(hooked: tuple[Bench, Listener]) -> None:
    """The application lacks the permission, or the address cannot be reached: nothing fails, and it is tried again now and then."""
    bench, _ = hooked
    ann = next(iter(bench.office.extensions.values()))
    bench.phones.faults.add(Fault(action="reply", route="subscription", status=403, times=0, body="{}"))

    async def hang_up() -> None:
        bench.office.add_call(ann, [b"ID3"])

    assert await watching(bench.source(poll_interval=0.2, kinds="recording"), hang_up, 1)
    assert bench.phones.ledger.count("subscription") == 1


async def test_a_hang_up_does_not_wait_behind_stores_that_wait_for_their_turn() -> None:
    """The limit of message stores is used up for the next hour; the call log has another one, and is looked at when a call ends."""
    limits = {"Light": GroupLimit(calls=5, window=SLOW)}
    async with listening("", ("127.0.0.1", 0)) as listener, RingCentral(limits=limits) as phones, aiohttp.ClientSession() as http:
        bench = Bench(phones, http, hooks=listener)
        people = [phones.office.add_extension(str(101 + number), f"Agent {number}") for number in range(4)]
        found: list[Discovery] = []
        async with asyncio.timeout(20), aclosing(bench.source(poll_interval=SLOW, kinds="recording,sms").discover("")) as pages:
            async for page in pages:
                found += page.discoveries
                if found:
                    break
                if page.rest is not None and not phones.office.calls:
                    assert phones.ledger.count("message-sync") == phones.ledger.count("message-store") == 2, (
                        "the third has no room for both"
                    )
                    phones.office.add_call(people[0], [b"ID3 now"])
        assert [discovery.kind for discovery in found] == [Kind.RECORDING]
        assert phones.groups()["Light"].refused == 0
        await bench.close()
