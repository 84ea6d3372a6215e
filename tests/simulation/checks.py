"""The promises, held against what the clouds' ledgers, the sources and the database say. Nothing here believes Archiver's own accounts.

The one exception are its counts of what it holds: how little it holds can be seen nowhere else.
"""

from __future__ import annotations

import hashlib
from collections import Counter
from typing import Any

from archiver.lifecycle import DeliveryState
from archiver.model import Connection, Discovery
from archiver.pipeline.events import BatchSettled, CustomerLost, CustomersDropped, Event
from archiver.sources.memory import generated_bytes
from simulation.cloud import Account, Caller
from simulation.ledger import Object
from simulation.process import Process
from simulation.scene import Scene

__all__ = ["Checks"]

_NOTHING_LEAVES_ARCHIVED = """
    CREATE TRIGGER nothing_leaves_archived BEFORE UPDATE ON deliveries WHEN OLD.state = 'archived'
    BEGIN SELECT RAISE(ABORT, 'I5: something was written to an archived delivery'); END
    """

_DELIVERIES = """
    SELECT d.id, d.lane, d.state, d.path, d.reason, i.source_id, i.locator, r.path, r.size, r.sha256
    FROM deliveries AS d JOIN items AS i ON i.id = d.item_id LEFT JOIN receipts AS r ON r.delivery_id = d.id ORDER BY d.id
    """


class Checks:
    """Sees what processes do, and looks at what they leave."""

    def __init__(self, scene: Scene) -> None:
        self._scene = scene

    def guard_archived(self) -> None:
        """I5, by the database itself."""
        raw, _ = self._scene.people._writer._both()
        raw.execute(_NOTHING_LEAVES_ARCHIVED)

    # -- while it runs --------------------------------------------------------------------------------------------------------------

    def opens(self, process: Process, connection: Connection) -> None:
        """A process wakes a lane: it knows from the database until when the cloud wants to be left alone."""
        scene = self._scene
        account = scene.accounts[connection.id]
        known = scene.now + connection.throttled_until / 1000 - scene.clock.wall()
        if account.told_long_ago and not scene.clock_was_set and not scene.ailments.ever:
            text = f"{process.name} wakes lane {connection.id}, and nobody kept how long it must wait"
            scene.story.hold("I7", known >= account.told_until - 0.002, text)
        if known > scene.now:
            account.obey_what_was_told(process, known)
            if scene.clock_was_set:  # what was stored tells the wrong time now; it is believed for an hour at most
                account.told_until = max(account.told_until, min(known, scene.now + 3600))

    def calls(self, caller: Caller, name: str, args: tuple[Any, ...]) -> None:
        """I2 before each settlement; no read for a lane that must be left alone."""
        scene = self._scene
        if name == "waiting":
            for lane in args[0]:
                until = scene.accounts[lane].obeys_until(caller)
                scene.story.hold(
                    "demand", scene.now >= until, f"{caller.name} reads for lane {lane}, throttled {until - scene.now:.3f} s more"
                )
        elif name == "settle":
            for settled in args[0]:
                receipt = settled.receipt
                if settled.state is DeliveryState.ARCHIVED:
                    there = scene.accounts[settled.lane].ledger.objects.get(receipt.path)
                    agrees = there is not None and (there.size, there.sha256) == (receipt.size, receipt.sha256)
                    scene.story.hold("I2", agrees, f"{caller.name} settles {receipt.path} of lane {settled.lane}, which is not there")

    def called(self, caller: Caller, name: str, args: tuple[Any, ...], result: Any) -> None:
        """I5: old epochs write nothing, and nobody else is refused. What the database has as archived need not be uploaded again."""
        scene = self._scene
        if name == "take":
            self._taken(caller, [taken.customer_id for taken in result])
        elif name == "settle":
            epochs = self._epochs({settled.customer_id for settled in args[0]})
            for settled in args[0]:
                current = args[1].get(settled.customer_id) == epochs[settled.customer_id]
                refused = settled.delivery_id in result
                if refused == current:
                    what = "is refused, though it owns" if refused else "settles, though it does not own"
                    scene.story.break_promise("I5", f"{caller.name} {what} customer {settled.customer_id}: delivery {settled.delivery_id}")
                if settled.receipt is not None and not refused:
                    scene.accounts[settled.lane].settled(settled.receipt.path)
                    scene.story.counts["archived"] += 1

    def _epochs(self, customers: set[int]) -> dict[int, int]:
        listed = ", ".join(map(str, sorted(customers)))
        return dict(self._scene.query(f"SELECT id, epoch FROM customers WHERE id IN ({listed})"))  # noqa: S608  numbers of our own

    def _taken(self, caller: Caller, customers: list[int]) -> None:
        """Somebody else serves them from now on; what the one before stored and did not settle may be stored again."""
        for customer in self._scene.customers.values():
            if customer.id in customers:
                for account in customer.lanes.values():
                    account.changes_owner(caller)

    def may_call(self, caller: Caller, lane: int) -> bool:
        """Whether nobody else owns the lane's customer."""
        [(owner,)] = self._scene.query("SELECT owner FROM customers WHERE id = (SELECT customer_id FROM connections WHERE id = ?)", lane)
        return not owner or str(owner).startswith(f"{caller.name}.")

    def heard(self, process: Process, event: Event) -> None:
        """A process tells what happened; I8 each time something was settled."""
        story = self._scene.story
        if process.dead:
            return
        story.tell("event", f"{process.name} {event}")
        if isinstance(event, BatchSettled):
            self._bounded(process)
        elif isinstance(event, (CustomersDropped, CustomerLost)):
            for account in self._scene.accounts.values():
                account.lost_its_owner(process)

    def _bounded(self, process: Process) -> None:
        story, budget = self._scene.story, self._scene.budget
        items = 0
        for lane in process.assembly.lanes.awake.values():
            counts = (lane.held_items, lane.held_bytes, lane.queued, lane.puts, lane.asked)
            story.hold("I8", min(counts) >= 0, f"{process.name} lane {lane.id}: a count is negative: {counts}")
            nothing = lane.in_flight or lane.asked or (lane.held_items, lane.held_bytes) == (0, 0)
            story.hold("I8", bool(nothing), f"{process.name} lane {lane.id} holds nothing and counts {counts}")
            items += lane.held_items
        story.hold("I8", items <= budget.items, f"{process.name} holds {items} items, permitted {budget.items}")

    # -- at the end -----------------------------------------------------------------------------------------------------------------

    def all(self) -> None:
        """I1, I2, I3 and the counters, when everything has come to an end."""
        scene, story = self._scene, self._scene.story
        rows = scene.query(_DELIVERIES)
        seen = {(lane, source, locator): row for row in rows for lane, source, locator in [(row[1], row[5], row[6])]}
        wanted = 0
        for customer in scene.customers.values():
            for source_id, origin in customer.sources.items():
                for found in origin.found:
                    for lane, account in customer.lanes.items():
                        wanted += 1
                        row = seen.get((lane, source_id, found.locator))
                        if row is None:
                            story.break_promise("I1", f"{found.locator} has no delivery to lane {lane}")
                            return
                        self._one(row, account, found, hurt=found.locator in origin.hurt)
        story.hold("I1", len(rows) == wanted, f"{len(rows)} deliveries, {wanted} wanted")
        self._no_more(rows)
        self._counters(rows)

    def _one(self, row: tuple[Any, ...], account: Account, found: Discovery, *, hurt: bool) -> None:
        story = self._scene.story
        number, lane, state, path, reason, _, _, receipt_path, size, sha256 = row
        text = f"delivery {number} of lane {lane} ({path}) is {state} {reason}"
        if state != DeliveryState.ARCHIVED:
            there = account.ledger.objects.get(path)
            story.hold("I1", hurt, f"{text}, though nothing is wrong with it")
            story.hold("I1", state in {DeliveryState.REJECTED, DeliveryState.GONE} and bool(reason), text)
            story.hold("I3", there is None or _right(there, found), f"{text}, and something else is at its path")
            return
        there = account.ledger.objects.get(receipt_path)
        story.hold("I2", there is not None and (there.size, there.sha256) == (size, sha256), f"{text}, and its object is not there")
        story.hold("I2", receipt_path == path, f"{text} and stored at {receipt_path}")
        story.hold("I2", there is None or _right(there, found), f"{text} with other bytes than its source had")

    def _no_more(self, rows: list[tuple[Any, ...]]) -> None:
        """I3: each visible object is one delivery's, and each path is one delivery's."""
        scene = self._scene
        paths: Counter[tuple[int, str]] = Counter((row[1], row[3]) for row in rows)
        scene.story.hold("I3", all(count == 1 for count in paths.values()), "two deliveries have the same path")
        for lane, account in scene.accounts.items():
            for path in account.ledger.visible():
                scene.story.hold("I3", (lane, path) in paths, f"{path} of lane {lane} is nobody's")

    def _counters(self, rows: list[tuple[Any, ...]]) -> None:
        """The console's numbers are the rows'."""
        scene = self._scene
        states: Counter[tuple[int, str]] = Counter((row[1], row[2]) for row in rows)
        for lane, *numbers in scene.query("SELECT lane, waiting, archived, rejected, gone FROM lane_counters"):
            counted = [states[lane, state] for state in ("waiting", "archived", "rejected", "gone")]
            scene.story.hold("counters", counted == numbers, f"lane {lane} has {counted}, its counters say {numbers}")
        states_of = ", ".join(f"sum(state = '{state}')" for state in ("waiting", "archived", "rejected", "gone"))
        rows_by_kind = scene.query(
            f"SELECT lane, kind, {states_of} FROM deliveries JOIN items ON items.id = item_id GROUP BY lane, kind"  # noqa: S608  constants
        )
        by_kind = scene.query("SELECT lane, kind, waiting, archived, rejected, gone FROM kind_counters")
        scene.story.hold(
            "counters", sorted(rows_by_kind) == sorted(by_kind), f"by kind there is {rows_by_kind}, the counters say {by_kind}"
        )


def _right(there: Object, found: Discovery) -> bool:
    """Whether an object has the bytes that its item was discovered with; every item's bytes are known from its name."""
    if found.size is not None and there.size != found.size:
        return False
    return there.sha256 == _sha256(found.locator, there.size)


def _sha256(locator: str, size: int) -> str:
    return hashlib.sha256(generated_bytes(locator, 0, size)).hexdigest()
