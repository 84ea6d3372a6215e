"""What surrounds the contestants of ``benchmarks.archiver``: an airline with a backlog, small customers, and their Dropboxes with limits.

Every contestant meets the same files, the same arrivals at the same moments of its run, and fresh accounts of one sandbox.
"""

from __future__ import annotations

import hashlib
import math
import os
import random
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Protocol

import msgspec

from archiver.sandbox import Account, Limits
from benchmarks.tunnel import Certificates

__all__ = ["AIRLINE", "LIMITS", "Arrival", "Claim", "Contestant", "Plan", "Recording", "Stage", "arrivals", "make_recordings", "permitted"]

AIRLINE = "airline"
LIMITS = Limits(
    calls_per_second=12,
    burst=12,
    retry_after=15,
    commit_seconds=0.12,
    commit_seconds_per_file=0.005,
    commit_wait=1.0,
    commit_retry_after=1,
    latency=0.06,
)
"""Of every account. The rate and the Retry-After are what users of the real service report; the lock's figures are assumed."""
_MOST_COMMITTED = 1000  # by one call, says files.stone
_MOST_BYTES = 150 * 1024 * 1024  # in one body, as above
_DAY = 500  # recordings in one folder
_FIRST_ARRIVAL, _LAST_ARRIVAL = 1.0, 6.0  # seconds after the beginning, and before the end


class Plan(msgspec.Struct, frozen=True, kw_only=True):
    """What a run is like.

    Attributes:
        seconds: How long each contestant works.
        warm_up: The first so many seconds do not count for items per second.
        customers: The small ones.
        item_bytes: Of each recording.
        arrival_seconds: Every small customer has a new recording about so often.
    """

    seconds: float
    warm_up: float = 15.0
    customers: int = 60
    item_bytes: int = 100_000
    arrival_seconds: float = 12.0

    @property
    def backlog(self) -> int:
        """More recordings than anybody can archive in the time."""
        return math.ceil(permitted(LIMITS, self.item_bytes) * (self.seconds + 15))

    @property
    def names(self) -> list[str]:
        """The small customers."""
        return [f"customer-{number:02}" for number in range(self.customers)]


class Recording(msgspec.Struct, frozen=True, gc=False):
    """One file that is to be archived."""

    path: Path
    sha256: str


class Arrival(msgspec.Struct, frozen=True, gc=False):
    """A recording of a small customer.

    Attributes:
        customer: Whose.
        due: Seconds after the beginning.
    """

    customer: str
    due: float


Claim = tuple[str, str]
"""What a contestant says it has archived: customer and SHA-256."""


class Stage(msgspec.Struct, frozen=True, kw_only=True):
    """What one contestant is given.

    Attributes:
        plan: What the run is like.
        directory: Its own.
        folders: By customer, the airline too: where the recordings are.
        accounts: By customer.
        backlog: The airline's recordings.
        sandbox_url: The Dropbox, for those who can be told.
        proxy_url: The way to the same Dropbox, for those who cannot.
        certificates: What they must trust then.
    """

    plan: Plan
    directory: Path
    folders: dict[str, Path]
    accounts: dict[str, Account]
    backlog: list[Recording]
    sandbox_url: str
    proxy_url: str
    certificates: Certificates


class Contestant(Protocol):
    """Somebody who archives.

    Attributes:
        name: For the table.
        about: How it was set.
    """

    name: str
    about: str

    async def prepare(self, stage: Stage) -> None:
        """Gets ready; does not count."""
        ...

    async def begin(self) -> None:
        """Starts to work, in processes of its own."""
        ...

    def arrived(self, customer: str, recording: Recording) -> None:
        """A small customer has a new recording, which is in its folder already."""
        ...

    def processes(self) -> Iterable[int]:
        """The processes that work now, without their children."""
        ...

    async def end(self) -> set[Claim]:
        """Stops, in an orderly way if it can; what it says that it has archived."""
        ...


def permitted(limits: Limits, item_bytes: int) -> float:
    """Files per second which an account permits to somebody who knows every limit of it: the yardstick of the whole table.

    Commits of one account go one after the other, and each takes up to a thousand files; so many of the largest commits fit into a
    second, however clever a client is. Calls are limited too: a thousand files need at least one call for their sessions, one for each
    150 MiB of their bytes, and one for the commit. The smaller of the two is what binds. No client can be above it.
    """
    lock = _MOST_COMMITTED / limits.hold(_MOST_COMMITTED)
    calls = 2 + math.ceil(_MOST_COMMITTED * item_bytes / _MOST_BYTES)
    return lock if limits.rate is None else min(lock, limits.rate * _MOST_COMMITTED / calls)


def make_recordings(folder: Path, count: int, size: int, *, name: str) -> Iterator[Recording]:
    """Writes recordings that all differ, without a pattern that anything could compress; each appears whole under its name."""
    noise = os.urandom(size)
    for number in range(count):
        day = folder / f"day-{number // _DAY:03}"
        if number % _DAY == 0:
            day.mkdir(parents=True, exist_ok=True)
        data = (hashlib.sha256(f"{name}/{number}".encode()).digest() + noise)[:size]
        yield _put(day / f"{name}-{number:06}.wav", data)


def new_recording(folder: Path, name: str, size: int) -> Recording:
    """Writes one more."""
    folder.mkdir(parents=True, exist_ok=True)
    return _put(folder / f"{name}.wav", os.urandom(size))


def arrivals(plan: Plan) -> list[Arrival]:
    """Who has a new recording when, in order of time; the same in every run."""
    chance = random.Random(1)  # noqa: S311  the same for everybody, no secret
    made = []
    for customer in plan.names:
        due = _FIRST_ARRIVAL + chance.uniform(0, plan.arrival_seconds)
        while due < plan.seconds - _LAST_ARRIVAL:
            made.append(Arrival(customer, due))
            due += chance.uniform(0.5, 1.5) * plan.arrival_seconds
    return sorted(made, key=lambda arrival: arrival.due)


def _put(path: Path, data: bytes) -> Recording:
    part = path.with_suffix(".part")
    part.write_bytes(data)
    part.rename(path)
    return Recording(path, hashlib.sha256(data).hexdigest())
