"""Lines into pipes whose readers are slow, stand still, or have gone."""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator
from io import TextIOWrapper

import pytest

from archiver.observe.lines import Lines


class Pipe:
    """Both ends of a pipe, and lines into it."""

    def __init__(self) -> None:
        self.reading, writing = os.pipe()
        self.stream: TextIOWrapper = os.fdopen(writing, "w")
        self.lines = Lines(self.stream, "{} lost".format, most_bytes=100_000)


@pytest.fixture
def pipe() -> Iterator[Pipe]:
    """One that is closed at the end."""
    pipe = Pipe()
    yield pipe
    pipe.stream.close()


def drained(pipe: Pipe) -> list[str]:
    """What a reader gets who begins only now."""
    found: list[str] = []

    def read() -> None:
        with os.fdopen(pipe.reading, closefd=False) as reader:
            found.extend(reader.read().splitlines())

    reader = threading.Thread(target=read)
    reader.start()
    pipe.lines.close()
    pipe.stream.close()
    reader.join(10)
    os.close(pipe.reading)
    return found


def test_what_a_pipe_takes_is_written_at_once(pipe: Pipe) -> None:
    """By whoever has it: no thread is made, so nothing is lost if the process dies the moment after."""
    pipe.lines.msg("one")
    pipe.lines.msg("two\nthree")
    assert os.read(pipe.reading, 100) == b"one\ntwo\nthree\n"
    assert pipe.lines._thread is None
    os.close(pipe.reading)


def test_who_reads_late_gets_everything_in_order(pipe: Pipe) -> None:
    """More than a pipe holds waits, and comes when it is read; also lines that are longer than what a pipe takes in one piece."""
    told = [f"{number:05} {'ä' * (5000 if number == 1500 else 20)}" for number in range(1600)]
    for line in told:
        pipe.lines.msg(line)
    assert pipe.lines._thread is not None
    assert drained(pipe) == told
    assert pipe.lines._thread is None


def test_what_nobody_reads_is_lost_and_counted(pipe: Pipe) -> None:
    """Nobody waits for the reader; whoever reads again is told how much is missing, in the place where it is missing."""
    told = [f"{number:05} {'x' * 90}" for number in range(5000)]
    for line in told:
        pipe.lines.msg(line)
    assert pipe.lines._held <= 100_000
    os.read(pipe.reading, 65536)
    thread = pipe.lines._thread
    assert thread is not None
    found: list[str] = []
    while len(found) < 1000:  # until there is room for the next one again
        found += os.read(pipe.reading, 65536).decode().splitlines()
    pipe.lines.msg("again")
    rest = drained(pipe)
    (lost,) = [line for line in rest if line.endswith("lost")]
    assert rest[rest.index(lost) + 1 :] == ["again"]
    assert int(lost.split()[0]) > 3000


def test_a_reader_who_has_gone_stops_nothing(pipe: Pipe) -> None:
    """Lines are lost, nobody is told, nothing waits."""
    os.close(pipe.reading)
    for _ in range(10_000):
        pipe.lines.msg("x" * 100)
    pipe.lines.close()
    assert pipe.lines._thread is None
    assert pipe.lines._held == 0


def test_a_stream_without_a_file_is_written_as_it_is() -> None:
    """Such as one that a test reads."""
    reading, writing = os.pipe()
    os.close(reading)
    stream = os.fdopen(writing, "w")
    stream.close()
    Lines(stream, str).msg("a closed one is no failure")
