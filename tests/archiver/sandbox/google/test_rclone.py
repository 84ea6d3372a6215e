"""Real rclone, untouched, against the sandbox: a client that we did not write must not notice."""

from __future__ import annotations

import asyncio
import hashlib
import json
import os
import ssl
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from benchmarks.tunnel import GOOGLE_HOSTS, Certificates, Tunnel, certify, environment_through

from archiver.sandbox.google import GoogleDrive, Login

_PAST = "2020-01-01T00:00:00Z"


class Rclone:
    """Runs rclone as one user.

    Args:
        directory: For its configuration.
        login: Whose.
        certificates: Whom it trusts.
        tunnel: Through which it goes.
    """

    def __init__(self, directory: Path, login: Login, certificates: Certificates, tunnel: Tunnel) -> None:
        self._config = directory / "rclone.conf"
        self._certificates = certificates
        self._tunnel = tunnel
        token = json.dumps({"access_token": "old", "token_type": "Bearer", "refresh_token": login.refresh_token, "expiry": _PAST})
        words = [f"client_id = {login.client_id}", f"client_secret = {login.client_secret}", "scope = drive.file", f"token = {token}"]
        self._config.write_text("\n".join(["[drive]", "type = drive", *words, ""]))

    async def run(self, *words: str) -> str:
        """Runs a command to its end; what it printed."""
        process = await asyncio.create_subprocess_exec(
            str(Path(sys.executable).with_name("rclone")),
            *words,
            *("--config", str(self._config), "--ca-cert", str(self._certificates.authority), "--drive-pacer-min-sleep", "1ms"),
            env=environment_through(self._tunnel.url, os.environ),
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
        )
        async with asyncio.timeout(60):
            output, errors = await process.communicate()
        assert process.returncode == 0, errors.decode()
        return output.decode()


@pytest.fixture(scope="module")
def certificates(tmp_path_factory: pytest.TempPathFactory) -> Certificates:
    """Of Google's hosts, by an authority of our own."""
    return certify(tmp_path_factory.mktemp("tls"), GOOGLE_HOSTS)


@pytest.fixture
async def drive(certificates: Certificates) -> AsyncIterator[GoogleDrive]:
    """With HTTPS in Google's name."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificates.chain, certificates.key)
    async with GoogleDrive(tls=context) as drive:
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
        rclone = Rclone(tmp_path, login, certificates, tunnel)
        await rclone.run("copy", str(folder), "drive:Archive", "--drive-chunk-size", "1M", "--drive-upload-cutoff", "4M")
        stored = {file.path: file.sha256 for file in drive.ledger().files}
        assert stored == {f"/Archive/{name}": hashlib.sha256(data).hexdigest() for name, data in contents.items()}
        calls = drive.ledger().accounts["acme"].calls
        assert calls["upload.chunk"] >= 10
        await rclone.run("check", str(folder), "drive:Archive")
        await rclone.run("copy", str(folder), "drive:Archive")
        assert len(drive.ledger().files) == len(contents), "what is there is not copied again"
        listed = json.loads(await rclone.run("lsjson", "-R", "--files-only", "--hash", "drive:Archive"))
        assert {one["Path"]: one["Hashes"]["md5"] for one in listed} == {
            name: hashlib.md5(data, usedforsecurity=False).hexdigest() for name, data in contents.items()
        }
        assert await rclone.run("cat", "drive:Archive/a/one.wav") == "one"
        await rclone.run("moveto", "drive:Archive/a/one.wav", "drive:Archive/b/1.wav")
        await rclone.run("delete", "drive:Archive/b/big.wav")
        assert sorted(file.path for file in drive.ledger().files) == sorted(
            ["/Archive/a/ü – '2' \\.wav", "/Archive/b/1.wav", "/Archive/b/empty.wav"]
        )
        about = json.loads(await rclone.run("about", "--json", "drive:"))
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
        await Rclone(tmp_path, login, certificates, tunnel).run("copy", str(folder), "drive:Archive", "--transfers", "3")
    record = drive.ledger().accounts["acme"]
    assert record.files == 3
    assert record.refused["too_many_requests"] > 0
