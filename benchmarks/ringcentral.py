"""A large company on RingCentral in virtual time: all of a day is archived, no limit is pushed, none lies idle while there is work.

    PYTHONPATH=tests python -m benchmarks.ringcentral [--hours H] [--extensions N] [--calls N] [--heavy N] [--json FILE]

The pipeline on a real SQLite file, RingCentral on loopback with its limits and its penalty on, real sockets; only time jumps. By default
4,000 extensions and the first two hours' share of a day with 40,000 recorded calls; ``--hours 24`` is the whole day. Nine calls of ten are
history when Archiver begins, the tenth come while it works, and their rows five minutes after them. A quarter of the people have
voicemails.

The arithmetic: by default RingCentral permits a user ten calls of the group Heavy in a minute, which are 14,400 recordings a day. A company
with 40,000 needs 28 a minute and some for looking. What its operator can do is what RingCentral's support offers: the application's limit
is raised on request. So the default of ``--heavy`` is 40; with 10 it falls behind by 25,600 a day, whoever archives it.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import resource
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import aiohttp

from archiver.model import Connection
from archiver.sandbox.ringcentral import GroupLimit, RingCentral
from archiver.sandbox.ringcentral.company import archivable
from archiver.sandbox.ringcentral.limits import LIMITS
from archiver.sandbox.ringcentral.records import Extension
from archiver.sources.port import Source
from genstage.testing import run
from support.phones import Bench
from support.world import World

_LEAST_USED = 0.97
_DAY, _HOUR, _MINUTE = 86_400.0, 3600.0, 60.0
_HISTORY = 0.9
_LATE = 300.0
_POLL_SECONDS = 7200
_GRACE = 0.001
"""Real seconds before time jumps: both sides are in this process, so what is on its way is in the kernel."""
_WORK = {"Heavy": "recording/content", "Medium": "message-content", "Light": "message-store"}
"""Whose calls there is work for from the tenth to the eighty-fifth of a hundred of them; later what is left may come late."""


class CompanyWorld(World):
    """A world whose one customer has the phone system."""

    bench: Bench

    def open_source(self, connection: Connection) -> Source:
        """The company's phones; four thousand message stores take eighty minutes, so each is looked at every two hours."""
        del connection
        return self.bench.source(poll_interval=_POLL_SECONDS, kinds="recording,call_log,sms,voicemail")


class Company:
    """What it has: calls that were, calls that come, and messages.

    Args:
        phones: Its phone system.
        extensions: How many people.
        calls: How many calls, all recorded.
        hours: In what time.
    """

    def __init__(self, phones: RingCentral, extensions: int, calls: int, hours: float) -> None:
        self._phones = phones
        self._people = [phones.office.add_extension(str(1001 + number), f"Agent {number}") for number in range(extensions)]
        self._gap = hours * _HOUR / calls
        self._past = int(calls * _HISTORY)
        self._calls = calls
        now = phones.office.now()
        for number in range(self._past):
            call = self._add(number, start=now - self._gap * (self._past - number) - _LATE)
            call.visible_at = call.modified_at = min(call.start + _LATE, now - _MINUTE)
        for number, person in enumerate(self._people):
            phones.office.add_message(person, "SMS", subject="hello", created_at=now - _HOUR)
            if number < extensions / 4:  # whose stores are looked at first
                self._voicemails(person, now - _HOUR)
        self.wanted = {
            "Heavy": calls,
            "Medium": sum(message.type == "VoiceMail" for message in phones.office.messages.values()),
            "Light": extensions,
        }

    def _add(self, number: int, **more: Any) -> Any:
        return self._phones.office.add_call(self._people[number % len(self._people)], [b"ID3 %d" % number], **more)

    def _voicemails(self, person: Extension, at: float) -> None:
        for number in range(4):
            message = self._phones.office.add_message(person, "VoiceMail", created_at=at)
            self._phones.office.attach(message, "AudioRecording", "audio/mpeg", b"ID3 %d of %d" % (number, person.id))

    async def live(self) -> None:
        """The calls that come; their rows come late."""
        for number in range(self._past, self._calls):
            await asyncio.sleep(self._gap)
            self._add(number, late=_LATE)


class Used:
    """How much of a group's limit was used while there was work.

    Args:
        phones: Whose.
        group: Which.
        wanted: So many calls of the route that the work is counted by.
    """

    def __init__(self, phones: RingCentral, group: str, wanted: int) -> None:
        self._phones = phones
        self._group = group
        self._wanted = wanted
        self._first: tuple[float, int] | None = None
        self._last: tuple[float, int] | None = None

    def look(self, now: float) -> None:
        """Once a minute."""
        done = self._phones.ledger.count(_WORK[self._group], 200)
        mark = now, self._phones.ledger.count_group(self._group)
        if done >= 0.1 * self._wanted and self._first is None:
            self._first = mark
        if done <= 0.85 * self._wanted:
            self._last = mark

    @property
    def share(self) -> float:
        """Of what was permitted; 0 if the work was over before it could be measured."""
        if self._first is None or self._last is None or self._last[0] <= self._first[0]:
            return 0.0
        minutes = (self._last[0] - self._first[0]) / _MINUTE
        return (self._last[1] - self._first[1]) / (self._phones.limits[self._group].calls * minutes)


async def archive(path: Path, extensions: int, calls: int, hours: float, heavy: int) -> dict[str, Any]:
    """Archives all of it; the figures."""
    world = CompanyWorld(path)
    await world.database.serve()
    await world.database.open()
    began = world.clock.time()
    limits = {**LIMITS, "Heavy": GroupLimit(calls=heavy)}
    connector = aiohttp.TCPConnector(force_close=True)
    async with RingCentral(now=world.clock.wall, limits=limits) as phones, aiohttp.ClientSession(connector=connector) as http:
        company = Company(phones, extensions, calls, hours)
        world.bench = Bench(phones, http, world.clock)
        await world.add_customer("company")
        used = {group: Used(phones, group, wanted) for group, wanted in company.wanted.items()}
        wanted = 2 * calls + 2 * extensions + company.wanted["Medium"]
        async with world.running(world.assembly()), asyncio.TaskGroup() as group:
            group.create_task(company.live())
            while (done := (await world.counters("company")).archived) < wanted:
                await asyncio.sleep(_MINUTE)
                for one in used.values():
                    one.look(world.clock.time())
                world.events.clear()
            taken = (world.clock.time() - began) / _HOUR
        groups = {name: {"refused": group.refused, "poked": group.poked} for name, group in phones.groups().items()}
        missing = await missed(world, phones)
    (row,) = await world.database.counters()
    await world.database.close()
    return {
        "extensions": extensions,
        "calls": calls,
        "archived": done,
        "wanted": wanted,
        "missing": missing,
        "gone": row.gone,
        "rejected": row.rejected,
        "hours": round(taken, 1),
        "used": {name: round(one.share, 4) for name, one in used.items()},
        "groups": groups,
    }


async def missed(world: CompanyWorld, phones: RingCentral) -> int:
    """How much of what has bytes, and how many rows of the call log, no receipt tells of."""
    wanted = {(thing.kind, thing.id) for thing in archivable(phones.office)} | {("call_log", call) for call in phones.office.calls}
    after = 0
    while rows := await world.database.deliveries(after=after, limit=1000):
        wanted -= {(row.kind.value, row.external_id) for row in rows if row.receipt is not None}
        after = rows[-1].id
    return len(wanted)


def is_kept(found: dict[str, Any]) -> bool:
    """Whether it is what is promised."""
    pushed = any(group["refused"] or group["poked"] for group in found["groups"].values())
    lost = found["missing"] or found["gone"] or found["rejected"]
    return not pushed and not lost and min(found["used"].values()) >= _LEAST_USED


def play(extensions: int, calls: int, hours: float, heavy: int) -> dict[str, Any]:
    """The figures of one company."""
    began = time.perf_counter()
    with tempfile.TemporaryDirectory(prefix="ringcentral-") as directory:
        found = run(archive, Path(directory) / "archiver.db", extensions, calls, hours, heavy, grace=_GRACE)
    found["real_seconds"] = round(time.perf_counter() - began, 1)
    found["peak_mib"] = round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024)
    return found


def main() -> None:
    """Plays it, prints, and says whether it is what is promised."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--hours", type=float, default=2.0, help="of the day: 24 is all of it, about ten minutes of a core")
    parser.add_argument("--extensions", type=int, default=4000)
    parser.add_argument("--calls", type=int, default=40_000, help="recorded calls in a whole day")
    parser.add_argument("--heavy", type=int, default=40, help="calls of the group Heavy that are permitted in a minute")
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    found = play(options.extensions, round(options.calls * options.hours / 24), options.hours, options.heavy)
    print(f"{found['archived']:,} of {found['wanted']:,} items of {found['extensions']:,} extensions and {found['calls']:,} calls", end=" ")
    print(f"archived in {found['hours']} hours; of what the phone system has {found['missing']} are missing")
    shares = ", ".join(f"{name} {share:.1%}" for name, share in found["used"].items())
    print(f"used of what is permitted while there was work: {shares}; refused and poked: {found['groups']}")
    print(f"{found['real_seconds']} s of real time, {found['peak_mib']} MiB with the phone system")
    if options.json:
        options.json.write_text(json.dumps(found, indent=1) + os.linesep)
    sys.exit(0 if is_kept(found) else 1)


if __name__ == "__main__":
    main()
