"""The export of all message stores: what it tells early, and that nothing depends on it."""

from __future__ import annotations

from contextlib import aclosing

import pytest

from archiver.model import Discovery
from archiver.sandbox.faults import Fault
from archiver.sandbox.ringcentral import Extension
from archiver.sources.ringcentral.cursor import State
from support.phones import Bench, found_in, in_virtual_time, keys, one_pass

MINUTE = 60.0
MANY = 100


def company(bench: Bench, people: int = MANY) -> list[Extension]:
    """So many people, each with a fax that came and a text."""
    office = bench.phones.office
    extensions: list[Extension] = [office.add_extension(str(1000 + number), f"Agent {number}") for number in range(people)]
    for extension in extensions:
        fax = office.add_message(extension, "Fax", created_at=office.now() - 3600)
        office.attach(fax, "RenderedDocument", "application/pdf", b"%PDF " + extension.number.encode())
        office.add_message(extension, "SMS", created_at=office.now() - 1800, subject="hello")
    return extensions


def asked(bench: Bench, route: str) -> int:
    """How often a route was asked."""
    return sum(request.route == route for request in bench.phones.ledger.requests)


def test_everybody_is_known_before_everybody_was_asked() -> None:
    """The export tells of every store within minutes, when most were not looked at; then each is, and tells the same. One is enough."""

    async def scenario(bench: Bench) -> None:
        extensions = company(bench)
        began, known, known_after, looks = bench.clock.time(), dict[str, Discovery](), 0.0, 0
        late: list[Discovery] = []
        async with aclosing(bench.source(poll_interval=60).discover("")) as pages:
            async for page in pages:
                faxes = [each for each in page.discoveries if each.kind == "fax"]
                if known_after:
                    late += faxes
                else:
                    known |= {each.owner: each for each in faxes}
                    if len(known) == len(extensions):
                        known_after, looks = bench.clock.time() - began, asked(bench, "message-store")
                if page.complete:
                    break
        assert known_after <= 2.5 * MINUTE
        assert looks < MANY
        assert keys(late) <= keys(list(known.values()))
        assert late, "each store is looked at all the same"
        assert State.read(page.cursor).export.over == "Completed"
        assert len(bench.phones.exports.tasks) == 1

    in_virtual_time(scenario)


@pytest.mark.parametrize("trouble", ["forbidden", "failed", "no zip", "lost answers"])
def test_nothing_depends_on_it(trouble: str) -> None:
    """Not allowed, failed, not readable, cut off: the pass is complete, and has everything."""

    async def scenario(bench: Bench) -> None:
        extensions = company(bench)
        exports, faults = bench.phones.exports, bench.phones.faults
        match trouble:
            case "forbidden":
                exports.allowed = False
            case "failed":
                exports.status = "Failed"
            case "no zip":
                faults.add(Fault(action="reply", route="message-store-report", nth=4, times=1000, status=200, body="no zip"))
            case _:
                faults.add(Fault(action="lose_answer", route="message-store-report", nth=2, times=5))
        pages = await one_pass(bench.source(poll_interval=60))
        assert pages[-1].complete
        assert {each.owner for each in found_in(pages) if each.kind == "fax"} == {extension.number for extension in extensions}

    in_virtual_time(scenario)


def test_a_small_company_is_not_exported() -> None:
    """With few stores looking at each is quicker, and costs no recording its turn."""

    async def scenario(bench: Bench) -> None:
        company(bench, people=9)
        await one_pass(bench.source(poll_interval=60))
        assert asked(bench, "message-store-report") == 0

    in_virtual_time(scenario)
