"""Old against new: one airline and many small customers into the same Dropbox with limits, by the old design, by rclone and by Archiver.

    python -m benchmarks.archiver [--minutes 1.1 | --quick] [--json FILE] [--pictures FOLDER] [--tune]

One after the other, each for the same time, with the same backlog and the same arrivals, on fresh accounts of one sandbox, which runs in
a process of its own. Judged is what the sandbox's ledger says, not what a contestant says of itself.

What is permitted: 12 calls a second of each account, of which a refused one is told to wait 15 s; commits of one account go one at a
time, 120 ms and 5 ms a file each, and one that would wait for more than a second is refused; every call takes 60 ms. *Permitted* in the
table is the items per second of somebody who knows all of that and commits a thousand files at a time (the most that one call takes):
195 a second, bound by the commits, since the calls would permit more. It is the same yardstick for everybody and nobody can be above it.
*Held* is how much of the time the airline's commits had its namespace to themselves: one file at a time holds it as long, for nothing.

Items per second are those of the airline after a warm-up of 15 s, from commit to commit. *Dwell* is the time from a small customer's
recording being there to its being visible. Exit code 1 if something that is wanted was missed.
"""

from __future__ import annotations

import argparse
import asyncio
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager, suppress
from pathlib import Path

import msgspec
import psutil

from archiver.sandbox.remote import SandboxProcess
from benchmarks.archiver_figures import Evidence, Figures, figures
from benchmarks.archiver_new import NewDesign
from benchmarks.archiver_old import AS_WRITTEN, TUNED, OldDesign, OldSettings
from benchmarks.archiver_plot import draw
from benchmarks.archiver_rclone import Rclone, RcloneSettings
from benchmarks.archiver_world import AIRLINE, LIMITS, Arrival, Contestant, Plan, Recording, Stage, arrivals, make_recordings, new_recording
from benchmarks.tunnel import Certificates, Tunnel, certify

__all__ = ["main"]

WANTED_SHARE = 0.95
WANTED_OVER_OLD = 20.0
WANTED_OVER_RCLONE = 15.0
WANTED_REFUSED = 0.01
_SAMPLE_SECONDS = 0.5

Makers = Sequence[Callable[[], Contestant]]


def contestants() -> Makers:
    """Who runs, in this order."""
    return [
        lambda: OldDesign("old, as written", AS_WRITTEN),
        lambda: OldDesign("old, tuned", TUNED),
        Rclone,
        NewDesign,
    ]


def guesses() -> Makers:
    """What is tried in order to be fair to the old design and to rclone."""
    old = [OldSettings(interval=1, threads=threads, batch=1000) for threads in (2, 4, 6, 8, 12, 32)]
    batched = (["--transfers", "4"], ["--transfers", "32", "--tpslimit", "12"], ["--transfers", "32", "--dropbox-batch-mode", "async"])
    single = [["--transfers", n, "--tpslimit", "12", "--dropbox-batch-mode", "off"] for n in ("4", "6", "8", "32")]
    rclone = [RcloneSettings(flags) for flags in (*batched, *single)]
    return [
        *(lambda settings=settings: OldDesign("old", settings) for settings in old),
        *(lambda settings=settings: Rclone(settings) for settings in rclone),
    ]


class Theatre:
    """The sandbox, the way to it, and the airline's backlog, for everybody one after the other.

    Args:
        plan: What the runs are like.
        directory: For everything that is written.
        sandbox: The Dropbox.
        tunnel: The way to it for those whose hosts are fixed.
        certificates: What they must trust.
    """

    def __init__(self, plan: Plan, directory: Path, sandbox: SandboxProcess, tunnel: Tunnel, certificates: Certificates) -> None:
        self._plan = plan
        self._directory = directory
        self._sandbox = sandbox
        self._tunnel = tunnel
        self._certificates = certificates
        self._airline = directory / AIRLINE
        self._backlog = list(make_recordings(self._airline, plan.backlog, plan.item_bytes, name="call"))
        self._runs = 0

    async def run(self, contestant: Contestant) -> Figures:
        """One contestant's time."""
        self._runs += 1
        stage = await self._stage()
        await contestant.prepare(stage)
        began = time.time()
        born = {(AIRLINE, recording.sha256): began for recording in self._backlog}
        memory = Memory(contestant)
        await contestant.begin()
        try:
            async with asyncio.timeout(self._plan.seconds - (time.time() - began)), asyncio.TaskGroup() as group:
                group.create_task(memory.watch())
                group.create_task(self._arrive(contestant, stage, born, began))
        except TimeoutError:
            pass  # that is how long it was given
        finally:
            claims = await contestant.end()
        return figures(
            Evidence(
                name=contestant.name,
                about=contestant.about,
                plan=self._plan,
                began=began,
                limits=LIMITS,
                accounts={customer: account.name for customer, account in stage.accounts.items()},
                ledger=await self._sandbox.ledger(),
                born=born,
                claims=claims,
                peak_bytes=memory.peak_bytes,
            )
        )

    async def _stage(self) -> Stage:
        """Fresh accounts, and empty folders for the small customers."""
        directory = self._directory / f"run-{self._runs}"
        customers = [AIRLINE, *self._plan.names]
        folders = {customer: self._airline if customer == AIRLINE else directory / "customers" / customer for customer in customers}
        for folder in (directory, *folders.values()):
            folder.mkdir(parents=True, exist_ok=True)
        return Stage(
            plan=self._plan,
            directory=directory,
            folders=folders,
            accounts={customer: await self._sandbox.add_account(f"{self._runs}-{customer}", LIMITS) for customer in customers},
            backlog=self._backlog,
            sandbox_url=self._sandbox.url,
            proxy_url=self._tunnel.url,
            certificates=self._certificates,
        )

    async def _arrive(self, contestant: Contestant, stage: Stage, born: dict[tuple[str, str], float], began: float) -> None:
        """Lets the small customers' recordings appear when they are due."""
        for number, arrival in enumerate(arrivals(self._plan)):
            await asyncio.sleep(began + arrival.due - time.time())
            recording = self._new(stage, arrival, number)
            born[arrival.customer, recording.sha256] = time.time()
            contestant.arrived(arrival.customer, recording)
        await asyncio.Event().wait()

    def _new(self, stage: Stage, arrival: Arrival, number: int) -> Recording:
        return new_recording(stage.folders[arrival.customer], f"{arrival.customer}-{number:05}", self._plan.item_bytes)


class Memory:
    """The most memory that a contestant's processes, with their children, have had at one moment.

    Args:
        contestant: Whose.
    """

    def __init__(self, contestant: Contestant) -> None:
        self.peak_bytes = 0
        self._contestant = contestant

    async def watch(self) -> None:
        """Looks again and again, until it is cancelled."""
        while True:
            self.peak_bytes = max(self.peak_bytes, sum(_resident(pid) for pid in self._contestant.processes()))
            await asyncio.sleep(_SAMPLE_SECONDS)


def _resident(pid: int) -> int:
    """Resident bytes of a process and its children; 0 if it is gone."""
    total = 0
    with suppress(psutil.NoSuchProcess):
        process = psutil.Process(pid)
        for one in (process, *process.children(recursive=True)):
            with suppress(psutil.NoSuchProcess):
                total += one.memory_info().rss
    return total


@asynccontextmanager
async def open_theatre(plan: Plan) -> AsyncIterator[Theatre]:
    """Makes the backlog and starts the sandbox; everything is gone at the end."""
    with tempfile.TemporaryDirectory(prefix="archiver-bench-", ignore_cleanup_errors=True) as name:
        directory = Path(name)
        certificates = certify(directory)
        flags = ("--tls-certificate", str(certificates.chain), "--tls-key", str(certificates.key))
        async with SandboxProcess(keep_content=False, command=flags) as sandbox, Tunnel(sandbox.tls_url) as tunnel:
            yield Theatre(plan, directory, sandbox, tunnel, certificates)


_HEAD = (
    f"{'':<16}{'items/s':>9}{'of permitted':>14}{'held':>7}{'calls/item':>12}{'429s':>7}{'of calls':>10}"
    f"{'dwell p50':>11}{'p95':>7}{'max':>7}{'MiB':>7}{'lost':>6}{'twice':>7}{'corrupt':>9}"
)


def _line(row: Figures) -> str:
    left = f" ({row.small_left} never)" if row.small_left else ""
    return (
        f"{row.name:<16}{row.items_per_second:>9.1f}{row.permitted_share:>14.1%}{row.held_share:>7.0%}{row.calls_per_item:>12.3f}"
        f"{row.refused:>7}{row.refused_share:>10.2%}{row.dwell_p50:>11.2f}{row.dwell_p95:>7.2f}{row.dwell_max:>7.2f}{row.peak_mib:>7.0f}"
        f"{row.lost:>6}{row.duplicates:>7}{row.corrupt:>9}{left}"
    )


def missed(rows: Sequence[Figures]) -> list[str]:
    """What is wanted and was not reached."""
    by_name = {row.name: row for row in rows}
    new, old, rclone = by_name["Archiver"], by_name["old, tuned"], by_name["rclone"]
    misses = []
    if new.permitted_share < WANTED_SHARE:
        misses.append(f"{new.permitted_share:.1%} of what is permitted, not {WANTED_SHARE:.0%}")
    for other, wanted in ((old, WANTED_OVER_OLD), (rclone, WANTED_OVER_RCLONE)):
        if new.items_per_second < wanted * other.items_per_second:
            misses.append(f"{new.items_per_second / other.items_per_second:.1f} times {other.name}, not {wanted:g} times")
    if new.refused_share > WANTED_REFUSED:
        misses.append(f"{new.refused_share:.1%} of the calls refused, not {WANTED_REFUSED:.0%} at most")
    if new.lost or new.duplicates or new.corrupt or new.small_left:
        misses.append(f"{new.lost} lost, {new.duplicates} twice, {new.corrupt} corrupt, {new.small_left} never archived")
    return misses


async def _run(plan: Plan, makers: Makers) -> list[Figures]:
    """Everybody's turn; prints each row as it is known."""
    rows = []
    print(f"{plan.backlog:,} recordings of {plan.item_bytes / 1000:g} KB wait at the airline; {plan.customers} small customers;", end=" ")
    print(f"{plan.seconds:g} s for each", flush=True)
    async with open_theatre(plan) as theatre:
        print(_HEAD)
        for maker in makers:
            row = await theatre.run(maker())
            rows.append(row)
            print(_line(row), flush=True)
    return rows


def main(arguments: list[str] | None = None) -> int:
    """Runs all, prints a table, draws; returns the exit code."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--minutes", type=float, default=1.1, help="for each contestant (default 1.1)")
    parser.add_argument("--quick", action="store_true", help="half a minute for each: a look, not a measurement")
    parser.add_argument("--json", type=Path, help="write the figures there too")
    parser.add_argument("--pictures", type=Path, help="draw uploads-per-second.svg and throttled-per-second.svg into this folder")
    parser.add_argument("--tune", action="store_true", help="try settings of the old design and of rclone, with the airline alone, instead")
    options = parser.parse_args(arguments)
    if options.tune:
        rows = asyncio.run(_run(Plan(seconds=40, customers=0), guesses()))
        print(*(f"{row.items_per_second:>9.2f}/s {row.refused:>6} 429s  {row.name}: {row.about}" for row in rows), sep="\n")
        return 0
    rows = asyncio.run(_run(Plan(seconds=30 if options.quick else options.minutes * 60), contestants()))
    print(*(f"{row.name}: {row.about}" for row in rows), sep="\n")
    misses = missed(rows)
    if options.json:
        document = {"rows": msgspec.to_builtins(rows), "missed": misses}
        options.json.write_bytes(msgspec.json.format(msgspec.json.encode(document), indent=2) + b"\n")
    if options.pictures:
        for name, picture in draw(rows).items():
            (options.pictures / name).write_text(picture, encoding="utf-8")
    print("missed: " + "; ".join(misses) if misses else "every figure that is wanted was reached")
    return 1 if misses else 0


if __name__ == "__main__":
    sys.exit(main())
