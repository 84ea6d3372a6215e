"""Real rclone, untouched, against the sandbox: a client that we did not write must not notice."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from benchmarks.tunnel import GOOGLE_HOSTS, Certificates, Tunnel, certify

from archiver.sandbox.google import GoogleDrive, Login
from support.rclone import Rclone, context_of, old_token


def rclone_of(directory: Path, login: Login, certificates: Certificates, tunnel: Tunnel) -> Rclone:
    """Rclone as one user."""
    client = [f"client_id = {login.client_id}", f"client_secret = {login.client_secret}"]
    words = ["type = drive", *client, "scope = drive.file", f"token = {old_token(login.refresh_token)}"]
    return Rclone(directory, words, certificates, tunnel, flags=("--drive-pacer-min-sleep", "1ms"))


@pytest.fixture(scope="module")
def certificates(tmp_path_factory: pytest.TempPathFactory) -> Certificates:
    """Of Google's hosts, by an authority of our own."""
    return certify(tmp_path_factory.mktemp("tls"), GOOGLE_HOSTS)


@pytest.fixture
async def drive(certificates: Certificates) -> AsyncIterator[GoogleDrive]:
    """With HTTPS in Google's name."""
    async with GoogleDrive(tls=context_of(certificates)) as drive:
        yield drive


async def test_rclone_does_not_notice(drive: GoogleDrive, certificates: Certificates, tmp_path: Path) -> None:
    """It refreshes its token, makes folders, uploads small files and big ones in chunks, lists, compares, reads, moves and deletes."""
    folder = tmp_path / "calls"
    contents = {"a/one.wav": b"one", "a/ü – '2' \\.wav": b"two", "b/empty.wav": b"", "b/big.wav": os.urandom(9 * 1024 * 1024 + 3)}
    for name, data in contents.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(data)
    login = drive.add_user("acme")
    async with Tunnel(drive.tls_url, GOOGLE_HOSTS) as tunnel:
        rclone = rclone_of(tmp_path, login, certificates, tunnel)
        await rclone.run("copy", str(folder), "one:Archive", "--drive-chunk-size", "1M", "--drive-upload-cutoff", "4M")
        stored = {file.path: file.sha256 for file in drive.ledger().files}
        assert stored == {f"/Archive/{name}": hashlib.sha256(data).hexdigest() for name, data in contents.items()}
        calls = drive.ledger().accounts["acme"].calls
        assert calls["upload.chunk"] >= 10
        await rclone.run("check", str(folder), "one:Archive")
        await rclone.run("copy", str(folder), "one:Archive")
        assert len(drive.ledger().files) == len(contents), "what is there is not copied again"
        listed = json.loads(await rclone.run("lsjson", "-R", "--files-only", "--hash", "one:Archive"))
        assert {one["Path"]: one["Hashes"]["md5"] for one in listed} == {
            name: hashlib.md5(data, usedforsecurity=False).hexdigest() for name, data in contents.items()
        }
        assert await rclone.run("cat", "one:Archive/a/one.wav") == "one"
        await rclone.run("moveto", "one:Archive/a/one.wav", "one:Archive/b/1.wav")
        await rclone.run("delete", "one:Archive/b/big.wav")
        assert sorted(file.path for file in drive.ledger().files) == sorted(
            ["/Archive/a/ü – '2' \\.wav", "/Archive/b/1.wav", "/Archive/b/empty.wav"]
        )
        about = json.loads(await rclone.run("about", "--json", "one:"))
        assert about["total"] == 15 * 1024**4
        assert set(tunnel.connections) <= set(GOOGLE_HOSTS)


async def test_rclone_waits_where_it_is_refused(drive: GoogleDrive, certificates: Certificates, tmp_path: Path) -> None:
    """The refusals are those that it knows: it tries again, and everything arrives."""
    folder = tmp_path / "calls"
    folder.mkdir()
    for number in range(3):
        (folder / f"{number}.wav").write_bytes(str(number).encode())
    login = drive.add_user("acme")
    drive.set_limits("acme", writes_per_second=10.0, write_burst=1.0)
    async with Tunnel(drive.tls_url, GOOGLE_HOSTS) as tunnel:
        await rclone_of(tmp_path, login, certificates, tunnel).run("copy", str(folder), "one:Archive", "--transfers", "3")
    record = drive.ledger().accounts["acme"]
    assert record.files == 3
    assert record.refused["too_many_requests"] > 0
