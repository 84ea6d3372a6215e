"""Real rclone, untouched, against the sandbox: a client that we did not write must not notice."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from benchmarks.tunnel import BOX_HOSTS, Certificates, Tunnel, certify

from archiver.sandbox import Fault
from archiver.sandbox.box import Box, Limits, Login
from support.rclone import Rclone, context_of, old_token

MIB = 1024 * 1024


def rclone_of(directory: Path, login: Login, certificates: Certificates, tunnel: Tunnel) -> Rclone:
    """Rclone as one user."""
    client = [f"client_id = {login.client_id}", f"client_secret = {login.client_secret}"]
    return Rclone(directory, ["type = box", *client, f"token = {old_token(login.refresh_token)}"], certificates, tunnel)


@pytest.fixture(scope="module")
def certificates(tmp_path_factory: pytest.TempPathFactory) -> Certificates:
    """Of Box's hosts, by an authority of our own."""
    return certify(tmp_path_factory.mktemp("tls"), BOX_HOSTS)


@pytest.fixture
async def box(certificates: Certificates) -> AsyncIterator[Box]:
    """With HTTPS in Box's name."""
    async with Box(tls=context_of(certificates)) as box:
        yield box


async def test_rclone_does_not_notice(box: Box, certificates: Certificates, tmp_path: Path) -> None:
    """It refreshes its token, makes folders, uploads small files and a big one in parts, lists, compares, reads, moves and deletes."""
    folder = tmp_path / "calls"
    contents = {"a/one.wav": b"one", "a/ü – '2' #%.wav": b"two", "b/empty.wav": b"", "b/big.wav": os.urandom(MIB) * 51}
    for name, data in contents.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(data)
    login = box.add_user("acme", Limits(calls=None, uploads=None, commit_lag=1))
    async with Tunnel(box.tls_url, BOX_HOSTS) as tunnel:
        rclone = rclone_of(tmp_path, login, certificates, tunnel)
        await rclone.run("copy", str(folder), "one:Archive")
        stored = {file.path: file.sha256 for file in box.ledger().files}
        assert stored == {f"/Archive/{name}": hashlib.sha256(data).hexdigest() for name, data in contents.items()}
        calls = box.ledger().accounts["acme"].calls
        assert (calls["session.part"], calls["session.commit"]) == (7, 2), "the first commit was answered with 202"
        await rclone.run("check", str(folder), "one:Archive")
        await rclone.run("copy", str(folder), "one:Archive")
        assert len(box.ledger().files) == len(contents), "what is there is not copied again"
        listed = json.loads(await rclone.run("lsjson", "-R", "--files-only", "--hash", "one:Archive"))
        hashes = {name: hashlib.sha1(data, usedforsecurity=False).hexdigest() for name, data in contents.items()}
        assert {one["Path"]: one["Hashes"]["sha1"] for one in listed} == hashes
        assert await rclone.run("cat", "one:Archive/a/one.wav") == "one"
        await rclone.run("moveto", "one:Archive/a/one.wav", "one:Archive/b/1.wav")
        await rclone.run("delete", "one:Archive/b/big.wav")
        left = ["/Archive/a/ü – '2' #%.wav", "/Archive/b/1.wav", "/Archive/b/empty.wav"]
        assert sorted(file.path for file in box.ledger().files) == sorted(left)
        about = json.loads(await rclone.run("about", "--json", "one:"))
        assert about["total"] == 1024**4
        assert set(tunnel.connections) <= set(BOX_HOSTS)


async def test_rclone_tries_again_where_it_is_refused(box: Box, certificates: Certificates, tmp_path: Path) -> None:
    """The refusals are those that it knows, and everything arrives."""
    folder = tmp_path / "calls"
    folder.mkdir()
    for number in range(4):
        (folder / f"{number}.wav").write_bytes(str(number).encode())
    login = box.add_user("acme")
    blocked = {"type": "error", "status": 409, "code": "operation_blocked_temporary"}
    box.add_fault(Fault(action="reply", route="files.upload", status=429, headers={"Retry-After": "1"}, times=3))
    box.add_fault(Fault(action="reply", route="folders.create", status=409, body=json.dumps(blocked), content_type="application/json"))
    async with Tunnel(box.tls_url, BOX_HOSTS) as tunnel:
        await rclone_of(tmp_path, login, certificates, tunnel).run("copy", str(folder), "one:Archive")
    record = box.ledger().accounts["acme"]
    assert (record.files, record.refused["too_many_requests"]) == (4, 3)
