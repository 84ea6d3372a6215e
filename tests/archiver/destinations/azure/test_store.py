"""What happens on the way to Microsoft's own emulator: answers are lost, names are taken, permissions lack, blocks are left."""

from __future__ import annotations

import base64
import hashlib
import hmac
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import urlencode

import obstore
import pytest
from aiohttp import web

from archiver.destinations.azure.signing import API_VERSION
from archiver.destinations.conformance import put, receipt_of, streamed, whole
from archiver.errors import ConfigError, MisconfiguredError
from archiver.model import ConnectionState, Session
from archiver.outcome import Deferred, Parked, Rejected
from support.azurite import ACCOUNT, ACCOUNT_KEY

MIB = 1024 * 1024
DATA = hashlib.sha256(b"x").digest() * (20 * MIB // 32)
BIG = "/archive/2024/big-1.wav"


async def test_the_receipt_has_the_storages_own_hash(container: Any) -> None:
    """Azure tells the MD5 of a small blob by itself; a big one's blocks were each checked by theirs."""
    receipt = receipt_of((await put(container.open(), [whole(1, b"hello")]))[1], b"hello")
    assert receipt.remote_hash == "md5:5d41402abc4b2a76b9719d911017c592"
    assert receipt.revision
    big = receipt_of((await put(container.open(), [streamed(1, DATA)]))[1], DATA)
    assert big.remote_hash == f"md5:{hashlib.md5(DATA, usedforsecurity=False).hexdigest()}"


async def test_a_lost_commit_is_recovered_by_reading_only(container: Any) -> None:
    """If the blob was committed and nobody heard of it, the next try sends nothing."""
    saved: list[Session] = []

    def lose_commit(request: web.Request) -> None:
        if request.query.get("comp") == "blocklist" and request.method == "PUT":
            container.between.lose = 2  # aiohttp itself tries a second time

    container.between.refuse = lose_commit
    first = (await put(container.open(), [streamed(1, DATA, save_session=saved.append)]))[1]
    container.between.refuse = None
    container.between.lose = 0
    container.between.seen.clear()
    outcome = first
    if isinstance(first, Deferred):
        outcome = (await put(container.open(), [streamed(1, DATA, session=saved[-1])]))[1]
        assert {method for method, _ in container.between.seen} <= {"HEAD", "GET"}
    assert receipt_of(outcome, DATA).recovered


async def test_what_was_sent_is_not_sent_again(container: Any) -> None:
    """A later try sends only the blocks that are missing, under the same names."""
    saved: list[Session] = []
    await put(container.open(), [streamed(1, DATA, save_session=saved.append, fail_at=19 * MIB)])
    container.between.seen.clear()
    receipt_of((await put(container.open(), [streamed(1, DATA, session=saved[-1])]))[1], DATA)
    assert len([path for method, path in container.between.seen if method == "PUT" and "comp=block&" in path]) == 1


async def test_a_big_blob_is_never_committed_over_another(container: Any) -> None:
    """Whoever takes the name while the blocks are on their way keeps it."""
    store = container.server.store("calls")

    def take(request: web.Request) -> None:
        if request.query.get("comp") == "blocklist" and request.method == "PUT":
            obstore.put(store, f"{container.prefix}{BIG}", b"quicker")

    container.between.refuse = take
    assert isinstance((await put(container.open(), [streamed(1, DATA)]))[1], Rejected)
    assert await container.stored() == {BIG: b"quicker"}


def signature(permissions: str) -> str:
    """A shared access signature of the container, as "Create a service SAS" has it."""
    expiry = (datetime.now(UTC) + timedelta(minutes=5)).strftime("%Y-%m-%dT%H:%M:%SZ")
    fields = [permissions, "", expiry, f"/blob/{ACCOUNT}/calls", "", "", "", API_VERSION, "c", "", "", "", "", "", "", ""]
    signed = hmac.digest(base64.b64decode(ACCOUNT_KEY), "\n".join(fields).encode(), "sha256")
    return urlencode({"sv": API_VERSION, "sr": "c", "sp": permissions, "se": expiry, "sig": base64.b64encode(signed).decode()})


async def test_a_shared_access_signature(container: Any) -> None:
    """A signature that may create lets in as far as it says, and no further; neither is it shown."""
    token = signature("c")
    destination = container.open(sas_token=token)
    receipt_of((await put(destination, [whole(1, b"hello")]))[1], b"hello")
    again = (await put(destination, [whole(1, b"hello")]))[1]  # to say whether it is ours it would have to look
    assert isinstance(again, Parked)
    assert again.state is ConnectionState.MISCONFIGURED
    assert token[-20:] not in repr(destination) + repr(again)
    receipt_of((await put(container.open(sas_token=signature("rcw")), [streamed(2, DATA)]))[2], DATA)


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ({"account_key": "d3Jvbmcga2V5"}, MisconfiguredError),  # the emulator says AuthorizationFailure, Azure AuthenticationFailed
        ({"container": "there-is-none"}, MisconfiguredError),
    ],
)
async def test_what_a_ping_finds(container: Any, options: dict[str, str], expected: type[Exception]) -> None:
    """A wrong key asks for another one, a container that is not there for other options; both park a lane."""
    with pytest.raises(expected):
        await container.open(**options).ping()
    assert isinstance((await put(container.open(**options), [whole(1, b"x")]))[1], Parked)


@pytest.mark.parametrize(
    "options",
    [
        {"account": "Not An Account"},
        {"container": "UPPER"},
        {"container": "a--b"},
        {"prefix": "a/../b"},
        {"endpoint": "http://example.com"},
        {"sas_token": "sig=x", "account_key": "eA=="},
        {"tier": "warm"},
        {"immutability": "locked"},
        {"immutability": "forever", "retain_days": "3"},
    ],
)
async def test_options_that_cannot_work(container: Any, options: dict[str, str]) -> None:
    """They are told before anything is sent."""
    with pytest.raises(ConfigError):
        container.open(**options)


async def test_what_a_blob_is_written_with(container: Any) -> None:
    """Tier and retention travel with the blob."""
    destination = container.open(tier="cool", immutability="unlocked", retain_days="30")
    await put(destination, [whole(1, b"hello")])
    (headers,) = container.between.headers
    assert headers["x-ms-access-tier"] == "Cool"
    assert headers["x-ms-immutability-policy-mode"] == "Unlocked"
    assert headers["x-ms-immutability-policy-until-date"].endswith("GMT")
    assert headers["If-None-Match"] == "*"
