"""The Uploader: one batch in, exactly one report for each delivery out."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Sequence

import pytest

from archiver.database.port import LaneRecord
from archiver.destinations.memory import MemoryDestination
from archiver.destinations.port import Context, Unpaced, Upload
from archiver.errors import ConfigError, UnavailableError
from archiver.model import Connection, ConnectionState, Customer, Delivery, Discovery, Item, Kind, Role
from archiver.outcome import Archived, Deferred, Outcome, Parked, Unavailable
from archiver.pipeline.circuit import Circuit
from archiver.pipeline.contents import Contents
from archiver.pipeline.gate import Gate
from archiver.pipeline.lane import Lane
from archiver.pipeline.pacer import Pacer
from archiver.pipeline.uploader import Uploader
from archiver.sources.memory import MemorySource
from genstage.clock import SystemClock

CLOCK = SystemClock()


class Bench:
    """A lane, a source with items 0-9, and what was reported."""

    def __init__(self) -> None:
        gate = Gate(Pacer(CLOCK.time()), CLOCK)
        customer = Customer(id=1, name="acme", path_template="/{id}", created_at=0)
        connection = Connection(id=7, customer_id=1, role=Role.DESTINATION, adapter="memory")
        self.destination = MemoryDestination(Context(pace=Unpaced(), clock=CLOCK))
        record = LaneRecord(customer=customer, destination=connection, sources=())
        self.lane = Lane(record, self.destination, gate, Circuit(), CLOCK)
        self.source = MemorySource([(_found(str(n)), b"bytes") for n in range(10)])
        self.contents = Contents(lambda _: self.source)
        self.contents.source(Connection(id=1, customer_id=1, role=Role.SOURCE, adapter="memory"))
        self.reported: list[tuple[int, Outcome]] = []
        self.uploader = Uploader(self.lane, self.contents, self._report, lambda *_: None)

    def _report(self, lane: Lane, delivery: Delivery, outcome: Outcome) -> None:
        assert lane is self.lane
        self.reported.append((delivery.id, outcome))

    async def upload(self, *numbers: int) -> dict[int, Outcome]:
        """Uploads these, and says how each ended."""
        deliveries = [
            Delivery(n, 7, 1, f"/{n}", 0, 0, 0, None, Item(n, 1, Kind.SMS, str(n), str(n), "text/plain", 5, None, 0)) for n in numbers
        ]
        self.lane.plan(1)
        self.lane.want()
        self.lane.took([], 0)
        self.lane.queued += len(deliveries)
        await self.uploader.handle_events(deliveries)
        assert len(self.reported) == len({number for number, _ in self.reported}) == len(numbers), "one report each"
        return dict(self.reported)

    def put_many(self, put: Callable[[Sequence[Upload]], AsyncIterator[tuple[Upload, Outcome]]]) -> None:
        """Replaces what the destination does."""
        self.destination.put_many = put  # type: ignore[method-assign]


def _found(key: str) -> Discovery:
    return Discovery(kind=Kind.SMS, external_id=key, occurred_at=0, locator=key, media_type="text/plain", size=5)


@pytest.fixture
async def bench() -> Bench:
    return Bench()


async def test_every_delivery_is_reported_as_archived(bench: Bench) -> None:
    """The plain case: read, put, told."""
    outcomes = await bench.upload(1, 2, 3)
    assert all(isinstance(outcome, Archived) for outcome in outcomes.values())
    assert len(bench.destination.objects) == 3


async def test_what_the_source_does_not_have_is_reported_apart(bench: Bench) -> None:
    """It is not sent; the others are."""
    bench.source.remove("2")
    outcomes = await bench.upload(1, 2, 3)
    assert isinstance(outcomes[2], Deferred)
    assert isinstance(outcomes[1], Archived)


async def test_a_source_that_is_away_is_not_the_destinations_fault(bench: Bench) -> None:
    """Reported as unavailable, of the source."""

    class Away(MemorySource):
        async def read_many(self, items: Sequence[Item]) -> Sequence[UnavailableError]:
            return [UnavailableError("the share is away")] * len(items)

    bench.contents._sources[1] = Away()
    outcome = (await bench.upload(1))[1]
    assert isinstance(outcome, Unavailable)
    assert outcome.source


async def test_a_closed_lane_reads_and_sends_nothing(bench: Bench) -> None:
    """Parked while these waited: they go back, and not a byte is read."""
    bench.lane.parked = ConnectionState.RECONNECT_NEEDED
    outcomes = await bench.upload(1, 2)
    assert all(isinstance(outcome, Parked) for outcome in outcomes.values())
    assert bench.destination.calls == []


async def test_a_bug_in_an_adapter_is_charged_to_its_items_and_stops_nobody(bench: Bench, caplog: pytest.LogCaptureFixture) -> None:
    """The log has the traceback; what was reported before stays as it was."""

    async def broken(uploads: Sequence[Upload]) -> AsyncIterator[tuple[Upload, Outcome]]:
        yield uploads[0], Deferred(reason="TransientError")
        raise ZeroDivisionError

    bench.put_many(broken)
    outcomes = await bench.upload(1, 2)
    assert outcomes[1] == Deferred(reason="TransientError")
    assert outcomes[2] == Deferred(reason="ZeroDivisionError", detail="a bug in the adapter; the log tells more")
    assert "the adapter memory failed" in caplog.text


async def test_an_adapter_that_forgets_an_item_is_found_out(bench: Bench) -> None:
    """No delivery stays in flight for ever."""

    async def forgetful(uploads: Sequence[Upload]) -> AsyncIterator[tuple[Upload, Outcome]]:
        yield uploads[0], Deferred(reason="TransientError")

    bench.put_many(forgetful)
    assert (await bench.upload(1, 2))[2] == Deferred(reason="NoOutcomeError", detail="the adapter gave no outcome for this item")


async def test_an_error_of_process_scope_stops_the_process(bench: Bench) -> None:
    """It is nobody's item."""

    async def hopeless(uploads: Sequence[Upload]) -> AsyncIterator[tuple[Upload, Outcome]]:
        raise ConfigError("no key")
        yield uploads[0], Deferred(reason="")

    bench.put_many(hopeless)
    with pytest.raises(ConfigError):
        await bench.upload(1)
    assert bench.lane.puts == 0
