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
    """The export tells of every store within two minutes, when most stores were not looked at; then each is, and tells the same."""

    async def scenario(bench: Bench) -> None:
        extensions = company(bench)
        source = bench.source(poll_interval=60)
        began, early = bench.clock.time(), dict[str, Discovery]()
        async with aclosing(source.discover("")) as pages:
            async for page in pages:
                early |= {each.owner: each for each in page.discoveries if each.kind == "fax"}
                if len(early) == len(extensions):
                    break
        taken, looks = bench.clock.time() - began, asked(bench, "message-store")
        assert taken <= 2.5 * MINUTE
        assert looks < MANY
        again = keys(found_in(await one_pass(bench.source(poll_interval=60))))
        assert {("fax", each.external_id, each.part) for each in early.values()} <= again

    in_virtual_time(scenario)


def test_an_export_is_asked_for_once() -> None:
    """After it has come, no pass asks for another; its answers name what a whole look finds, each once."""

    async def scenario(bench: Bench) -> None:
        company(bench)
        pages = await one_pass(bench.source(poll_interval=60))
        assert State.read(pages[-1].cursor).export.over == "Completed"
        reports = asked(bench, "message-store-report")
        assert len(bench.phones.exports.tasks) == 1
        await one_pass(bench.source(poll_interval=60), pages[-1].cursor)
        assert (asked(bench, "message-store-report"), len(bench.phones.exports.tasks)) == (reports, 1)

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
