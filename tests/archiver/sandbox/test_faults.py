"""Which calls faults hit."""

from __future__ import annotations

import re
from pathlib import Path
from typing import get_args, get_type_hints

from archiver.sandbox.faults import Fault, FaultScript


def hits(script: FaultScript, *calls: tuple[str, str]) -> list[int]:
    """How many faults hit each of these calls."""
    return [len(script.hit(route, account)) for route, account in calls]


def test_a_fault_hits_the_nth_call_of_its_route_and_account() -> None:
    """Other calls do not count."""
    script = FaultScript()
    script.add(Fault(action="reply", route="files/upload", account="airline", nth=2))
    calls = [("files/upload", "airline"), ("files/upload", "bakery"), ("users/x", "airline"), ("files/upload", "airline")]
    assert hits(script, *calls) == [0, 0, 0, 1]
    assert hits(script, *calls) == [0, 0, 0, 0]
    assert len(script) == 0


def test_a_fault_may_hit_several_calls_or_all() -> None:
    """A burst ends, a standing fault does not."""
    script = FaultScript()
    script.add(Fault(action="reply", route="files/*", times=2))
    assert hits(script, *[("files/upload", "a")] * 3) == [1, 1, 0]
    script.add(Fault(action="reply", times=0))
    assert hits(script, *[("any", "a")] * 5) == [1] * 5
    assert script.pending == [Fault(action="reply", times=0)]
    script.clear()
    assert hits(script, ("any", "a")) == [0]


def test_faults_are_given_in_the_order_in_which_they_were_set() -> None:
    """Several may hit one call."""
    script = FaultScript()
    script.add(Fault(action="delay", seconds=1))
    script.add(Fault(action="lose_answer"))
    assert [fault.action for fault in script.hit("any", "a")] == ["delay", "lose_answer"]


def test_every_action_is_documented() -> None:
    """The page has a row for each, and for nothing else."""
    page = (Path(__file__).parents[3] / "docs" / "sandbox.md").read_text()
    table = page.partition("## Faults")[2].partition("## The hands")[0]
    assert set(re.findall(r"^\| `(\w+)` \|", table, re.MULTILINE)) == set(get_args(get_type_hints(Fault)["action"]))
