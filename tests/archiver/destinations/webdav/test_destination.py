"""What servers of WebDAV refuse, lose and do in spite of what they are asked."""

from __future__ import annotations

from typing import Any

import aiohttp
import pytest
from aiohttp import web

from archiver.adapter import check_options
from archiver.destinations.conformance import put, receipt_of, streamed, whole
from archiver.destinations.port import Context, Unpaced
from archiver.destinations.webdav import ADAPTER
from archiver.errors import ConfigError, MisconfiguredError, ReconnectNeededError
from archiver.model import ConnectionState
from archiver.outcome import Deferred, Parked, Rejected, Throttled, Unavailable
from genstage.clock import SystemClock
from support.seaweed import free_ports
from support.webdav_servers import PASSWORD, USER


@pytest.mark.parametrize(
    ("status", "state"),
    [
        (401, ConnectionState.RECONNECT_NEEDED),
        (403, ConnectionState.MISCONFIGURED),
        (302, ConnectionState.MISCONFIGURED),
        (507, ConnectionState.QUOTA_FULL),
    ],
)
@pytest.mark.parametrize("method", ["PUT", "MOVE"])
async def test_what_parks_a_lane(folder: Any, method: str, status: int, state: ConnectionState) -> None:
    """Nothing is visible, nothing is left, and the lane goes on when it is over."""
    destination = folder.open()
    await put(destination, [whole(0, b"before", "/before.txt")])
    folder.refuse(method, status, Location="http://127.0.0.1:1/elsewhere")
    outcome = (await put(destination, [whole(1, b"x" * 1000)]))[1]
    assert isinstance(outcome, Parked), outcome
    assert outcome.state is state
    folder.between.refuse = None
    assert folder.stored() == {"/before.txt": b"before"}
    assert folder.parts() == []
    receipt_of((await put(destination, [whole(1, b"x" * 1000)]))[1], b"x" * 1000)


@pytest.mark.parametrize(
    ("status", "headers", "expected"),
    [
        (423, {}, Deferred),
        (500, {}, Deferred),
        (503, {}, Deferred),
        (413, {}, Rejected),
        (429, {}, Throttled),
        (503, {"Retry_After": "7"}, Throttled),
    ],
)
async def test_what_concerns_an_item_or_the_rate(folder: Any, status: int, headers: dict[str, str], expected: type) -> None:
    """Locks and failures pass, sizes do not, and a refusal for the rate is a value."""
    folder.refuse("PUT", status, **headers)
    outcome = (await put(folder.open(), [whole(1, b"x")]))[1]
    assert isinstance(outcome, expected), outcome
    assert folder.stored() == {}


async def test_a_wrong_password_must_connect_again(folder: Any) -> None:
    """The real server says so; the password is not shown."""
    destination = folder.open(password=f"{PASSWORD}-old")
    with pytest.raises(ReconnectNeededError) as caught:
        await destination.ping()
    assert PASSWORD not in repr(caught.value) + caught.value.hint


async def test_a_folder_that_is_not_there(folder: Any) -> None:
    """It is never made: nobody knows where it would be."""
    destination = folder.open(url=f"{folder.between.url}/missing")
    with pytest.raises(MisconfiguredError):
        await destination.ping()
    assert isinstance((await put(destination, [whole(1, b"x")]))[1], Parked)


async def test_nobody_there_is_unavailable(folder: Any) -> None:
    """No item is charged for it."""
    (port,) = free_ports(1)
    assert isinstance((await put(folder.open(url=f"http://127.0.0.1:{port}/a"), [whole(1, b"x")]))[1], Unavailable)


async def test_a_server_that_writes_over_files_is_used_no_more(folder: Any) -> None:
    """It says itself that it has replaced something."""
    folder.refuse("MOVE", 204)
    outcome = (await put(folder.open(), [whole(1, b"x")]))[1]
    assert isinstance(outcome, Parked)
    assert outcome.state is ConnectionState.MISCONFIGURED


async def test_a_server_that_reads_other_bytes(folder: Any) -> None:
    """What Nextcloud says that it has read is compared."""
    destination = folder.open()
    await put(destination, [whole(0, b"before", "/before.txt")])
    said = web.Response(status=201, headers={"X-Hash-SHA256": "0" * 64})
    folder.between.refuse = lambda request: said if request.method == "PUT" else None
    outcome = (await put(destination, [whole(1, b"x")]))[1]
    assert isinstance(outcome, Deferred)
    assert outcome.reason == "IntegrityError"


async def test_a_source_that_gives_less_than_it_declared(folder: Any) -> None:
    """The source is named, not the connection that broke for it; nothing is left."""
    destination = folder.open()
    upload = streamed(1, b"x" * 3_000_000, fail_at=2_000_000)
    outcome = (await put(destination, [upload]))[1]
    assert isinstance(outcome, Deferred)
    assert "the source was cut off" in outcome.detail
    assert folder.stored() == {}
    assert folder.parts() == []


@pytest.mark.parametrize(
    "options",
    [
        {"password": None},
        {"username": None},
        {"token": "canary-token"},
        {"username": "a:b"},
        {"url": "http://dav.example.com/a"},
        {"url": "https://eve:canary-word@dav.example.com/a"},
        {"url": "https://dav.example.com/a?b"},
    ],
)
async def test_options_that_cannot_work(options: dict[str, str | None]) -> None:
    """They are told before anything is sent, and a secret is not shown."""
    given = {"url": "https://dav.example.com/a", "username": USER, "password": PASSWORD, **options}
    async with aiohttp.ClientSession() as http:
        checked = check_options("webdav", ADAPTER.options, {name: value for name, value in given.items() if value is not None})
        with pytest.raises(ConfigError) as caught:
            ADAPTER.open(checked, Context(pace=Unpaced(), clock=SystemClock(), http=http))
    assert "canary" not in str(caught.value) + caught.value.hint
