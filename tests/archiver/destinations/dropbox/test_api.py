"""One call: token, turn, time limits, and every way in which an answer fails to come."""

from __future__ import annotations

import asyncio
import socket
from typing import Any

import aiohttp
import pytest

from archiver.destinations.conformance import put, whole
from archiver.destinations.dropbox import api as module
from archiver.destinations.port import CallKind
from archiver.errors import ReconnectNeededError, ThrottledError, ThrottleKind, TransientError, UnavailableError
from archiver.model import ConnectionState
from archiver.outcome import Archived, Deferred, Parked, Throttled, Unavailable


async def one(box: Any, destination: Any = None, number: int = 1) -> Any:
    """The outcome of one small file."""
    return (await put(destination or box.open(), [whole(number, b"x")]))[number]


async def test_every_call_has_its_turn(box: Any) -> None:
    """Each request goes through the pace, with its kind and the number of items it carries."""
    await put(box.open_linked(), [whole(number, b"x") for number in range(5)])
    assert box.pace.calls == [
        (CallKind.LOOK, 1, None),
        (CallKind.TRANSFER, 1, None),
        (CallKind.TRANSFER, 5, None),
        (CallKind.COMMIT, 5, None),
    ]
    assert sum(box.record.calls.values()) == 3


@pytest.mark.parametrize("route", ["files/upload_session/start_batch", "files/upload_session/append_batch", "files/upload_session/finish*"])
async def test_an_expired_token_heals_within_the_call(box: Any, route: str) -> None:
    """A token that expires at any of the calls is refreshed once, and the call is made again."""
    destination = box.open_linked()
    await one(box, destination, 0)
    box.pace.calls.clear()
    box.fault("expire_token", route)
    assert isinstance(await one(box, destination), Archived)
    assert [kind for kind, _, _ in box.pace.calls].count(CallKind.LOOK) == 1


async def test_an_expired_token_is_refreshed_once_for_all(box: Any) -> None:
    """Many calls that meet the expired token wait for one refresh."""
    destination = box.open_linked()
    await one(box, destination, 0)
    box.pace.calls.clear()
    box.sandbox.world.expire_tokens("acme")
    async with asyncio.TaskGroup() as group:
        tasks = [group.create_task(one(box, destination, number)) for number in range(1, 9)]
    assert all(isinstance(task.result(), Archived) for task in tasks)
    assert [kind for kind, _, _ in box.pace.calls].count(CallKind.LOOK) == 1


async def test_an_expired_token_without_a_refresh_token(box: Any) -> None:
    """Then the customer must connect again."""
    box.sandbox.world.expire_tokens("acme")
    assert (await one(box)).state is ConnectionState.RECONNECT_NEEDED


async def test_a_revoked_link(box: Any) -> None:
    """A link that was revoked is refused by the token endpoint and by the calls; both park the lane."""
    destination = box.open_linked()
    await one(box, destination)
    box.sandbox.world.revoke("acme")
    for opened in (destination, box.open_linked(), box.open()):
        outcome = await one(box, opened, 2)
        assert isinstance(outcome, Parked)
        assert outcome.state is ConnectionState.RECONNECT_NEEDED
        assert not any(secret in outcome.reason for secret in box.secrets)


async def test_a_fresh_token_that_is_called_expired(box: Any) -> None:
    """No endless refreshing: the second time it is a matter for a person."""
    box.refuse(401, '{"error": {".tag": "expired_access_token"}}', "files/*", json=True, times=0)
    outcome = await one(box, box.open_linked())
    assert outcome.state is ConnectionState.RECONNECT_NEEDED
    assert sum(box.record.calls.values()) == 2


async def test_the_pacer_hears_of_refusals(box: Any) -> None:
    """A 429 leaves the turn as an error with its seconds, and becomes a value."""
    box.refuse(429, "slow down", headers={"Retry-After": "15"})
    assert await one(box) == Throttled(retry_after=15)
    [(_, _, error)] = box.pace.calls
    assert isinstance(error, ThrottledError)
    assert (error.retry_after, error.kind) == (15, ThrottleKind.RATE)


async def test_the_pacer_does_not_hear_of_other_errors(box: Any) -> None:
    """An answer that concerns the authorisation is no matter of pace."""
    box.refuse(401, '{"error": {".tag": "invalid_access_token"}}', json=True)
    with pytest.raises(ReconnectNeededError):
        await box.open().ping()
    assert box.pace.calls == [(CallKind.LOOK, 1, None)]


async def test_a_long_page_of_html(box: Any) -> None:
    """An error's body is read only so far, and the connection is usable or closed, not stuck."""
    box.refuse(502, "<html>" + "x" * 1_000_000, "files/*")
    destination = box.open()
    outcome = await one(box, destination)
    assert isinstance(outcome, Deferred)
    assert outcome.reason == "TransientError"
    assert isinstance(await one(box, destination), Archived)


@pytest.mark.parametrize("after_bytes", [0, 10])
async def test_answers_that_are_cut_off(box: Any, after_bytes: int) -> None:
    """A cut answer to any call is another try, and the pacer hears of it."""
    for number, route in enumerate(("*/start_batch", "*/append_batch", "*/finish_batch_v2")):
        box.pace.calls.clear()
        box.fault("cut_response", route, after_bytes=after_bytes)
        assert isinstance(await one(box, number=number), Deferred)
        assert isinstance(box.pace.calls[-1][2], TransientError)


async def test_requests_that_are_cut_off(box: Any) -> None:
    """A reset in the middle of a body is another try, and nothing is visible."""
    box.fault("cut_request", "*/append_batch", after_bytes=100_000)
    uploads = [whole(number, bytes(1_000_000)) for number in range(4)]
    outcomes = await put(box.open(), uploads)
    assert all(isinstance(outcome, Deferred) for outcome in outcomes.values())
    assert box.stored() == {}


async def test_a_stalled_answer_is_given_up(box: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """If no byte comes for the time limit, the call has failed."""
    monkeypatch.setattr(module, "_LIMITS", aiohttp.ClientTimeout(total=None, sock_read=0.05))
    box.fault("stall", "*/start_batch")
    outcome = await one(box)
    assert isinstance(outcome, Deferred)
    assert "SocketTimeoutError" in outcome.detail


async def test_answers_that_are_no_answers(box: Any) -> None:
    """Another shape than the API description has is another try."""
    for number, body in enumerate(
        ("[]", "{", '{"entries": []}', '{"session_ids": []}', "\udc80".encode("utf-8", "surrogatepass").decode("latin-1"))
    ):
        for route in ("*/start_batch", "*/append_batch", "*/finish_batch_v2"):
            box.refuse(200, body, route, json=True)
            assert isinstance(await one(box, number=number), Deferred)
        box.sandbox.world.faults.clear()


async def test_nobody_listens(box: Any) -> None:
    """A port without a server makes the provider unavailable, and charges no item."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{free.getsockname()[1]}"
    outcome = await one(box, box.open(api_url=url))
    assert isinstance(outcome, Unavailable)
    assert isinstance(box.pace.calls[-1][2], UnavailableError)


async def test_a_server_that_is_not_trusted(box: Any) -> None:
    """A TLS handshake that fails makes the provider unavailable; nothing is sent in the clear instead."""
    outcome = await one(box, box.open(api_url=box.sandbox.url.replace("http:", "https:")))
    assert isinstance(outcome, Unavailable)
    assert sum(box.record.calls.values()) == 0
