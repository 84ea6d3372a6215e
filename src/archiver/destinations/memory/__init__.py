"""A destination in this process's memory: for tests, experiments and benchmarks.

It behaves as a cloud does where the pipeline can tell: calls that are refused, fail, take time, lose their answer or damage what they
carry, all written beforehand in a `Script`; and a ledger of every call. Nothing of it survives the process.
"""

from archiver.destinations.memory.destination import ADAPTER, Call, MemoryAdapter, MemoryDestination
from archiver.destinations.memory.script import RateLimit, Script
from archiver.destinations.memory.store import MemoryStore, StoredObject

__all__ = ["ADAPTER", "Call", "MemoryAdapter", "MemoryDestination", "MemoryStore", "RateLimit", "Script", "StoredObject"]
