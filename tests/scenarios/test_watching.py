"""A real process as those see it who watch it: Prometheus, a probe, systemd."""

from __future__ import annotations

import asyncio
import json
import signal
import socket
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from psycopg import sql

from support.machine import Machine, write_files
from support.postgres import OwnServer

pytestmark = pytest.mark.scenario


async def listen(notify: socket.socket, heard: asyncio.Queue[str]) -> None:
    """Reads what the process says as soon as it says it, as systemd does."""
    while True:
        heard.put_nowait((await asyncio.get_running_loop().sock_recv(notify, 4096)).decode())


async def test_a_process_that_is_watched(tmp_path: Path) -> None:
    """It tells systemd that it is ready, serves what it counts and how it is, says that it stops, and leaves no port open."""
    machine = Machine(tmp_path)
    write_files(tmp_path / "in", 20)
    (tmp_path / "out").mkdir()
    await machine.archiver("customers", "add", "acme", "--from", f"folder:{tmp_path}/in", "--to", f"folder:{tmp_path}/out")
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as notify:
        notify.bind(str(tmp_path / "notify"))
        notify.settimeout(0)
        heard: asyncio.Queue[str] = asyncio.Queue()
        listening = asyncio.create_task(listen(notify, heard))
        process = await machine.start("run", "--metrics", "127.0.0.1:0", NOTIFY_SOCKET=str(tmp_path / "notify"), WATCHDOG_USEC="300000")
        assert (await heard.get()).startswith("READY=1\n")
        assert await heard.get() == "WATCHDOG=1"
        assert process.stderr is not None
        line = ""
        while '"Serving"' not in line:
            line = (await process.stderr.readline()).decode()
        address = json.loads(line)["metrics"]
        await machine.until_archived("acme", 20)
        async with aiohttp.ClientSession(f"http://{address}") as http:
            page = await (await http.get("/metrics")).text()
            health = await (await http.get("/healthz")).json()
            probes = [(await http.get(path)).status for path in ("/livez", "/readyz")]
        process.send_signal(signal.SIGTERM)
        _, logged = await process.communicate()
        while not (told := await heard.get()).startswith("STOPPING=1\n"):
            assert told == "WATCHDOG=1"
        listening.cancel()
        await asyncio.wait([listening])  # before its socket is closed
    assert process.returncode == 0
    assert 'archiver_items_total{outcome="archived",provider="folder"} 20.0' in page.splitlines()
    assert "archiver_archived_items 20.0" in page.splitlines()
    assert (health["status"], probes) == ("ok", [200, 200])
    lines = [json.loads(line) for line in logged.splitlines() if line.startswith(b"{")]
    assert [line["event"] for line in lines].count("DeliveryArchived") == 20
    host, port = address.split(":")
    with pytest.raises(ConnectionRefusedError):
        await asyncio.open_connection(host, int(port))


async def test_a_database_that_is_away(tmp_path: Path) -> None:
    """The process lives and is not ready; told to stop meanwhile, it stops, and that is no failure."""
    machine = Machine(tmp_path)
    with OwnServer() as server:
        database = {"ARCHIVER_DATABASE": server.create("archiver_test_watched")}
        await machine.archiver("customers", "add", "acme", "--from", "memory:5", "--to", f"folder:{tmp_path}/out", **database)
        process = await machine.start("run", "--metrics", "127.0.0.1:0", "--log-level", "error", **database)
        assert process.stdout is not None
        line = ""
        while "/healthz" not in line:
            line = (await process.stdout.readline()).decode()
        async with aiohttp.ClientSession(line.split()[-1].removesuffix("/healthz")) as http:

            async def asked(path: str) -> int:
                async with http.get(path) as reply:
                    return reply.status

            assert (await asked("/livez"), await asked("/readyz")) == (200, 200)
            server.stop("immediate")
            async with asyncio.timeout(30):
                while await asked("/readyz") != 503:
                    await asyncio.sleep(0.1)
            assert await asked("/livez") == 200
            process.send_signal(signal.SIGTERM)
            await process.communicate()
            assert process.returncode == 0


async def next_line(process: asyncio.subprocess.Process, event: str) -> dict[str, Any]:
    """The next line of the log that tells of this event."""
    assert process.stderr is not None
    async with asyncio.timeout(60):
        while True:
            line = json.loads(await process.stderr.readline())
            if line["event"] == event:
                return dict(line)


async def test_a_database_that_comes_late(tmp_path: Path) -> None:
    """As after a reboot: the process says once that it waits, lives, is not ready, asks for patience, and goes on by itself."""
    machine = Machine(tmp_path)
    with OwnServer() as server, socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as notify:
        database = {"ARCHIVER_DATABASE": server.create("archiver_test_late")}
        await machine.archiver("customers", "add", "acme", "--from", "memory:5", "--to", f"folder:{tmp_path}", **database)
        server.stop()
        notify.bind(str(tmp_path / "notify"))
        notify.settimeout(60)
        process = await machine.start("run", "--metrics", "127.0.0.1:0", NOTIFY_SOCKET=str(tmp_path / "notify"), **database)
        waiting = await next_line(process, "WaitingForDatabase")
        assert (await asyncio.to_thread(notify.recv, 4096)).startswith(b"EXTEND_TIMEOUT_USEC=")
        async with aiohttp.ClientSession(f"http://{waiting['metrics']}") as http:
            answers = [await http.get(path) for path in ("/livez", "/readyz", "/metrics")]
            assert [answer.status for answer in answers] == [200, 503, 200]
            assert "database: does not answer" in await answers[1].text()
        server.start()
        assert (await next_line(process, "DatabaseAnswers"))["seconds"] >= 1
        await next_line(process, "Serving")
        process.send_signal(signal.SIGTERM)
        _, logged = await process.communicate()
    assert process.returncode == 0
    assert b"WaitingForDatabase" not in logged


async def test_a_database_that_does_not_come(tmp_path: Path) -> None:
    """Waiting has an end that can be set; what it cannot mend, such as a wrong password, is told at once."""
    machine = Machine(tmp_path)
    with OwnServer() as server:
        wrong = server.address_by_port("postgres").replace("postgres@", "postgres:canary-password@")
        server.execute(sql.SQL("ALTER USER postgres PASSWORD 'another'"))
        (server.folder / "pg_hba.conf").write_text("local all all trust\nhost all all all scram-sha-256\n")
        server.execute(sql.SQL("SELECT pg_reload_conf()"))
        told = await machine.archiver("run", code=78, ARCHIVER_DATABASE=wrong)
        assert "password authentication failed" in told
        assert "WaitingForDatabase" not in told
        assert "canary" not in told
        server.stop()
        told = await machine.archiver("run", code=75, ARCHIVER_DATABASE=server.address, ARCHIVER_DATABASE_WAIT_SECONDS="1.5")
        assert told.count("WaitingForDatabase") == 1
        assert "the database is not available" in told.splitlines()[-2] + told.splitlines()[-1]
        told = await machine.archiver("run", code=75, ARCHIVER_DATABASE=server.address, ARCHIVER_DATABASE_WAIT_SECONDS="0")
        assert "WaitingForDatabase" not in told
