"""The judge: compares what the sandbox stored with what there was to archive, byte by byte."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from hashlib import file_digest
from pathlib import Path

import msgspec

from archiver.sandbox.company import Company
from archiver.sandbox.content import ContentStore
from archiver.sandbox.ledger import FileRecord, Ledger

__all__ = ["AuditResult", "Expected", "audit", "expected_in", "expected_of"]

EXAMPLES = 20
_SECOND_COPY = re.compile(r" \((?:\d+|(?:[^()]* )?conflicted copy[^()]*)\)(?:\.[^./]*)?$")
_WORD = re.compile(r"[^/_\W]+")


class Expected(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """One item that must be there.

    Attributes:
        account: In whose storage.
        external_id: Is somewhere in the name of the stored file.
        path: The source's file.
        size: In bytes.
        sha256: Lower-case hex.
    """

    account: str
    external_id: str
    path: Path
    size: int
    sha256: str


class AuditResult(msgspec.Struct, frozen=True, kw_only=True):
    """What was found.

    Attributes:
        items: How many were expected.
        archived: Expected ones that are there once, with the same bytes.
        lost: Expected ones that are not there.
        duplicates: Visible objects beyond the expected ones: second copies, also under names such as ``x (1).wav``.
        corrupt: Expected ones whose stored bytes differ.
        foreign: Visible objects that nobody expected.
        rewritten: Paths at which more than one revision became visible.
        repeated_transfers: Uploads that were committed to a path that already had the same bytes.
        examples: Some of what is wrong, for a person.
    """

    items: int
    archived: int
    lost: int
    duplicates: int
    corrupt: int
    foreign: int
    rewritten: int
    repeated_transfers: int
    examples: tuple[str, ...]

    @property
    def clean(self) -> bool:
        """Nothing lost, nothing twice, nothing wrong, nothing strange."""
        return not (self.lost or self.duplicates or self.corrupt or self.foreign or self.rewritten)


def expected_of(companies: Iterable[Company], accounts: Mapping[str, str] | None = None) -> Iterator[Expected]:
    """What generated companies have; ``accounts`` maps a company's name to its account's where they differ."""
    for company in companies:
        account = (accounts or {}).get(company.name, company.name)
        for item in company.items:
            yield Expected(account=account, external_id=item.external_id, path=item.path, size=item.size, sha256=item.sha256)


def expected_in(folder: Path, account: str) -> Iterator[Expected]:
    """What a folder of files has, without metadata (``x.wav.json`` beside ``x.wav``), hidden and unfinished files."""
    for path in sorted(folder.rglob("*")):
        sidecar = path.suffix == ".json" and path.with_suffix("").exists()
        if not path.is_file() or sidecar or path.name.startswith(".") or path.suffix in {".part", ".tmp"}:
            continue
        with path.open("rb") as file:
            sha256 = file_digest(file, "sha256").hexdigest()
        yield Expected(account=account, external_id=path.stem, path=path, size=path.stat().st_size, sha256=sha256)


def audit(ledger: Ledger, expected: Iterable[Expected], contents: ContentStore | None = None) -> AuditResult:
    """Compares.

    Args:
        ledger: What the sandbox says that it stored.
        expected: What must be there.
        contents: Compares the bytes themselves too; None believes the hashes.
    """
    records: dict[str, list[FileRecord]] = defaultdict(list)
    for record in ledger.files:
        records[record.account].append(record)
    wanted: dict[str, list[Expected]] = defaultdict(list)
    for item in expected:
        wanted[item.account].append(item)
    findings = _Findings(contents)
    for account in sorted(wanted.keys() | records.keys()):
        findings.judge(wanted[account], records[account])
    return findings.result()


class _Findings:
    """Gathers what was found, account by account."""

    def __init__(self, contents: ContentStore | None) -> None:
        self._contents = contents
        self._items = 0
        self._archived = 0
        self._wrong: dict[str, list[str]] = defaultdict(list)
        self._repeated = 0

    def judge(self, wanted: Sequence[Expected], records: Sequence[FileRecord]) -> None:
        """One account."""
        self._items += len(wanted)
        by_hash: dict[str, list[FileRecord]] = defaultdict(list)
        for record in sorted(records, key=lambda record: bool(_SECOND_COPY.search(record.path))):
            by_hash[record.sha256].append(record)
            self._repeated += record.transfers - record.revisions
            if record.revisions > 1:
                self._wrong["rewritten"].append(record.path)
        missing = [item for item in wanted if not self._take(item, by_hash.get(item.sha256))]
        known = {item.sha256 for item in wanted}
        left = [record for rest in by_hash.values() for record in rest]
        named = {word: record for record in left if record.sha256 not in known for word in _WORD.findall(record.path)}
        corrupt = set()
        for item in missing:
            found = named.get(item.external_id)
            self._wrong["lost" if found is None else "corrupt"].append(str(item.path))
            if found is not None:
                corrupt.add(found.path)
        for record in left:
            if record.sha256 in known or _SECOND_COPY.search(record.path):
                self._wrong["duplicates"].append(record.path)
            elif record.path not in corrupt:
                self._wrong["foreign"].append(record.path)

    def result(self) -> AuditResult:
        """All of it."""
        examples = [f"{what}: {path}" for what, paths in self._wrong.items() for path in paths[:EXAMPLES]]
        return AuditResult(
            items=self._items,
            archived=self._archived,
            lost=len(self._wrong["lost"]),
            duplicates=len(self._wrong["duplicates"]),
            corrupt=len(self._wrong["corrupt"]),
            foreign=len(self._wrong["foreign"]),
            rewritten=len(self._wrong["rewritten"]),
            repeated_transfers=self._repeated,
            examples=tuple(examples),
        )

    def _take(self, item: Expected, candidates: list[FileRecord] | None) -> bool:
        if not candidates:
            return False
        record = candidates.pop(0)
        if record.size != item.size or not self._same_bytes(item, record):
            self._wrong["corrupt"].append(str(item.path))
        else:
            self._archived += 1
        return True

    def _same_bytes(self, item: Expected, record: FileRecord) -> bool:
        if self._contents is None:
            return True
        with item.path.open("rb") as source:
            return all(source.read(len(stored)) == stored for stored in self._contents.chunks(record.sha256)) and not source.read(1)
