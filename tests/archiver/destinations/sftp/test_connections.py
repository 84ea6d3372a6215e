"""Whose server is believed, who is let in, and what a lost connection costs."""

from __future__ import annotations

import asyncio
from typing import Any

import asyncssh
import pytest

from archiver.destinations.conformance import put, receipt_of, streamed, whole
from archiver.destinations.sftp.connections import HostKeys
from archiver.errors import ArchiverError, MisconfiguredError, ReconnectNeededError, UnavailableError
from archiver.model import ConnectionState, Session
from archiver.outcome import Deferred, Parked, Unavailable
from support.seaweed import free_ports
from support.sftp_servers import CLIENT_KEY, HOST_KEY, PASSWORD, READER_KEY, OpenSsh, SftpServer, files_of, host_key, text_of

MIB = 1024 * 1024
OTHER_KEY = asyncssh.generate_private_key("ssh-ed25519")
RSA_KEY = asyncssh.generate_private_key("ssh-rsa", key_size=2048)


async def refused(destination: Any) -> ArchiverError:
    """What a ping of it raises."""
    with pytest.raises(ArchiverError) as caught:
        await destination.ping()
    return caught.value


@pytest.mark.parametrize(
    "text",
    [
        HOST_KEY.get_fingerprint(),
        f"{OTHER_KEY.get_fingerprint()}; {HOST_KEY.get_fingerprint()}=",
        host_key(),
        f"{host_key()} root@files",
        f"files.example.com,192.0.2.1 {host_key()}",
        f"{host_key(RSA_KEY)}\n|1|F1E1KeoE/eEWhi10WpGv4OdiO6Y=|3988QV0VE8wmZL7suNrYQLITLCg= {host_key()}",
    ],
    ids=["fingerprint", "one of two", "key", "public key file", "known_hosts", "hashed known_hosts"],  # the keys are other ones each time
)
async def test_a_known_server_is_believed(server: SftpServer, shelf: Any, text: str) -> None:
    """By its key, by its fingerprint, by its line of known_hosts, and beside others."""
    assert (await shelf.open(server.port, host_key=text).ping()).name.startswith("acme@127.0.0.1:")


@pytest.mark.parametrize(
    ("text", "told"),
    [
        (None, "is not known"),
        (OTHER_KEY.get_fingerprint(), "not the one that is known"),
        (host_key(OTHER_KEY), "not the one that is known"),
    ],
    ids=["none", "another fingerprint", "another key"],
)
async def test_another_server_is_told_nothing(server: SftpServer, shelf: Any, text: str | None, told: str) -> None:
    """It is refused before it is told a password; the message says which key it showed, and how to learn the right one."""
    destination = shelf.open(server.port, host_key=text)
    error = await refused(destination)
    assert isinstance(error, MisconfiguredError)
    assert told in error.message
    assert f"ssh-ed25519 {HOST_KEY.get_fingerprint()}" in error.message
    assert "ssh-keyscan" in error.hint
    assert server.logins == 0
    outcome = (await put(destination, [whole(1, b"x")]))[1]
    assert isinstance(outcome, Parked)
    assert outcome.state is ConnectionState.MISCONFIGURED


async def test_a_key_of_another_kind_is_no_key_of_the_server(server: SftpServer, shelf: Any) -> None:
    """Whoever knows the server by an RSA key is not content with another one."""
    error = await refused(shelf.open(server.port, host_key=host_key(RSA_KEY)))
    assert isinstance(error, MisconfiguredError)
    assert server.logins == 0


@pytest.mark.parametrize("text", ["ssh-ed25519", "ssh-ed25519 AAAAnonsense", "-----BEGIN CERTIFICATE-----", "MD5:00:11"])
def test_what_is_no_host_key(text: str) -> None:
    """It is refused, not passed over."""
    with pytest.raises(ValueError, match=r"."):
        HostKeys(text)


@pytest.mark.parametrize(
    "options",
    [{"password": f"{PASSWORD}-old"}, {"password": None, "private_key": text_of(OTHER_KEY)}, {"username": "eve"}],
    ids=["password", "key", "name"],
)
async def test_who_is_not_let_in_must_connect_again(server: SftpServer, shelf: Any, options: dict[str, Any]) -> None:
    """A refused password, key or name parks the lane, and shows no secret."""
    destination = shelf.open(server.port, **options)
    error = await refused(destination)
    assert isinstance(error, ReconnectNeededError)
    assert PASSWORD not in repr(error) + error.hint + repr(destination)
    outcome = (await put(destination, [whole(1, b"x")]))[1]
    assert isinstance(outcome, Parked)
    assert outcome.state is ConnectionState.RECONNECT_NEEDED


async def test_a_key_lets_in(server: SftpServer, shelf: Any) -> None:
    """A private key does instead of a password."""
    await shelf.open(server.port, password=None, private_key=text_of(CLIENT_KEY)).ping()
    assert server.logins == 1


async def test_nobody_there_is_unavailable(shelf: Any) -> None:
    """No item is charged for it."""
    (port,) = free_ports(1)
    destination = shelf.open(port)
    assert isinstance(await refused(destination), UnavailableError)
    assert isinstance((await put(destination, [whole(1, b"x")]))[1], Unavailable)


async def test_who_speaks_no_ssh_is_unavailable(shelf: Any) -> None:
    """Something else that listens there is not taken for a broken file."""

    async def hang_up(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"220 ftp.example.com ready\r\n")
        writer.close()

    listener = await asyncio.start_server(hang_up, "127.0.0.1", 0)
    async with listener:
        assert isinstance(await refused(shelf.open(listener.sockets[0].getsockname()[1])), UnavailableError)


async def test_many_wait_for_one_refusal(server: SftpServer, shelf: Any) -> None:
    """However many files want a connection, it is tried once: a server that counts wrong passwords does not lock the account."""
    tried: list[str] = []
    destination = shelf.open(server.port, password="wrong")
    connections = vars(destination)["_connections"]
    login = vars(connections)["_login"]
    connect = login.connect

    async def counted() -> Any:
        tried.append("once")
        return await connect()

    login.connect = counted
    async with asyncio.TaskGroup() as group:
        tasks = [group.create_task(put(destination, [whole(number, b"x")])) for number in range(12)]
    assert all(isinstance(outcome, Parked) for task in tasks for outcome in task.result().values())
    assert len(tried) == 1


async def test_many_files_share_few_connections(server: SftpServer, shelf: Any) -> None:
    """Sixteen files have one connection; more open a few more, and no end of them."""
    destination = shelf.open(server.port)
    async with asyncio.TaskGroup() as group:
        for number in range(16):
            group.create_task(put(destination, [whole(number, b"x" * 1000)]))
    assert server.logins == 1
    async with asyncio.TaskGroup() as group:
        for number in range(100, 200):
            group.create_task(put(destination, [whole(number, b"x" * 1000)]))
    assert 1 < server.logins <= 4
    assert len(files_of(server.root)) == 116


async def test_a_small_file_is_tried_again_after_a_cut(server: SftpServer, shelf: Any) -> None:
    """The file waits, nothing of it is visible, and the next one gets a new connection."""
    destination = shelf.open(server.port)
    server.cut_at = {"write": 1}
    assert isinstance((await put(destination, [whole(1, b"x" * 1000)]))[1], Deferred)
    assert files_of(server.root) == {}
    receipt_of((await put(destination, [whole(1, b"x" * 1000)]))[1], b"x" * 1000)
    assert server.logins == 2


async def test_a_lost_answer_to_a_rename_is_found_out(server: SftpServer, shelf: Any) -> None:
    """The file that got its name before the connection broke is recognised by its bytes."""
    destination = shelf.open(server.port)
    receipt_of((await put(destination, [whole(1, b"all of it")]))[1], b"all of it")
    again = receipt_of((await put(destination, [whole(1, b"all of it")]))[1], b"all of it")
    assert again.recovered
    assert list((server.root / ".archiver-parts").iterdir()) == []


async def test_a_big_file_goes_on_after_a_cut(server: SftpServer, shelf: Any) -> None:
    """What was confirmed before the connection broke is not sent again."""
    data = bytes(range(256)) * (25 * MIB // 256)
    destination = shelf.open(server.port)
    saved: list[Session] = []
    server.cut_at = {"fsync": 3}  # with the third chunk
    outcome = (await put(destination, [streamed(1, data, save_session=saved.append)]))[1]
    assert isinstance(outcome, Deferred)
    assert outcome.session == saved[-1]
    assert outcome.session.offset == 16 * MIB
    server.cut_at = {}
    server.calls.clear()
    receipt_of((await put(destination, [streamed(1, data, session=outcome.session)]))[1], data)
    assert files_of(server.root) == {"/archive/2024/big-1.wav": data}
    again = server.calls.count("write")
    server.calls.clear()
    receipt_of((await put(destination, [streamed(2, data)]))[2], data)
    assert again < server.calls.count("write") / 2


async def test_a_real_server_that_only_lets_read(openssh: OpenSsh, shelf: Any, tmp_path: Any) -> None:
    """A key that may only read is a misconfigured lane, whichever call fails first."""
    destination = shelf.open(
        openssh.port, username=openssh.user, password=None, private_key=text_of(READER_KEY), host_key=host_key(), path=str(tmp_path)
    )
    await destination.ping()
    outcome = (await put(destination, [whole(1, b"x")]))[1]
    assert isinstance(outcome, Parked)
    assert outcome.state is ConnectionState.MISCONFIGURED
