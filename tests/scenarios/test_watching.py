"""A real process as those see it who watch it: Prometheus, a probe, systemd."""

from __future__ import annotations

import asyncio
import json
import signal
import socket
from pathlib import Path

import aiohttp
import pytest

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
