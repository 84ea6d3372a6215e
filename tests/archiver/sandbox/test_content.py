"""Where bytes are kept."""

from __future__ import annotations

from pathlib import Path

import pytest

from archiver.sandbox.content import ContentStore
from archiver.sandbox.hashing import digest


def read(store: ContentStore, sha256: str) -> bytes:
    """All of a content."""
    return b"".join(store.chunks(sha256))


def test_contents_are_found_by_their_hash(tmp_path: Path) -> None:
    """What was put comes back, also by another reader of the directory after a flush."""
    store = ContentStore(tmp_path)
    contents = [store.put(data) for data in (b"one", b"", b"x" * 3_000_000, b"one")]
    store.flush()
    other = ContentStore(tmp_path)
    assert [read(other, content.sha256) for content in contents] == [b"one", b"", b"x" * 3_000_000, b"one"]
    store.close()
    store.close()
    other.close()


def test_the_same_content_is_written_once(tmp_path: Path) -> None:
    """The pack does not grow by what it has."""
    store = ContentStore(tmp_path)
    for _ in range(3):
        store.put(b"again")
    assert (tmp_path / "pack").stat().st_size == 5
    store.close()


def test_a_killed_writer_leaves_a_readable_store(tmp_path: Path) -> None:
    """Half a line of the index, and bytes without one, are written over by the next."""
    store = ContentStore(tmp_path)
    first = store.put(b"first")
    store.flush()
    store.put(b"never flushed")
    with (tmp_path / "index").open("ab") as index:
        index.write(b"half a line")
    again = ContentStore(tmp_path)
    second = again.put(b"second")
    again.close()
    third = ContentStore(tmp_path)
    assert (read(third, first.sha256), read(third, second.sha256)) == (b"first", b"second")
    third.close()


def test_a_store_of_hashes_has_no_bytes(tmp_path: Path) -> None:
    """Without `keep`, digests are right and contents are not there."""
    store = ContentStore(tmp_path, keep=False)
    content = store.put(b"data")
    assert content == digest(b"data")
    with pytest.raises(LookupError):
        read(store, content.sha256)
    store.close()


@pytest.mark.parametrize("keep", [True, False])
def test_pieces_out_of_order_make_the_whole(tmp_path: Path, *, keep: bool) -> None:
    """A spool without order writes each piece at its place."""
    store = ContentStore(tmp_path, keep=keep)
    spool = store.spool(in_order=False)
    spool.write(4, b"5678")
    spool.write(0, b"1234")
    content = store.adopt(spool)
    assert content == digest(b"12345678")
    if keep:
        assert read(store, content.sha256) == b"12345678"
    assert not list(tmp_path.glob("*.part"))
    store.close()


@pytest.mark.parametrize("keep", [True, False])
def test_a_corrupted_content_has_the_size_and_another_hash(tmp_path: Path, *, keep: bool) -> None:
    """One bit is wrong, nothing else."""
    store = ContentStore(tmp_path, keep=keep)
    content = store.put(b"a recording")
    wrong = store.corrupted(content)
    assert wrong.size == content.size
    assert wrong.content_hash != content.content_hash
    if keep:
        difference = [one ^ other for one, other in zip(read(store, wrong.sha256), b"a recording", strict=True) if one != other]
        assert difference == [1]
    store.close()
