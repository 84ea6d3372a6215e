"""The folder destination: the kit, and what only a disk does."""

import errno
import os
import time
from collections.abc import Mapping
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from archiver.adapter import check_options
from archiver.destinations.conformance import DestinationConformance, Rig, put, receipt_of, streamed, whole
from archiver.destinations.folder import ADAPTER, FolderDestination, files
from archiver.destinations.folder.errors import translate
from archiver.destinations.folder.files import PARTS, Tree
from archiver.destinations.port import Context, Unpaced
from archiver.errors import (
    ArchiverError,
    ConflictError,
    MisconfiguredError,
    QuotaFullError,
    RejectedError,
    TransientError,
    UnavailableError,
)
from archiver.model import ConnectionState
from archiver.outcome import Archived, Parked, Rejected
from genstage.clock import SystemClock

CONTEXT = Context(pace=Unpaced(), clock=SystemClock())


def visible(root: Path) -> dict[str, bytes]:
    """Every file under the root but parts."""
    found = [path for path in root.rglob("*") if path.is_file() and PARTS not in path.parts]
    return {"/" + path.relative_to(root).as_posix(): path.read_bytes() for path in found}


class TestFolder(DestinationConformance):
    """The kit against a folder."""

    @pytest.fixture
    async def rig(self, tmp_path: Path) -> Rig:
        """A folder that is not there yet."""

        async def stored() -> Mapping[str, bytes]:
            return visible(tmp_path / "box")

        return Rig(destination=FolderDestination(tmp_path / "box", CONTEXT), stored=stored)


async def test_no_parts_are_left(tmp_path: Path) -> None:
    """Neither success, nor a conflict, nor a broken stream leaves a part behind."""
    destination = FolderDestination(tmp_path, CONTEXT)
    await put(destination, [whole(1, b"x", "/a/x"), whole(2, b"y", "/a/x")])
    await put(destination, [streamed(3, bytes(6 << 20), fail_at=5 << 20), streamed(4, bytes(6 << 20))])
    assert list((tmp_path / PARTS).iterdir()) == []


async def test_the_file_has_the_time_of_the_call(tmp_path: Path) -> None:
    """The modification time is when the thing happened."""
    upload = whole(1, b"x", "/x")
    await put(FolderDestination(tmp_path, CONTEXT), [upload])
    assert int((tmp_path / "x").stat().st_mtime * 1000) == upload.delivery.item.occurred_at


async def test_old_parts_are_swept_and_young_ones_stay(tmp_path: Path) -> None:
    """What a killed process left is removed a day later; another process's live part is not touched."""
    parts = tmp_path / PARTS
    parts.mkdir()
    (parts / "old.part").write_bytes(b"x")
    (parts / "young.part").write_bytes(b"x")
    os.utime(parts / "old.part", (time.time() - 100_000,) * 2)
    await put(FolderDestination(tmp_path, CONTEXT), [whole(1, b"x")])
    assert [part.name for part in parts.iterdir()] == ["young.part"]


@pytest.mark.parametrize("path", ["/../x", "/a/../../x", "/a/./x", "/a//x", "/..", "/a/", "x", "/a\0b", f"/{PARTS}/x", "/a\\..\\x"])
async def test_no_path_leads_out(tmp_path: Path, path: str) -> None:
    """A path that is not plainly inside the root is rejected, and nothing is written."""
    root = tmp_path / "box"
    outcomes = await put(FolderDestination(root, CONTEXT), [whole(1, b"x", path)])
    assert isinstance(outcomes[1], Rejected)
    assert visible(tmp_path) == {}


async def test_no_symbolic_link_leads_out(tmp_path: Path) -> None:
    """A link inside the root that points outside is not followed."""
    root, outside = tmp_path / "box", tmp_path / "outside"
    root.mkdir()
    outside.mkdir()
    (root / "link").symlink_to(outside)
    outcomes = await put(FolderDestination(root, CONTEXT), [whole(1, b"x", "/link/x")])
    assert isinstance(outcomes[1], Rejected)
    assert list(outside.iterdir()) == []


@given(st.text(alphabet="./\\ab\0é", min_size=1, max_size=12))
def test_any_path_stays_inside_or_is_rejected(path: str) -> None:
    """Whatever the path, its parts are plain names."""
    try:
        parent, _, name = path.rpartition("/")
        parts = [*files._parts(parent), name]
        files._check_part(name)
    except RejectedError:
        return
    assert not {"", ".", ".."} & set(parts)
    assert not any(sign in part for part in parts for sign in "/\\\0")


@pytest.mark.parametrize("make", [lambda path: path.mkdir(), lambda path: path.symlink_to("nowhere"), lambda path: path.write_bytes(b"xx")])
async def test_what_is_in_the_way_stays(tmp_path: Path, make) -> None:  # noqa: ANN001  a lambda of the table
    """A folder, a dangling link or another file at the path is a conflict."""
    make(tmp_path / "x")
    outcomes = await put(FolderDestination(tmp_path, CONTEXT), [whole(1, b"x", "/x"), whole(2, b"y", "/y")])
    assert outcomes[1].reason == "ConflictError"
    assert isinstance(outcomes[2], Archived)


async def test_a_file_where_a_folder_must_be(tmp_path: Path) -> None:
    """A file at an ancestor of the path is a conflict too."""
    (tmp_path / "a").write_bytes(b"file")
    outcomes = await put(FolderDestination(tmp_path, CONTEXT), [whole(1, b"x", "/a/b/x")])
    assert outcomes[1].reason == "ConflictError"


async def test_a_missing_parent_is_not_made(tmp_path: Path) -> None:
    """Only the root itself is made: a missing parent means a missing mount."""
    destination = FolderDestination(tmp_path / "mnt" / "box", CONTEXT)
    outcomes = await put(destination, [whole(1, b"x")])
    assert isinstance(outcomes[1], Parked)
    assert outcomes[1].state is ConnectionState.MISCONFIGURED
    with pytest.raises(MisconfiguredError):
        await destination.ping()
    assert not (tmp_path / "mnt").exists()


async def test_a_root_that_vanishes_is_not_made_again(tmp_path: Path) -> None:
    """A folder that was there and is gone is a disk that went away, not a reason to begin a new archive."""
    root = tmp_path / "box"
    destination = FolderDestination(root, CONTEXT)
    await put(destination, [whole(1, b"x", "/x")])
    root.rename(tmp_path / "elsewhere")
    assert isinstance((await put(destination, [whole(2, b"y", "/y")]))[2], Parked)
    (tmp_path / "elsewhere").rename(root)
    receipt_of((await put(destination, [whole(2, b"y", "/y")]))[2], b"y")


async def test_a_folder_that_vanishes_is_made_again(tmp_path: Path) -> None:
    """Folders under the root may be removed while we run."""
    destination = FolderDestination(tmp_path, CONTEXT)
    await put(destination, [whole(1, b"x", "/a/b/x")])
    (tmp_path / "a/b/x").unlink()
    (tmp_path / "a/b").rmdir()
    receipt_of((await put(destination, [whole(2, b"y", "/a/b/y")]))[2], b"y")


async def test_a_mount_can_be_required(tmp_path: Path) -> None:
    """With require_mount nothing is written into a plain folder."""
    destination = FolderDestination(tmp_path, CONTEXT, require_mount=True)
    assert isinstance((await put(destination, [whole(1, b"x")]))[1], Parked)
    assert visible(tmp_path) == {}


async def test_a_full_disk_ends_the_batch(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A full disk parks the lane; what was written before it stays archived."""
    begun = 0
    begin = Tree.part

    def part(tree: Tree) -> files.Part:
        nonlocal begun
        begun += 1
        if begun == 2:
            raise OSError(errno.ENOSPC, "full")
        return begin(tree)

    monkeypatch.setattr(Tree, "part", part)
    outcomes = await put(FolderDestination(tmp_path, CONTEXT), [whole(number, b"x") for number in range(3)])
    assert isinstance(outcomes[0], Archived)
    assert outcomes[1] == outcomes[2]
    assert isinstance(outcomes[1], Parked)
    assert outcomes[1].state is ConnectionState.QUOTA_FULL


async def test_a_filesystem_without_links(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where hard links do not exist, a rename does it, and still nothing is overwritten."""

    def link(*_: object) -> None:
        raise OSError(errno.EPERM, "no links")

    monkeypatch.setattr(os, "link", link)
    destination = FolderDestination(tmp_path, CONTEXT)
    receipt_of((await put(destination, [whole(1, b"x", "/x")]))[1], b"x")
    assert receipt_of((await put(destination, [whole(1, b"x", "/x")]))[1], b"x").recovered
    assert isinstance((await put(destination, [whole(2, b"y", "/x")]))[2], Rejected)
    assert list((tmp_path / PARTS).iterdir()) == []


@pytest.mark.parametrize(
    ("number", "expected"),
    [
        (errno.ENOSPC, QuotaFullError),
        (errno.EDQUOT, QuotaFullError),
        (errno.EACCES, MisconfiguredError),
        (errno.EROFS, MisconfiguredError),
        (errno.ENAMETOOLONG, RejectedError),
        (errno.ENOTDIR, ConflictError),
        (errno.ESTALE, UnavailableError),
        (errno.EIO, TransientError),
        (None, TransientError),
    ],
)
def test_errors_of_the_system(number: int | None, expected: type[ArchiverError]) -> None:
    """Each errno has its meaning, and no path is told."""
    error = translate(OSError(number, "text", "/+15550100.wav") if number else OSError("odd"))
    assert type(error) is expected
    assert "15550100" not in str(error)


async def test_the_adapter_opens_from_options(tmp_path: Path) -> None:
    """Options from text make a destination that can be pinged before its folder is there."""
    destination = ADAPTER.open(check_options("folder", ADAPTER.options, {"path": str(tmp_path / "box"), "fsync": "no"}), CONTEXT)
    account = await destination.ping()
    assert account.name == str(tmp_path / "box")
    assert account.free_bytes
    assert not (tmp_path / "box").exists()
    assert str(tmp_path) in repr(destination)
    await destination.close()
