"""No secret is served, and a number only where an item is shown: on no page, in no metric, span, line of the log or of the audit log."""

from __future__ import annotations

import asyncio
import io
import logging
import re
import shutil
from collections.abc import Iterator
from pathlib import Path

import aiohttp
import pytest
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from archiver.app import Archiver, ConnectionSpec
from archiver.console.api.table import OPERATIONS
from archiver.console.routes import ROUTES
from archiver.observe import log
from archiver.observe.gauges import Gauges
from archiver.observe.listeners import Listener, together
from archiver.observe.metrics import Metrics
from archiver.observe.traces import Traces
from archiver.people import Means, Rank, Who
from archiver.sandbox import Sandbox
from support.canary import NUMBER, TEXT, echoing_faults, secrets_of, write_messages
from support.console import console_world

OF_ITEMS = ("/archive", "/items/", "/customers/", "/api/v1/search", "/api/v1/deliveries")
"""Where an item is shown, a customer's newest ones too, its numbers are shown: that is what people look for there."""


@pytest.fixture
def lines() -> Iterator[io.StringIO]:
    """Where lines of the log go; logging is as before afterwards."""
    root = logging.getLogger()
    before, level = root.handlers, root.level
    yield io.StringIO()
    root.handlers = before
    root.setLevel(level)


async def work(archiver: Archiver, sandbox: Sandbox, secrets: dict[str, str], source: Path, listener: Listener) -> None:
    """A round for each refusal of a provider that repeats what it was sent."""
    for number, faults in enumerate(echoing_faults(secrets)):
        sandbox.world.faults.clear()
        sandbox.add_fault(*faults)
        # Something new each time, since what was deferred does not make the round wait.
        shutil.copy(source / "0.txt", source / f"more-{number}.txt")
        await archiver.run(asyncio.Event(), until_empty=True, listener=listener)
        await archiver.resume("airline")
    sandbox.world.faults.clear()


async def served(browser: aiohttp.ClientSession, deliveries: list[int]) -> dict[str, str]:
    """Every page and every answer that can be had: path → text. What pages link to is followed."""
    known = [route.path for route in ROUTES if route.method == "GET" and not route.live]
    known = [path for path in known if not path.startswith(("/static", "/connect/", "/welcome"))]
    wanted = [path.replace("{name}", "airline") for path in known if "{id}" not in path]
    wanted += [path.replace("{id}", str(number)) for number in deliveries for path in known if "{id}" in path]
    wanted += [f"/archive?q={NUMBER[1:]}", f"/api/v1/search?q={NUMBER[1:]}"]
    pages: dict[str, str] = {}
    while wanted:
        path = wanted.pop()
        if path in pages:
            continue
        async with browser.get(path, allow_redirects=False) as answer:
            pages[path] = f"{answer.status} {dict(answer.headers)} {await answer.text()}"
        followed = re.findall(r'href="(/[^"#]*)"', pages[path])
        wanted += [link.replace("&amp;", "&") for link in followed if not link.startswith(("/static", "/events", "/logout", "//"))]
    return pages


@pytest.mark.scenario
@pytest.mark.timeout(180)
async def test_nothing_that_is_served_has_a_secret_in_it(tmp_path: Path, lines: io.StringIO) -> None:
    """A viewer and an administrator look at everything, a program asks everything, after a provider has repeated all that it was sent."""
    spans = InMemorySpanExporter()
    async with Sandbox() as sandbox, console_world(tmp_path) as world:
        archiver = world.archiver
        account = sandbox.add_account("airline")
        source = tmp_path / "calls"
        write_messages(source, 3)
        options = {"api_url": sandbox.url, "app_key": account.app_key, "root": "/Archive"}
        given = {"refresh_token": account.refresh_token, "app_secret": account.app_secret}
        dropbox = ConnectionSpec(adapter="dropbox", options=options, secrets=given)
        await archiver.add_customer("airline", [ConnectionSpec(adapter="folder", options={"path": str(source)})], [dropbox])
        gauges = Gauges(tmp_path)
        metrics, traces = Metrics("1.0", [gauges]), Traces("1.0", spans)
        events = log.configure("debug", "json", lines)
        await work(archiver, sandbox, secrets_of(account), source, together(metrics.listen, traces.listen, events.listen))
        events.close()
        gauges.latest = await archiver.snapshot()
        traces.close()
        key = await archiver.door.add_key("test", Rank.ADMIN, by=Who(name="test", rank=Rank.ADMIN, means=Means.KEY, digest=""))
        issued = {token for grant in sandbox.world.grants.of(account="airline") for token in grant.access_tokens}
        cookies = {token for cookies in world.cookies.values() for token in cookies.values()}
        secrets = [*secrets_of(account).values(), *issued, *cookies, key]
        deliveries = [row.id for row in await archiver.deliveries(customer="airline")]
        seen: dict[str, str] = {}
        for rank in (Rank.VIEWER, Rank.ADMIN):
            async with world.browser(rank) as browser:
                seen |= {f"{rank.value} {path}": text for path, text in (await served(browser, deliveries)).items()}
        async with world.browser(Sec_Fetch_Site="", Authorization=f"Bearer {key}") as program:
            seen |= {f"program {path}": text for path, text in (await served(program, deliveries)).items()}
        seen["metrics"] = metrics.page().decode()
        seen["log"] = lines.getvalue()
        seen["spans"] = "\n".join(span.to_json() for span in spans.get_finished_spans())
        seen["audit log"] = repr(await archiver.auditor.newest(limit=1000))
    for name in ("metrics", "log", "spans"):
        assert "dropbox" in seen[name], f"nothing was told of in the {name}"
    assert len([path for path in seen if path.startswith("program /api/v1/") and seen[path].startswith("200")]) >= len(
        [operation for operation in OPERATIONS if operation.method == "GET"]
    )
    for name, text in seen.items():
        assert [secret for secret in (*secrets, TEXT) if secret in text] == [], name
    digits = NUMBER.removeprefix("+")
    told = {name for name, text in seen.items() if digits in text}
    assert {name.split(" ", 1)[-1].split("?")[0] for name in told} >= {f"/items/{deliveries[0]}", "/archive"}, "nobody shows the number"
    assert [name for name in sorted(told) if not name.split(" ", 1)[-1].startswith(OF_ITEMS)] == []
