"""Files below a directory: bytes, and what is gone told from what is away."""

import errno
import os
import sys
from contextlib import aclosing
from pathlib import Path

import pytest

from archiver.errors import SourceChangedError, SourceGoneError, TransientError, UnavailableError
from archiver.sources.files import Disk, Files


async def test_reading_stays_below_the_root(tmp_path: Path) -> None:
    """A path that leaves it, a link that took a file's place, a directory, nonsense: not followed, and gone."""
    root = tmp_path / "root"
    (root / "dir.wav").mkdir(parents=True)
    (root / "a.wav").write_bytes(b"x")
    (tmp_path / "b.wav").write_bytes(b"secret")
    (root / "link.wav").symlink_to(tmp_path / "b.wav")
    results = await Files(str(root)).read_many([(path, None) for path in ("../b.wav", "link.wav", "dir.wav", "a.wav/x", "x\0", "y" * 300)])
    assert [type(result) for result in results] == [SourceGoneError] * 6


async def test_sizes_are_the_callers_to_notice(tmp_path: Path) -> None:
    """Grown, shrunk, unknown: what is there is given, but never much more than declared."""
    (tmp_path / "a.wav").write_bytes(b"abcdefghij")
    results = await Files(str(tmp_path)).read_many([("a.wav", 10), ("a.wav", 4), ("a.wav", 100), ("a.wav", None), ("a.wav", 0)])
    assert results == [b"abcdefghij", b"abcde", b"abcdefghij", b"abcdefghij", b"a"]


async def test_an_empty_root_is_a_share_that_is_not_mounted(tmp_path: Path) -> None:
    """A mount point without its mount is an empty directory: nothing is gone."""
    files = Files(str(tmp_path))
    (result,) = await files.read_many([("a.wav", 1)])
    assert isinstance(result, UnavailableError)
    with pytest.raises(UnavailableError):
        await anext(aiter(files.stream("a.wav", 0)))


@pytest.mark.parametrize(
    ("number", "expected"),
    [
        (errno.EACCES, TransientError),
        (errno.EIO, TransientError),
        (errno.EMFILE, TransientError),
        (errno.ESTALE, UnavailableError),
        (errno.EHOSTDOWN, UnavailableError),
        (None, TransientError),
    ],
)
def test_errors_of_the_system_have_words(tmp_path: Path, number: int | None, expected: type[Exception]) -> None:
    """A share that is away is nobody's fault; the rest is worth another try. No path is shown."""
    error = OSError() if number is None else OSError(number, "words", "/secret/path")
    explained = Files(str(tmp_path)).explain(error)
    assert type(explained) is expected
    assert "secret" not in str(explained)
    assert number is None or errno.errorcode[number] in str(explained)


async def test_a_disk_that_turns_slow_is_read_by_threads(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """In the middle of a batch: the rest is read elsewhere, in order, and the loop does not try again at once."""
    for number in range(40):
        (tmp_path / f"{number}.txt").write_text(str(number))
    files = Files(str(tmp_path))
    monkeypatch.setattr(files.disk, "_local", True)
    real, in_loop = Disk.took, []

    def took(self: Disk, seconds: float, allowed: float) -> bool:
        in_loop.append(seconds)
        return real(self, 1.0 if len(in_loop) == 5 else 0.0, allowed)

    monkeypatch.setattr(Disk, "took", took)
    results = await files.read_many([(f"{number}.txt", None) for number in range(40)])
    assert results == [str(number).encode() for number in range(40)]
    assert len(in_loop) == 5
    assert not await files.disk.is_quick()
    files.close()


@pytest.mark.skipif(sys.platform != "linux", reason="descriptors are counted in /proc")
async def test_a_stream_closes_its_file(tmp_path: Path) -> None:
    """Also when it is left in the middle."""
    (tmp_path / "a.wav").write_bytes(b"x" * 3_000_000)
    files = Files(str(tmp_path))
    await files.disk.is_quick()
    before = len(os.listdir("/proc/self/fd"))  # noqa: PTH208 - counts descriptors
    async with aclosing(files.stream("a.wav", 1)) as stream:
        assert len(await anext(stream)) == 1024 * 1024
        assert len(os.listdir("/proc/self/fd")) == before + 1  # noqa: PTH208 - as above
    assert len(os.listdir("/proc/self/fd")) == before  # noqa: PTH208 - as above
    files.close()


async def test_a_file_that_is_written_to_while_it_is_read_is_no_file(tmp_path: Path) -> None:
    """The beginning of the old one and the end of the new one would be nobody's recording, though the size is right."""
    path = tmp_path / "a.wav"
    path.write_bytes(bytes(3 * 1024 * 1024))

    async def read() -> None:
        async with aclosing(Files(str(tmp_path)).stream("a.wav", 0)) as chunks:
            await anext(chunks)
            with path.open("r+b") as file:
                file.write(b"new")
            os.utime(path, ns=(1, 1))  # two writes within one tick of the clock would look like none
            async for _ in chunks:
                pass

    with pytest.raises(SourceChangedError):
        await read()
