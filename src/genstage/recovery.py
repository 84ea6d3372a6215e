"""What becomes of events whose handler has failed: dealt with by the hook, lost, or given back."""

from __future__ import annotations

import asyncio
from abc import ABC, abstractmethod
from collections.abc import Callable
from inspect import isawaitable
from typing import Any

from genstage.handling import Handling
from genstage.inbox import Inbox, Job, SingleInbox
from genstage.post import Post

__all__ = ["Recovery"]


class Recovery(ABC):
    """The part of the taking side that deals with failures."""

    __slots__ = ("_call", "_handling", "_post", "failed", "in_flight", "inbox")

    inbox: Inbox
    in_flight: int
    failed: int
    _post: Post
    _handling: Handling
    _call: Callable[..., Any]

    @abstractmethod
    def stir(self) -> None:
        """There may be something to do."""

    @abstractmethod
    def hold(self) -> None:
        """Begin nothing."""

    @abstractmethod
    def _clamp_marks(self) -> None: ...

    @abstractmethod
    def _returning(self) -> list[Any]:
        """The subscriptions whose waiting events go back to the producer after a failure."""

    def _fail(self, job: Job, error: Exception | asyncio.CancelledError) -> bool:
        """A synchronous handler has failed; says whether the stage goes on."""
        if self._handling.failed is not None and isinstance(error, Exception):
            try:
                self._call(self._handling.failed, self._events_of(job), error)
            except Exception as further:  # noqa: BLE001 - the warden decides
                error = further
            else:
                self._lose(job)
                return True
        if self._post.warden.failed(error):
            self._recover(job)
            return True
        self.hold()  # others may still have a turn and bring something: it is not handled by what has failed for good
        return False

    async def _cope(self, job: Job, error: Exception | asyncio.CancelledError) -> None:
        """An asynchronous handler has failed; raises what stops the pipeline."""
        if self._handling.failed is not None and isinstance(error, Exception):
            try:
                answer = self._handling.failed(self._events_of(job), error)
                if isawaitable(answer):
                    await answer
            except Exception as further:  # noqa: BLE001 - the warden decides
                error = further
            else:
                self.in_flight -= job[2]
                self._lose(job)
                return
        if not self._post.warden.survives(error):
            raise error
        self.in_flight -= job[2]
        self._recover(job)

    def _recover(self, job: Job) -> None:
        """The stage goes on after a failure: what was not handled is lost or goes back, as its subscription says."""
        edge = job[0]
        back: dict[Any, list[Any]] = {}
        if edge.terms.delivery == "at_least_once":
            back[edge] = self._events_of(job)
        else:
            self._lose(job)
        for each in self._returning():
            back.setdefault(each, []).extend(self.inbox.clear(lambda other, mine=each: other is mine))  # type: ignore[misc]  # mypy cannot type defaults of lambdas
        for each, events in back.items():
            if events and not each.give_back(events):
                self.inbox.put_first(each, events)
        self._clamp_marks()
        self.stir()

    def _lose(self, job: Job) -> None:
        """Events will not be handled; their demand returns."""
        edge, _, count = job
        self.failed += count
        edge.handled(count)

    def _events_of(self, job: Job) -> list[Any]:
        """The events of a job, in a list of their own."""
        _, payload, _ = job
        return [payload] if isinstance(self.inbox, SingleInbox) else list(payload)
