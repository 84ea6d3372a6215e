"""Companies with real files to archive: recordings with sound, conversations by SMS, faxes, each with its metadata beside it.

The tree is what the folder source reads: ``<company>/<owner>/<day>/<external id>.<ext>`` and ``<file name>.json``. Everything
comes from the seed: the same seed makes the same bytes.
"""

from __future__ import annotations

import random
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from pathlib import Path
from typing import Any

import msgspec

from archiver.model import Kind
from archiver.sandbox.papers import conversation, conversation_json, fax
from archiver.sandbox.sounds import RATE, recording

__all__ = ["AIRLINE", "Company", "MadeItem", "generate"]

AIRLINE = "airline"
QUIET_NAMES = (
    "bakery", "bookshop", "brewery", "carpenter", "cinema", "dentist", "farm", "florist", "garage", "gym",
    "hotel", "joinery", "laundry", "library", "lawyer", "museum", "nursery", "optician", "pharmacy", "theatre",
)  # fmt: skip
BEGIN = datetime(2026, 11, 2, 8, 0, tzinfo=UTC)
PURGE_AFTER = timedelta(days=90)
# Out of a hundred items: so many recordings, conversations; the rest are faxes.
RECORDINGS, CONVERSATIONS = 60, 32
RECORDING_SECONDS = (4.0, 8.5)
MEDIA_TYPES = {".wav": "audio/x-wav", ".txt": "text/plain", ".sms": "application/json", ".pdf": "application/pdf"}


class MadeItem(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """One item that was generated: what an audit expects to find.

    Attributes:
        kind: What it is.
        external_id: As in its metadata.
        path: The file.
        size: In bytes.
        sha256: Lower-case hex.
    """

    kind: Kind
    external_id: str
    path: Path
    size: int
    sha256: str


class Company:
    """One customer with a directory.

    Args:
        name: Also the directory's.
        directory: Where its files are.
        number: Its place among the companies; makes its ids its own.
        seed: Of everything.
        owners: How many extensions it has.
    """

    def __init__(self, name: str, directory: Path, *, number: int, seed: int, owners: int) -> None:
        self.name = name
        self.directory = directory
        self.items: list[MadeItem] = []
        self._number = number
        self._owners = owners
        self._chance = random.Random(f"{seed}/{name}")  # noqa: S311 - the same companies again, not secrets
        self._folders: set[str] = set()
        directory.mkdir(parents=True, exist_ok=True)

    def make(self, count: int) -> list[MadeItem]:
        """Makes so many further items, also while somebody watches the directory: a file is renamed into place after its metadata.

        Returns:
            The new ones; `items` has all of them.
        """
        made = [self._make_one(len(self.items) + index) for index in range(count)]
        self.items += made
        return made

    def _make_one(self, serial: int) -> MadeItem:
        chance = self._chance
        external_id = f"3{self._number:04d}{serial:08d}"
        occurred_at = BEGIN + timedelta(seconds=serial * 97 % (6 * 86_400), minutes=chance.randrange(60))
        owner = 101 + serial % self._owners
        inbound = chance.random() < 0.6
        other, own = f"+1555{chance.randrange(10_000_000):07d}", f"+1555{100 + self._number:03d}0{owner:03d}"
        sides = (other, own) if inbound else (own, other)
        kind, suffix, data = self._content(serial, external_id, sides)
        metadata: dict[str, Any] = {
            "kind": kind,
            "external_id": external_id,
            "occurred_at": occurred_at.isoformat(),
            "direction": "inbound" if inbound else "outbound",
            "sender": sides[0],
            "recipient": sides[1],
            "owner": str(owner),
            "media_type": MEDIA_TYPES[suffix],
            "metadata": {"company": self.name},
        }
        if kind is Kind.RECORDING:
            metadata["purge_at"] = (occurred_at + PURGE_AFTER).isoformat()
        path = self._put(f"{owner}/{occurred_at:%Y-%m-%d}", external_id + suffix, data, metadata)
        return MadeItem(kind=kind, external_id=external_id, path=path, size=len(data), sha256=sha256(data).hexdigest())

    def _content(self, serial: int, external_id: str, sides: tuple[str, str]) -> tuple[Kind, str, bytes]:
        chance, turn = self._chance, _of_hundred(serial)
        about = f"{self.name} {external_id}: {sides[0]} to {sides[1]}"
        if turn < RECORDINGS:
            samples = chance.randint(int(RECORDING_SECONDS[0] * RATE), int(RECORDING_SECONDS[1] * RATE))
            return Kind.RECORDING, ".wav", recording(self._number * 1009 + serial, samples, f"{about}, automatic recording")
        if turn < RECORDINGS + CONVERSATIONS:
            if serial % 4:
                return Kind.SMS, ".txt", conversation(chance, f"Messages: {about}", sides)
            return Kind.SMS, ".sms", conversation_json(chance, about, sides)
        return Kind.FAX, ".pdf", fax(chance, [f"FAX  {self.name}", f"From {sides[0]}  to {sides[1]}", f"Number {external_id}"])

    def _put(self, folder: str, name: str, data: bytes, metadata: dict[str, Any]) -> Path:
        directory = self.directory / folder
        if folder not in self._folders:
            directory.mkdir(parents=True, exist_ok=True)
            self._folders.add(folder)
        path = directory / name
        (directory / f"{name}.json").write_bytes(msgspec.json.encode(metadata))
        part = directory / f"{name}.part"
        part.write_bytes(data)
        part.rename(path)
        return path


def _of_hundred(serial: int) -> int:
    """Spreads the kinds evenly: a number from 0 to 99, each once in a hundred items."""
    return serial * 37 % 100


def generate(root: Path, *, airline_items: int = 5700, quiet_customers: int = 20, quiet_items: int = 300, seed: int = 1) -> list[Company]:
    """Makes the airline and its quiet neighbours.

    Args:
        root: Each company becomes a directory in it.
        airline_items: What the airline has.
        quiet_customers: How many others there are.
        quiet_items: What they have together.
        seed: The same seed makes the same bytes.

    Returns:
        The airline first. Further items: `Company.make`.
    """
    airline = Company(AIRLINE, root / AIRLINE, number=0, seed=seed, owners=40)
    airline.make(airline_items)
    companies = [airline]
    for number in range(quiet_customers):
        again = number // len(QUIET_NAMES)
        name = QUIET_NAMES[number % len(QUIET_NAMES)] + (f"-{again + 1}" if again else "")
        company = Company(name, root / name, number=number + 1, seed=seed, owners=3)
        company.make(quiet_items // quiet_customers + (number < quiet_items % quiet_customers))
        companies.append(company)
    return companies
