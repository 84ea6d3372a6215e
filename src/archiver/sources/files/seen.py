"""A set of paths that needs eight to twelve bytes for each; pure."""

from __future__ import annotations

from array import array

__all__ = ["Seen", "fingerprint"]

_FIRST_SLOTS = 1024


def fingerprint(path: str) -> int:
    """64 bits of a path, never 0; differs between processes.

    A new path looks like one of a million known ones with a probability of 1 in 18 million million.
    """
    return hash(path) & 0xFFFF_FFFF_FFFF_FFFF or 1


class Seen:
    """Fingerprints in an open-addressed table: a ``set`` of a million paths would take over 150 MB, this takes 17."""

    def __init__(self) -> None:
        self._slots = array("Q", bytes(8 * _FIRST_SLOTS))
        self._mask = _FIRST_SLOTS - 1
        self._count = 0

    def __len__(self) -> int:
        return self._count

    def __contains__(self, print_: int) -> bool:
        slots, mask = self._slots, self._mask
        index = print_ & mask
        while found := slots[index]:
            if found == print_:
                return True
            index = (index + 1) & mask
        return False

    def add(self, print_: int) -> None:
        """Remembers a `fingerprint`."""
        if 3 * self._count >= 2 * self._mask:
            self._grow()
        self._put(print_)

    def _put(self, print_: int) -> None:
        slots, mask = self._slots, self._mask
        index = print_ & mask
        while found := slots[index]:
            if found == print_:
                return
            index = (index + 1) & mask
        slots[index] = print_
        self._count += 1

    def _grow(self) -> None:
        old = self._slots
        self._slots = array("Q", bytes(16 * len(old)))
        self._mask = len(self._slots) - 1
        self._count = 0
        for print_ in old:
            if print_:
                self._put(print_)
