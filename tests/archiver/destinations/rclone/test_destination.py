"""What goes wrong in front of storages that rclone knows, and what is kept when rclone renews a token."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web

from archiver.destinations.conformance import put, receipt_of, streamed, whole
from archiver.destinations.rclone import RcloneAdapter, RcloneDestination
from archiver.destinations.rclone.remote import PARTS
from archiver.destinations.rclone.section import read_section
from archiver.errors import ConfigError, MisconfiguredError, ReconnectNeededError
from archiver.model import ConnectionState
from archiver.outcome import Deferred, Parked, Rejected, Unavailable
from support.rclone_backends import obscured, opened, section
from support.refusing import Refusing
from support.seaweed import free_ports
from support.sftp_servers import files_of
from support.webdav_servers import PASSWORD, USER, WebDavServer


@pytest.fixture(scope="module")
def server() -> Iterator[WebDavServer]:
    """One for all tests here."""
    with WebDavServer("rclone") as server:
        yield server


@pytest.fixture
async def between(server: WebDavServer) -> AsyncIterator[Refusing]:
    """Somebody who can refuse."""
    async with Refusing(server.url) as between:
        yield between


@pytest.fixture
async def folder(tmp_path: Path) -> AsyncIterator[RcloneDestination]:
    """A destination in front of a folder."""
    destination = opened(RcloneAdapter(), section("local"), str(tmp_path))
    yield destination
    await destination.close()


async def test_a_server_that_refuses(server: WebDavServer, between: Refusing) -> None:
    """What parks a lane and what concerns an item; nothing of it is visible, and no password is shown."""
    root, password = server.empty(), obscured(PASSWORD)
    config = section("webdav", url=between.url, vendor="other", user=USER, **{"pass": password})
    destination = opened(RcloneAdapter(), config, root.name)
    await put(destination, [whole(0, b"before", "/before.txt")])
    for status, state in (
        (401, ConnectionState.RECONNECT_NEEDED),
        (403, ConnectionState.MISCONFIGURED),
        (507, ConnectionState.QUOTA_FULL),
    ):
        between.refuse = lambda request, status=status: web.Response(status=status) if request.method == "PUT" else None
        outcome = (await put(destination, [whole(1, b"x" * 1000)]))[1]
        assert isinstance(outcome, Parked), outcome
        assert outcome.state is state
        assert PASSWORD not in repr(outcome)
        assert password not in repr(outcome)
    between.refuse = lambda request: web.Response(status=500) if request.method == "PUT" else None
    assert isinstance((await put(destination, [whole(1, b"x")]))[1], Deferred)
    between.refuse = None
    assert files_of(root) == {"/before.txt": b"before"}
    receipt_of((await put(destination, [whole(1, b"x")]))[1], b"x")
    await destination.close()


async def test_a_wrong_password_must_connect_again(server: WebDavServer) -> None:
    """The real server says so; the password is not shown."""
    password = obscured(f"{PASSWORD}-old")
    destination = opened(RcloneAdapter(), section("webdav", url=server.url, user=USER, **{"pass": password}), server.empty().name)
    with pytest.raises(ReconnectNeededError) as caught:
        await destination.ping()
    assert password not in repr(caught.value) + caught.value.hint
    await destination.close()


async def test_nobody_there_is_unavailable() -> None:
    """No item is charged for it."""
    (port,) = free_ports(1)
    destination = opened(RcloneAdapter(), section("webdav", url=f"http://127.0.0.1:{port}"), "a")
    assert isinstance((await put(destination, [whole(1, b"x")]))[1], Unavailable)
    await destination.close()


async def test_a_folder_that_is_not_there_is_not_made(tmp_path: Path) -> None:
    """Rclone would make it; nobody knows where it would be."""
    destination = opened(RcloneAdapter(), section("local"), str(tmp_path / "missing"))
    with pytest.raises(MisconfiguredError):
        await destination.ping()
    assert isinstance((await put(destination, [whole(1, b"x")]))[1], Parked)
    assert not (tmp_path / "missing").exists()
    await destination.close()


async def test_what_comes_between_the_look_and_the_move_stays(folder: RcloneDestination, tmp_path: Path) -> None:
    """Other bytes under the name are a conflict, the same ones are found; neither is written over, and no part is left."""
    for number, theirs in ((1, b"somebody's own"), (2, b"ours")):
        target = tmp_path / f"late-{number}.wav"
        remote = folder._remote
        move = remote.move

        async def late(part: str, key: str, target: Path = target, theirs: bytes = theirs, move: Any = move) -> None:
            await asyncio.to_thread(target.write_bytes, theirs)
            await move(part, key)

        remote.move = late  # type: ignore[method-assign]  # the one moment that no fault of a server can hit
        outcome = (await put(folder, [whole(number, b"ours", f"/late-{number}.wav")]))[number]
        remote.move = move  # type: ignore[method-assign]  # as above
        assert target.read_bytes() == theirs
        if theirs == b"ours":
            receipt_of(outcome, b"ours")
        else:
            assert isinstance(outcome, Rejected), outcome
            assert outcome.reason == "ConflictError"
    await folder.ping()


async def test_a_folder_that_stands_in_the_way(folder: RcloneDestination, tmp_path: Path) -> None:
    """A person must look, in both directions."""
    (tmp_path / "a.wav").mkdir()
    (tmp_path / "b").write_bytes(b"a file")
    for number, path in ((1, "/a.wav"), (2, "/b/c.wav")):
        outcome = (await put(folder, [whole(number, b"x", path)]))[number]
        assert isinstance(outcome, Rejected), outcome
        assert outcome.reason == "ConflictError"
    assert list((tmp_path / PARTS).iterdir()) == []


async def test_old_parts_are_swept(tmp_path: Path) -> None:
    """What a killed process left a day ago goes; what is young stays, and so does what is not ours."""
    parts = tmp_path / PARTS
    parts.mkdir()
    old, young, other = parts / f"{1:08x}-{'0' * 16}.part", parts / f"{2**33:09x}-{'0' * 16}.part", parts / "note.txt"
    for file in (old, young, other):
        file.write_bytes(b"x")
    destination = opened(RcloneAdapter(), section("local"), str(tmp_path))
    receipt_of((await put(destination, [whole(1, b"sound")]))[1], b"sound")
    assert set(parts.iterdir()) == {young, other}
    await destination.close()


async def test_reading_back(server: WebDavServer) -> None:
    """With verify=read each file is read again; what storages without hashes cannot tell is known then."""
    root, password = server.empty(), obscured(PASSWORD)
    destination = opened(RcloneAdapter(), section("webdav", url=server.url, user=USER, **{"pass": password}), root.name, verify="read")
    outcomes = await put(destination, [whole(1, b"sound"), streamed(2, b"y" * 2_000_000)])
    assert not receipt_of(outcomes[1], b"sound").recovered
    receipt_of(outcomes[2], b"y" * 2_000_000)
    await destination.close()


class Kept:
    """`archiver.adapter.Secrets` in memory."""

    def __init__(self, config: str) -> None:
        self.values = {"config": config}

    async def read(self) -> Mapping[str, str]:
        """See `archiver.adapter.Secrets`."""
        return dict(self.values)

    async def replace(self, name: str, old: str, new: str) -> bool:
        """See `archiver.adapter.Secrets`."""
        if self.values.get(name) != old:
            return False
        self.values[name] = new
        return True


async def test_a_token_that_rclone_renews_is_kept() -> None:
    """Rclone asks for a new token by itself; the one it was given stands in the vault afterwards, and no other line is lost."""
    asked: list[str] = []

    async def answer(request: web.BaseRequest) -> web.Response:
        asked.append(f"{request.path} {(await request.text())}")
        if request.path == "/token":
            return web.json_response(
                {"access_token": "canary-new", "refresh_token": "canary-next", "token_type": "bearer", "expires_in": 14400}
            )
        return web.Response(status=500)

    runner = web.ServerRunner(web.Server(answer))
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    url = f"http://127.0.0.1:{runner.addresses[0][1]}"
    token = {"access_token": "canary-old", "refresh_token": "canary-first", "token_type": "bearer", "expiry": "2020-01-01T00:00:00Z"}
    config = section("pcloud", token_url=f"{url}/token", hostname="127.0.0.1:1", token=json.dumps(token))
    kept = Kept(config)
    destination = opened(RcloneAdapter(), config, "calls", secrets=kept)
    assert not isinstance((await put(destination, [whole(1, b"x")]))[1], Parked)
    await destination.close()
    await runner.cleanup()
    found = read_section(kept.values["config"], trusted=True)
    assert "canary-next" in found.values["token"]
    assert found.values["hostname"] == "127.0.0.1:1"
    assert "canary" not in repr(destination)
    assert sum("canary-first" in one for one in asked) >= 1


@pytest.mark.parametrize("options", [{"verify": "perhaps"}, {"path": "a/../b"}, {"trusted": "no"}, {"config": "nonsense"}])
def test_options_that_cannot_work(options: dict[str, str]) -> None:
    """They are told before rclone is begun."""
    given = {"config": section("local"), "path": "/x", **options}
    with pytest.raises(ConfigError):
        opened(RcloneAdapter(), **given)
