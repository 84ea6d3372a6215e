"""An item that kills its process is found, rejected, and keeps nobody else (fault matrix row 25)."""

from __future__ import annotations

import hashlib
import json
import signal
from pathlib import Path

import pytest

from support.deadly import install
from support.machine import Machine, write_files

ITEMS = 120
POISON = "call-00057"


def digests(folder: Path) -> list[str]:
    """Hashes of all files below a folder."""
    return sorted(hashlib.sha256(path.read_bytes()).hexdigest() for path in folder.rglob("*") if path.is_file())


@pytest.mark.scenario
@pytest.mark.timeout(120)
async def test_row_25_a_poison_item_is_rejected_after_its_third_death_in_the_journal(machine: Machine, tmp_path: Path) -> None:
    """A process that dies of an item is started again until it stays up: four deaths, the first of which left no trace.

    The item is rejected, every other one of its lane and of other customers is archived once, and `archiver retry` takes it up again.
    """
    machine.environment["PYTHONPATH"] = install(tmp_path / "installed")
    hashes = {name: write_files(tmp_path / name, ITEMS) for name in ("airline", "bakery")}
    for name, adapter in (("airline", "deadly"), ("bakery", "folder")):
        (tmp_path / f"{name}-out").mkdir()
        await machine.archiver("customers", "add", name, "--from", f"folder:{tmp_path / name}", "--to", f"{adapter}:{tmp_path / name}-out")
    deadly = {"ARCHIVER_TEST_DEADLY": POISON}
    deaths = 0
    while True:
        process = await machine.start("run", "--until-empty", **deadly)
        out, err = await process.communicate()
        if process.returncode != -signal.SIGKILL:
            break
        deaths += 1
        assert deaths <= 4, "it is not found"
    assert process.returncode == 0, f"{out.decode()}{err.decode()}"
    assert deaths == 4
    travelled = [int(line) for line in (tmp_path / "airline-out.deaths").read_text().splitlines()]
    assert travelled[0] > 1
    assert travelled[2:] == [1, 1], "once it was suspect it went alone"

    airline, bakery = await machine.status("airline"), await machine.status("bakery")
    assert (airline["archived"], airline["waiting"], airline["rejected"]) == (ITEMS - 1, 0, 1)
    assert (bakery["archived"], bakery["waiting"], bakery["rejected"]) == (ITEMS, 0, 0)
    (row,) = json.loads(await machine.archiver("deliveries", "--state", "rejected", "--json"))
    assert row["reason"] == "PoisonError"
    assert POISON in row["path"]
    assert "died 3 times" in row["detail"]
    lost = [digest for name, digest in hashes["airline"].items() if POISON in name]
    assert digests(tmp_path / "airline-out") == sorted(set(hashes["airline"].values()) - set(lost))
    assert digests(tmp_path / "bakery-out") == sorted(hashes["bakery"].values())

    await machine.archiver("retry", "--reason", "PoisonError")
    await machine.archiver("run", "--until-empty")
    assert (await machine.status("airline"))["archived"] == ITEMS
    assert digests(tmp_path / "airline-out") == sorted(hashes["airline"].values())
