"""From a description to running stages: a plan gathers steps that run together, and knows what the next stage subscribes to."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Hashable
from typing import Any

from genstage.dispatchers import Dispatcher, PartitionDispatcher
from genstage.flow.stages import AsyncStage, ChainStage, OrderedAsyncStage, ThrottleStage
from genstage.flow.steps import Chain, Step
from genstage.pipeline import Pipeline
from genstage.stage import Giving, ProducerConsumer
from genstage.subscription import TermOptions
from genstage.supervision import NO_RESTARTS

__all__ = ["Plan"]

Outputs = list[tuple[Giving, TermOptions]]
"""What one stage subscribes to, and on what terms."""


class Plan:
    """Builds the stages of one flow into a pipeline, from the source down.

    Args:
        pipeline: Where they are started.
        stages: What the flow begins with; they have been started.
        max_demand: Of the subscriptions between stages that handle lists.
    """

    def __init__(self, pipeline: Pipeline, stages: list[Giving], max_demand: int) -> None:
        self.pipeline = pipeline
        self.max_demand = max_demand
        self._branches: list[Outputs] = [[(stage, {}) for stage in stages]]
        self._steps: list[Callable[[], Step]] = []
        self._timed = False

    def step(self, make: Callable[[], Step], *, timed: bool = False) -> None:
        """One more step, which runs in one stage with those beside it."""
        self._steps.append(make)
        self._timed = self._timed or timed

    def call(self, function: Callable[[Any], Awaitable[Any]], concurrency: int, *, ordered: bool) -> None:
        """A stage a branch that calls an asynchronous function."""
        kind = OrderedAsyncStage if ordered else AsyncStage
        self._add(lambda: kind(function), {"max_demand": 2 * concurrency}, workers=concurrency)  # asks when half of it is left

    def throttle(self, rate: float, burst: int) -> None:
        """A stage a branch that lets so many events a second pass."""
        self._add(lambda: ThrottleStage(rate), {"max_demand": burst, "min_demand": 0})

    def through(self, make: Callable[[], ProducerConsumer[Any, Any]], workers: int) -> None:
        """A stage a branch that the user has made."""
        self._add(make, {"max_demand": self.max_demand}, workers=workers)

    def partition(self, by: Callable[[Any], Hashable], count: int) -> None:
        """From here on so many branches; each event goes to the branch of its key."""
        dispatcher = PartitionDispatcher(count, hash=lambda event: (event, hash(by(event)) % count))
        self._flush(dispatcher)
        givers = [stage for branch in self._branches for stage, _ in branch]
        self._branches = [[(stage, {"partition": number}) for stage in givers] for number in range(count)]

    def join(self) -> None:
        """From here on one branch."""
        if len(self._branches) > 1:
            if self._steps:
                self._flush()
            self._branches = [[output for branch in self._branches for output in branch]]

    def finish(self) -> list[Giving]:
        """The stages at the end: whoever takes the flow's events subscribes to each."""
        partitioned = any(terms for branch in self._branches for _, terms in branch)
        if self._steps or partitioned:
            self._flush()
        return [stage for branch in self._branches for stage, _ in branch]

    def _flush(self, dispatcher: Dispatcher | None = None) -> None:
        """Makes a stage a branch of the steps that have been gathered, even if there are none."""
        steps, timed = self._steps, self._timed
        self._steps, self._timed = [], False
        self._start(
            lambda: ChainStage(Chain(make() for make in steps), timed=timed, dispatcher=dispatcher), {"max_demand": self.max_demand}
        )

    def _add(self, make: Callable[[], ProducerConsumer[Any, Any]], terms: TermOptions, workers: int = 1) -> None:
        if self._steps:
            self._flush()
        self._start(make, terms, workers)

    def _start(self, make: Callable[[], ProducerConsumer[Any, Any]], terms: TermOptions, workers: int = 1) -> None:
        branches: list[Outputs] = []
        for branch in self._branches:
            stage = self.pipeline.start(make(), workers=workers, restarts=NO_RESTARTS)  # a value without some events would be wrong
            for giver, own in branch:
                together: TermOptions = {**terms, **own}
                stage.subscribe(giver, **together)
            if isinstance(stage, ChainStage) and stage.chain.satisfied:  # take(0)
                stage.inlet.halt()
            branches.append([(stage, {})])
        self._branches = branches
