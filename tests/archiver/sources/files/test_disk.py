"""Where calls that wait for the disk are made."""

import threading
from pathlib import Path

import pytest

from archiver.sources.files.disk import Disk, is_local

MOUNTS = r"""22 1 254:0 / / rw,relatime shared:1 - ext4 /dev/root rw
30 22 0:26 / /mnt/call\040center rw,relatime shared:15 - nfs4 server:/export rw
31 22 0:27 / /mnt/disk rw,relatime - xfs /dev/sdb rw
32 22 0:28 / /mnt/disk rw,relatime master:3 - cifs //server/share rw
"""


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("/srv/recordings", True),
        ("/mnt/call center/2026", False),
        ("/mnt/call centers", True),
        ("/mnt/disk", False),
        ("/", True),
    ],
)
def test_the_table_of_mounts_tells_what_is_local(tmp_path: Path, path: str, expected: bool) -> None:
    """The longest mount point counts, and of two at one place the later."""
    table = tmp_path / "mountinfo"
    table.write_text(MOUNTS)
    assert is_local(path, str(table)) is expected


def test_without_a_table_nothing_is_local(tmp_path: Path) -> None:
    """Other systems: threads."""
    assert not is_local("/", str(tmp_path / "none"))


async def test_a_quick_disk_is_waited_for_in_the_loop(monkeypatch: pytest.MonkeyPatch) -> None:
    """And a slow one in threads."""
    disk = Disk("/")
    monkeypatch.setattr(disk, "_local", True)
    assert await disk.call(threading.current_thread, allowed=1.0) is threading.current_thread()
    assert not disk.took(1.0, 0.001)
    assert await disk.call(threading.current_thread, allowed=1.0) is not threading.current_thread()
    disk.close()
    disk.close()


async def test_hiccups_are_forgiven(monkeypatch: pytest.MonkeyPatch) -> None:
    """A delay that quick calls have paid back does not count against the disk."""
    disk = Disk("/")
    monkeypatch.setattr(disk, "_local", True)
    for _ in range(10):
        assert disk.took(0.03, 0.001)
        for _ in range(30):
            assert disk.took(0.0, 0.001)
    assert disk.took(0.03, 0.001)
    assert not disk.took(0.03, 0.001)
    assert not await disk.is_quick()


async def test_the_kind_of_disk_is_looked_at_once() -> None:
    """At the first call, in a thread."""
    disk = Disk("/")
    first = await disk.is_quick()
    assert disk._local is first
    disk.close()
