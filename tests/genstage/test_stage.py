from __future__ import annotations

from collections.abc import Sequence

import pytest

from genstage import Consumer, DefinitionError, DemandDispatcher, KeyedDispatcher, Pipeline, Producer, ProducerConsumer, Stage
from genstage.testing import run


class Headless(Producer[int]):
    """No handler."""


class Handless(Consumer[int]):
    """No handler."""


class Heartless(ProducerConsumer[int, int]):
    """No handler."""


class TwoHanded(Consumer[int]):
    """One handler too many."""

    def handle_events(self, events: list[int]) -> None:
        """One."""

    def handle_event(self, event: int) -> None:
        """Two."""


class CutSingles(Consumer[int]):
    """A cut that means nothing."""

    def handle_event(self, event: int) -> None:
        """One at a time."""

    def cut(self, events: Sequence[int]) -> int:
        """How many?"""
        return len(events)


@pytest.mark.parametrize(
    ("kind", "text"),
    [
        (Headless, "no handler: define handle_demand"),
        (Handless, "no handler: define either handle_events.*or handle_event"),
        (Heartless, "no handler: define handle_events"),
        (TwoHanded, "two handlers: define either"),
        (CutSingles, "define handle_events instead"),
    ],
)
def test_a_class_that_cannot_work_says_what_to_define(kind: type[Stage], text: str) -> None:
    """At its start, before anything runs; the pipeline is not hurt."""

    async def scenario() -> None:
        async with Pipeline() as pipeline:
            with pytest.raises(DefinitionError, match=text):
                pipeline.start(kind())
            assert pipeline.stats().stages == ()

    run(scenario)


def test_a_dispatcher_is_a_prototype() -> None:
    """Each stage has its own; subclasses inherit the kind or name another."""

    class Plain(Producer[int]):
        def handle_demand(self, demand: int) -> list[int] | None:
            """Nothing."""

    class Keyed(Plain, dispatcher=KeyedDispatcher(buffer_size=3)):
        pass

    class Heir(Keyed):
        pass

    async def scenario() -> None:
        async with Pipeline() as pipeline:
            first, second, plain = (pipeline.start(kind()).outlet.dispatcher for kind in (Keyed, Heir, Plain))
            assert isinstance(first, KeyedDispatcher)
            assert isinstance(second, KeyedDispatcher)
            assert isinstance(plain, DemandDispatcher)
            assert (first is not second, first.buffer_size, second.buffer_size) == (True, 3, 3)
            await pipeline.drain()

    run(scenario)


def test_names_are_given_or_numbered() -> None:
    """Before its start a stage has its class's name; afterwards one of its own."""

    class Quiet(Consumer[int]):
        def handle_event(self, event: int) -> None:
            """Nothing."""

    async def scenario() -> list[str]:
        async with Pipeline() as pipeline:
            stages = [pipeline.start(Quiet()), pipeline.start(Quiet()), pipeline.start(Quiet(), name="lane 7")]
            return [Quiet().name, *(stage.name for stage in stages)]

    assert run(scenario) == ["Quiet", "Quiet", "Quiet 2", "lane 7"]
