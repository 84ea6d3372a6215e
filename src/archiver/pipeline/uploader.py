"""The Uploader: one per lane. Its workers take what the Fetcher delivered and put it into the lane's destination, a batch at a time."""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable, Sequence

from archiver.errors import ArchiverError, Scope, SourceThrottledError
from archiver.failpoints import failpoint
from archiver.model import Delivery, Session
from archiver.outcome import Deferred, Outcome, Throttled, outcome_of
from archiver.pipeline.careful import CarefulLane
from archiver.pipeline.contents import Contents
from archiver.pipeline.lane import Lane
from genstage import Consumer

__all__ = ["Report", "Uploader"]

Report = Callable[[Lane, Delivery, Outcome], None]
"""Who wants to know how each upload ended."""

_log = logging.getLogger(__name__)


class Uploader(Consumer[Delivery]):
    """Puts a lane's deliveries into its destination.

    Args:
        lane: Whose items.
        contents: Where the bytes come from.
        report: Told how each delivery ended, as it ends; exactly once per delivery that was begun and not cancelled.
        save_session: Keeps where a chunked upload stands, by delivery id.
        keep_session: The same, and returns when it is kept for sure; None leaves destinations without.
    """

    def __init__(
        self,
        lane: Lane,
        contents: Contents,
        report: Report,
        save_session: Callable[[int, Session], None],
        keep_session: Callable[[int, Session], Awaitable[None]] | None = None,
    ) -> None:
        self._lane = lane
        self._contents = contents
        self._report = report
        self._save_session = save_session
        self._keep_session = keep_session

    def cut(self, events: Sequence[Delivery]) -> int:
        """As many as travel together in one call."""
        return self._lane.cut(events)

    async def handle_events(self, events: list[Delivery]) -> None:
        """Uploads one batch and reports an outcome per delivery, as each ends."""
        lane = self._lane
        lane.queued -= len(events)
        lane.puts += 1
        left = {delivery.id: delivery for delivery in events}
        try:
            if lane.careful is not None:
                events = await self._begin(lane.careful, events, left)
            closed = lane.closed()
            if closed is not None:  # it was throttled or parked while these waited: not a byte is read for nothing
                self._report_rest(left, closed)
            elif events:
                lane.began(events)
                await self._put(events, left)
        except ArchiverError as error:
            if error.scope is Scope.PROCESS:
                raise
            self._report_rest(left, outcome_of(error))
        except Exception as error:  # noqa: BLE001  told in the log; a bug in one adapter must not stop everybody else
            _log.exception("the adapter %s failed", lane.connection.adapter)
            self._report_rest(left, Deferred(reason=type(error).__name__, detail="a bug in the adapter; the log tells more"))
        finally:
            lane.puts -= 1
        self._report_rest(left, Deferred(reason="NoOutcomeError", detail="the adapter gave no outcome for this item"))

    async def _begin(self, careful: CarefulLane, events: list[Delivery], left: dict[int, Delivery]) -> list[Delivery]:
        """Gives back what must not begin now: a suspect whose turn it is not. It takes the turn of nobody else."""
        begins = await careful.begin(events)
        if len(begins) < len(events):
            began = {delivery.id for delivery in begins}
            for delivery in [delivery for delivery in events if delivery.id not in began]:
                del left[delivery.id]
                self._report(self._lane, delivery, Throttled(retry_after=0.0))
        return begins

    def _save(self, delivery_id: int, session: Session) -> None:
        careful = self._lane.careful
        if careful is not None:
            careful.moved(delivery_id, session)
        self._save_session(delivery_id, session)

    async def _put(self, events: list[Delivery], left: dict[int, Delivery]) -> None:
        """Reads, puts, reports; takes each delivery out of ``left`` when it is reported."""
        lane = self._lane
        features = lane.destination.features
        uploads, failed = await self._contents.uploads(events, features, self._save, lane.moved, self._keep_session)
        for delivery, error in failed:
            del left[delivery.id]
            self._report(lane, delivery, self._in_turn(delivery, outcome_of(error)))
        if uploads:
            async for upload, outcome in lane.destination.put_many(uploads):
                delivery = upload.delivery
                failpoint("answer.read")
                if left.pop(delivery.id, None) is not None:
                    self._report(lane, delivery, self._in_turn(delivery, outcome))

    def _in_turn(self, delivery: Delivery, outcome: Outcome) -> Outcome:
        """What its source had no room for after all keeps its place in the order: it is read again when there is room."""
        if isinstance(outcome, Deferred) and outcome.reason == SourceThrottledError.__name__:
            wait = outcome.retry_after or 0.0
            if self._lane.no_room(delivery, wait):
                return Throttled(retry_after=wait, session=outcome.session)
        return outcome

    def _report_rest(self, left: dict[int, Delivery], outcome: Outcome) -> None:
        while left:
            _, delivery = left.popitem()
            self._report(self._lane, delivery, outcome)
