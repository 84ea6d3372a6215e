"""Real rclone, untouched, against the sandbox: a client that we did not write must not notice."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from benchmarks.tunnel import MICROSOFT_HOSTS, Certificates, Tunnel, certify

from archiver.sandbox.microsoft import Limits, Login, OneDrive
from support.rclone import Rclone, context_of, old_token


def rclone_of(directory: Path, login: Login, kind: str, certificates: Certificates, tunnel: Tunnel) -> Rclone:
    """Rclone as one user."""
    client = [f"client_id = {login.client_id}", f"client_secret = {login.client_secret}", f"drive_id = {login.drive_id}"]
    words = ["type = onedrive", *client, f"drive_type = {kind}", f"token = {old_token(login.refresh_token)}"]
    return Rclone(directory, words, certificates, tunnel)


@pytest.fixture(scope="module")
def certificates(tmp_path_factory: pytest.TempPathFactory) -> Certificates:
    """Of Microsoft's hosts, by an authority of our own."""
    return certify(tmp_path_factory.mktemp("tls"), MICROSOFT_HOSTS)


@pytest.fixture
async def onedrive(certificates: Certificates) -> AsyncIterator[OneDrive]:
    """With HTTPS in Microsoft's name."""
    async with OneDrive(tls=context_of(certificates)) as onedrive:
        yield onedrive


@pytest.mark.parametrize("kind", ["business", "personal"])
async def test_rclone_does_not_notice(onedrive: OneDrive, certificates: Certificates, tmp_path: Path, kind: str) -> None:
    """It refreshes its token, makes folders, uploads small files and big ones in fragments, lists, compares, reads, moves and deletes."""
    folder = tmp_path / "calls"
    contents = {"a/one.wav": b"one", "a/ü – '2' #%.wav": b"two", "b/empty.wav": b"", "b/big.wav": os.urandom(3 * 1024 * 1024 + 3)}
    for name, data in contents.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(data)
    login = onedrive.add_user("acme", Limits(units=None), kind=kind)  # type: ignore[arg-type]  # one of the parameters above
    async with Tunnel(onedrive.tls_url, MICROSOFT_HOSTS) as tunnel:
        rclone = rclone_of(tmp_path, login, kind, certificates, tunnel)
        await rclone.run("copy", str(folder), "one:Archive", "--onedrive-chunk-size", "1280k")
        stored = {file.path: file.sha256 for file in onedrive.ledger().files}
        assert stored == {f"/Archive/{name}": hashlib.sha256(data).hexdigest() for name, data in contents.items()}
        assert onedrive.ledger().accounts["acme"].calls["upload.fragment"] >= 3
        await rclone.run("check", str(folder), "one:Archive")
        await rclone.run("copy", str(folder), "one:Archive")
        assert len(onedrive.ledger().files) == len(contents), "what is there is not copied again"
        listed = json.loads(await rclone.run("lsjson", "-R", "--files-only", "--hash", "one:Archive"))
        ours = json.loads(await rclone.run("lsjson", "-R", "--files-only", "--hash", "--hash-type", "quickxor", str(folder)))
        assert {one["Path"]: one["Hashes"]["quickxor"] for one in listed} == {one["Path"]: one["Hashes"]["quickxor"] for one in ours}
        assert await rclone.run("cat", "one:Archive/a/one.wav") == "one"
        await rclone.run("moveto", "one:Archive/a/one.wav", "one:Archive/b/1.wav")
        await rclone.run("delete", "one:Archive/b/big.wav")
        left = ["/Archive/a/ü – '2' #%.wav", "/Archive/b/1.wav", "/Archive/b/empty.wav"]
        assert sorted(file.path for file in onedrive.ledger().files) == sorted(left)
        about = json.loads(await rclone.run("about", "--json", "one:"))
        assert about["total"] == 1024**4
        assert set(tunnel.connections) <= set(MICROSOFT_HOSTS)


async def test_rclone_waits_where_it_is_refused(onedrive: OneDrive, certificates: Certificates, tmp_path: Path) -> None:
    """The refusals are those that it knows: it waits as long as it is told, and everything arrives."""
    folder = tmp_path / "calls"
    folder.mkdir()
    for number in range(4):
        (folder / f"{number}.wav").write_bytes(str(number).encode())
    login = onedrive.add_user("acme", Limits(units=12, window=1.0, retry_after=1))
    async with Tunnel(onedrive.tls_url, MICROSOFT_HOSTS) as tunnel:
        await rclone_of(tmp_path, login, "business", certificates, tunnel).run("copy", str(folder), "one:Archive", "--transfers", "4")
    record = onedrive.ledger().accounts["acme"]
    assert record.files == 4
    assert record.refused["too_many_requests"] > 0
