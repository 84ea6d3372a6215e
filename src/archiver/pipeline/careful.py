"""Careful mode: after a death, the item that a process dies of is found, and nobody else waits for it.

Reading writes nothing, so a process that dies leaves no trace of what it had in flight. If it was an item that killed it, the next process
would take the same item and die, too. So whoever comes after a death is careful with the customers that were served: it notes in the
journal which uploads begin, *before* they begin, until as many have ended as could have been in flight. What runs by the journal at the
next death is **suspect**: it is uploaded alone, never two suspects at once in the process and never in one call with others, so that a
third death can be the fault of no other. The Database rejects it then.

Only suspects wait, and only for each other: a suspect whose turn has not come is not taken from what the lane reads, as if it were in
flight. A suspect that comes a chunk further than at the death is suspect no more: a file so large that it is in flight at every death of
a machine with a loose cable is not rejected, as long as it moves.

A lane that is not careful pays an ``if`` for all this.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Mapping, Sequence

from archiver.database.port import Database, Start
from archiver.model import Customer, Delivery, LaneId, Session
from archiver.pipeline.patience import Patience

__all__ = ["Careful", "CarefulLane"]


class Careful:
    """Which customers' lanes must be careful, whose turn it is among the suspects, and the journal.

    Args:
        database: Where the journal is.
        patience: With it: while it is away nothing begins.
        at_once: So many uploads of a lane could have been in flight when a process died.

    Attributes:
        on_turn: Told which lanes have something to read, when it is another suspect's turn.
    """

    def __init__(self, database: Database, patience: Patience, at_once: int) -> None:
        self._database = database
        self._patience = patience
        self._at_once = at_once
        self.on_turn: Callable[[Iterable[LaneId]], None] = lambda _: None
        self._everybody = False
        self._left: dict[int, dict[LaneId, int]] = {}  # by customer and lane: how many must still end
        self._suspects: dict[int, dict[int, int]] = {}  # by customer, those that were looked up, and at how many deaths each ran
        self._alone: int | None = None  # the suspect whose turn it is
        self._awaiting: set[LaneId] = set()
        self._starts: dict[int, Start] = {}
        self._noted: set[int] = set()  # what runs, by the journal
        self._clears: dict[int, bool] = {}  # whether it has ended; False if it was given back
        self._moved: dict[int, tuple[Start, Session]] = {}
        self._epochs: dict[int, int] = {}  # of the customers of what has moved
        self._writing = asyncio.Lock()
        self._wake = asyncio.Event()

    # -- who must be careful --------------------------------------------------------------------------------------------------------

    def expect_everybody(self) -> None:
        """The process that served everybody has died."""
        self._everybody = True

    def expect(self, customer_ids: Iterable[int]) -> None:
        """The worker that served these customers has died."""
        for customer_id in customer_ids:
            self._left[customer_id] = {}
            self._suspects.pop(customer_id, None)

    def forget(self, customer_ids: Iterable[int]) -> None:
        """These customers are not served any more, or their last worker left them in good order."""
        for customer_id in customer_ids:
            self._left.pop(customer_id, None)
            self._suspects.pop(customer_id, None)

    def lane(self, lane_id: LaneId, customer: Customer) -> CarefulLane | None:
        """What a lane that wakes must heed; None if it need not be careful."""
        customer_id = customer.id
        lanes = self._left.setdefault(customer_id, {}) if self._everybody else self._left.get(customer_id)
        if lanes is None or (lanes.setdefault(lane_id, self._at_once) <= 0 and not self.suspects(customer_id)):
            return None
        return CarefulLane(self, lane_id, customer)

    def left(self, customer_id: int, lane_id: LaneId) -> int:
        """How many of the lane's uploads must still end until it need not be careful."""
        return self._left.get(customer_id, {}).get(lane_id, 0)

    def count(self, customer_id: int, lane_id: LaneId, left: int) -> None:
        """So many are left."""
        lanes = self._left.get(customer_id)
        if lanes is not None:
            lanes[lane_id] = left

    # -- suspects -------------------------------------------------------------------------------------------------------------------

    def suspects(self, customer_id: int) -> Mapping[int, int]:
        """The customer's suspects, as far as they are known, and at how many deaths each ran; nobody's are before `look_up`."""
        return self._suspects.get(customer_id, {})

    async def look_up(self, customer_id: int) -> None:
        """Learns the customer's suspects, at the first time."""
        if customer_id in self._suspects:
            return
        found = await self._patience(self._database.suspects, [customer_id])
        self._suspects.setdefault(customer_id, dict(found))

    def acquit(self, customer_id: int, delivery_id: int) -> None:
        """The delivery is suspect no more."""
        self._suspects.get(customer_id, {}).pop(delivery_id, None)

    def takes_turn(self, delivery_id: int) -> bool:
        """Makes it this suspect's turn, unless it is another's."""
        if self._alone is None:
            self._alone = delivery_id
        return self._alone == delivery_id

    def is_free(self, lane_id: LaneId) -> bool:
        """Whether it is no suspect's turn; if it is, the lane is told when it is over."""
        if self._alone is not None:
            self._awaiting.add(lane_id)
        return self._alone is None

    def await_turn(self, lane_id: LaneId) -> None:
        """The lane is told when the turn that is, or will be next, is over."""
        self._awaiting.add(lane_id)

    def end_turn(self, delivery_id: int) -> None:
        """If it was this suspect's turn, it is over; lanes with others read them now."""
        if self._alone == delivery_id:
            self._alone = None
            awaiting, self._awaiting = self._awaiting, set()
            self.on_turn(awaiting)

    # -- the journal ----------------------------------------------------------------------------------------------------------------

    async def begin(self, starts: Sequence[Start]) -> None:
        """Returns when it is written that these uploads run. Those that come together are written together."""
        self._starts.update((start.delivery_id, start) for start in starts)
        self._noted.update(start.delivery_id for start in starts)
        async with self._writing:
            if any(start.delivery_id in self._starts for start in starts):
                await self._write()

    def end(self, delivery_id: int, *, ended: bool) -> None:
        """The upload runs no more; written soon."""
        self._starts.pop(delivery_id, None)
        self._moved.pop(delivery_id, None)
        self._noted.discard(delivery_id)
        self._clears[delivery_id] = ended
        self._wake.set()

    def pardon(self) -> None:
        """From now on a death says nothing about what runs: whoever asked this process to end may lose patience, and kill it."""
        self._clears.update(dict.fromkeys(self._noted - self._starts.keys(), False))
        self._wake.set()

    def moved(self, start: Start, session: Session, epoch: int) -> None:
        """The upload has come further than at the deaths of which it was suspect: they are forgotten once that is kept."""
        self._moved[start.delivery_id] = (start, session)
        self._epochs[start.customer_id] = epoch
        self._wake.set()

    async def run(self) -> None:
        """Writes what has ended, until cancelled. `flush` before cancelling."""
        while True:
            await self._wake.wait()
            await self.flush()

    async def flush(self) -> None:
        """Writes what has ended so far."""
        async with self._writing:
            await self._write()

    async def _write(self) -> None:
        """Writes what waits. An end before a start: what was given back may have begun anew meanwhile."""
        self._wake.clear()
        if self._moved:
            await self._forget_deaths()
        clears, self._clears = self._clears, {}
        try:
            if clears:
                ended = [delivery_id for delivery_id, over in clears.items() if over]
                await self._patience(self._database.clear_journal, ended, [key for key, over in clears.items() if not over])
        except BaseException:
            self._clears = clears | self._clears
            raise
        starts, self._starts = self._starts, {}
        try:
            if starts:
                await self._patience(self._database.journal, list(starts.values()))
        except BaseException:
            self._starts = starts | self._starts
            raise

    async def _forget_deaths(self) -> None:
        moved, self._moved = self._moved, {}
        try:
            # First that it has moved: else a death in between would leave neither the one nor the other.
            sessions = {key: session for key, (_, session) in moved.items()}
            refused = await self._patience(self._database.save_sessions, sessions, self._epochs)
            kept = {key: start for key, (start, _) in moved.items() if key not in refused}  # the rest has another owner
            await self._patience(self._database.clear_journal, list(kept))
            await self._patience(self._database.journal, [start for key, start in kept.items() if key not in self._clears])
        except BaseException:
            self._moved = moved | self._moved
            raise


class CarefulLane:
    """What one lane heeds while it is careful.

    Args:
        careful: The process's.
        lane_id: Which lane.
        customer: Whose.
    """

    __slots__ = ("_admitted", "_careful", "_customer_id", "_epoch", "_fewest", "_lane_id", "_offset", "_running", "_seen")

    def __init__(self, careful: Careful, lane_id: LaneId, customer: Customer) -> None:
        self._careful = careful
        self._lane_id = lane_id
        self._customer_id = customer.id
        self._epoch = customer.epoch
        self._running: set[int] = set()
        self._seen: set[int] = set()  # suspects of this lane
        self._admitted: int | None = None  # the one suspect that was taken from what was read
        self._offset = 0  # where it stood when it began
        self._fewest = 0  # deaths at which those ran that may be taken now

    # -- reading --------------------------------------------------------------------------------------------------------------------

    def sees(self, found: Sequence[Delivery]) -> None:
        """This was read. Of the suspects among it those with the fewest deaths go first.

        So a death that has another cause, such as somebody who kills the process again and again, is not laid on one and the same.
        """
        suspects = self._careful.suspects(self._customer_id)
        self._fewest = min((suspects[delivery.id] for delivery in found if delivery.id in suspects), default=0)

    def admits(self, delivery_id: int) -> bool:
        """Whether what was read may be taken: always, but of suspects one at a time, and only when it is nobody's turn."""
        deaths = self._careful.suspects(self._customer_id).get(delivery_id)
        if deaths is None:
            return True
        self._seen.add(delivery_id)
        if deaths > self._fewest:
            self._careful.await_turn(self._lane_id)
            return False
        if self._admitted is not None:
            self._careful.await_turn(self._lane_id)
            return False
        if not self._careful.is_free(self._lane_id):
            return False
        self._admitted = delivery_id
        return True

    def apart(self, waiting: Sequence[Delivery]) -> int:
        """How many of the waiting deliveries may go in one call: a suspect goes alone, and what stands before one goes without it."""
        suspects = self._careful.suspects(self._customer_id)
        if suspects:
            for count, delivery in enumerate(waiting):
                if delivery.id in suspects:
                    return max(count, 1)
        return len(waiting)

    # -- beginning ------------------------------------------------------------------------------------------------------------------

    async def begin(self, events: Sequence[Delivery]) -> list[Delivery]:
        """Returns those that may begin, when it is written that they do. The others are to be given back."""
        careful = self._careful
        await careful.look_up(self._customer_id)
        suspects = careful.suspects(self._customer_id)
        begins = list(events)
        if suspected := [delivery.id for delivery in events if delivery.id in suspects]:
            self._seen.update(suspected)
            if len(events) == 1 and careful.takes_turn(events[0].id):
                self._admitted = events[0].id
                session = events[0].session
                self._offset = 0 if session is None else session.offset
            else:
                begins = [delivery for delivery in events if delivery.id not in suspects]
        if begins and (suspects or careful.left(self._customer_id, self._lane_id) > 0):
            self._running.update(delivery.id for delivery in begins)
            await careful.begin([Start(delivery.id, self._customer_id) for delivery in begins])
        return begins

    # -- ending ---------------------------------------------------------------------------------------------------------------------

    def moved(self, delivery_id: int, session: Session) -> None:
        """The upload stands at a chunk's end. A suspect that has never come so far is suspect no more, and it is another one's turn."""
        if delivery_id == self._admitted and delivery_id in self._running and session.offset > self._offset:
            self._admitted = None
            self._careful.acquit(self._customer_id, delivery_id)
            self._careful.moved(Start(delivery_id, self._customer_id), session, self._epoch)
            self._careful.end_turn(delivery_id)

    def settled(self, delivery_id: int) -> None:
        """The upload ended, and the Database has what became of it."""
        self._careful.acquit(self._customer_id, delivery_id)
        self._careful.count(self._customer_id, self._lane_id, self._careful.left(self._customer_id, self._lane_id) - 1)
        self._end(delivery_id, ended=True)

    def gave_back(self, delivery_id: int) -> None:
        """The upload was not tried to its end, or did not begin."""
        self._end(delivery_id, ended=False)

    def drop(self) -> None:
        """Everything was cancelled, and the journal is another worker's now."""
        if self._admitted is not None:
            self._careful.end_turn(self._admitted)

    def is_over(self, *, ran_dry: bool) -> bool:
        """Whether the lane need not be careful any more.

        Args:
            ran_dry: Everything that was due of it has ended, so that what was in flight at the death is among that.
        """
        careful = self._careful
        if self._running or not self._seen.isdisjoint(careful.suspects(self._customer_id)):
            return False
        if ran_dry:
            careful.count(self._customer_id, self._lane_id, 0)
        return careful.left(self._customer_id, self._lane_id) <= 0

    def _end(self, delivery_id: int, *, ended: bool) -> None:
        if delivery_id in self._running:
            self._running.discard(delivery_id)
            self._careful.end(delivery_id, ended=ended)
        if delivery_id == self._admitted:
            self._admitted = None
        self._careful.end_turn(delivery_id)
