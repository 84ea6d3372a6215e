"""What a person can prove: that everything was archived, that it still is, and who did what.

In: the Database, and a destination that is looked at. Out: values for commands and console. Next room: ``archiver.app``.

| module | what it answers |
|---|---|
| `acting` | who does what is done now |
| `auditing` | writes the audit log, and holds its chain to what it must be |
| `completeness` | whether everything that the sources have is archived; what is missing, and why |
| `verification` | whether a storage still has what its receipts say |
| `manifests` | for each day a list of its files with their hashes, as a source of items |
| `sidecars` | beside each file what is known of it, as a source of items |
| `threads` | each conversation's messages of a month in one file, as a source of items |
| `conversation` | the text and the JSON of a thread; pure |
| `own` | what these three have in common |
| `settled` | what was archived, in the order of the audit log |
| `listing` | the lines of manifests, the words of sidecars; pure |
| `prover` | the two, by a customer's name |
| `discretion` | what must not stand in a log |
"""

from collections.abc import Callable, Mapping
from typing import Final

from archiver.database.port import Database
from archiver.model import Connection
from archiver.proof import manifests, sidecars, threads
from archiver.sources.port import Source
from genstage.clock import Clock

__all__ = ["OWN_SOURCES"]

OWN_SOURCES: Final[Mapping[str, Callable[[Database, Connection, Clock], Source]]] = {
    manifests.ADAPTER.name: manifests.ManifestSource,
    sidecars.ADAPTER.name: sidecars.SidecarSource,
    threads.ADAPTER.name: threads.ThreadsSource,
}
"""Sources that find what we know ourselves, by their adapters' names: made with the database, which no adapter is given."""
