"""Every route for every rank, without a session, from another origin and under another name."""

from __future__ import annotations

import re
from collections.abc import Iterator

from archiver.console.routes import ROUTES, Route
from archiver.people import Rank
from support.console import ConsoleWorld

FILLED = re.compile(r"\{[a-z]+\}")
OPEN = {"/static/{name}", "/login", "/welcome/{token}", "/connect/answer", "/connect/confirm", "/connect/{link}"}
"""What everybody may ask; whoever adds to it says why in the table of the routes."""


def path_of(route: Route) -> str:
    """A path of the route, for something that is not there."""
    return FILLED.sub("0", route.path)


def guarded() -> Iterator[Route]:
    """The routes that need a rank, but for the one that never ends and the one that ends the session."""
    return (route for route in ROUTES if route.rank is not None and not route.live and route.path != "/logout")


def test_every_route_says_who_may_use_it() -> None:
    """A rank, or why it is for everybody; and what changes something is no GET that a link could make."""
    for route in ROUTES:
        assert (route.rank is None) == bool(route.why_open), route.path
        assert (route.rank is None) == (route.path in OPEN), route.path
        assert (route.path.startswith("/api/")) == route.api, route.path
        if route.method != "GET" and route.rank is Rank.VIEWER:
            assert route.path == "/logout" or route.path.startswith("/settings/own"), route.path
    assert len({(route.method, route.path) for route in ROUTES}) == len(ROUTES)


async def test_every_route_for_every_rank(world: ConsoleWorld) -> None:
    """Who has not the rank is refused, who has it is not; a refusal changes nothing and shows nothing."""
    wrong = []
    for rank in (None, *Rank):
        async with world.browser(rank) as browser:
            for route in guarded():
                async with browser.request(route.method, path_of(route), allow_redirects=False) as answer:
                    here = f"{rank} {route.method} {route.path}: {answer.status}"
                    text = await answer.text()
                    assert route.rank is not None
                    if rank is None:
                        refused = answer.status == 401 if route.api else answer.headers.get("Location", "").startswith("/login")
                    else:
                        refused = answer.status == 403 and "needs the rank" in text
                    if refused != (rank is None or not rank.permits(route.rank)) or answer.status == 500:
                        wrong.append(here)
    assert wrong == []


async def test_what_changes_something_comes_from_our_own_pages(world: ConsoleWorld) -> None:
    """From another site, from a sister site, with another origin, or with neither header: refused before anybody looks who it is."""
    wrong = []
    ours = {"Origin": world.url}
    for headers in (
        {"Sec-Fetch-Site": "cross-site"},
        {"Sec-Fetch-Site": "same-site"},
        {"Sec-Fetch-Site": "cross-site", **ours},
        {"Origin": "https://evil.example"},
        {"Origin": "null"},
        {},
    ):
        async with world.browser(Rank.ADMIN, Sec_Fetch_Site="") as browser:
            for route in ROUTES:
                if route.method != "GET":
                    async with browser.request(route.method, path_of(route), headers=headers, allow_redirects=False) as answer:
                        if answer.status != 403 or "does not come from a page of this console" not in await answer.text():
                            wrong.append(f"{route.method} {route.path} {headers}: {answer.status}")
    assert wrong == []
    async with (
        world.browser(Rank.ADMIN, Sec_Fetch_Site="", **ours) as browser,
        browser.post("/logout", allow_redirects=False) as answer,
    ):
        assert answer.status == 303, "an old browser tells only the origin"


async def test_only_our_own_names_are_answered(world: ConsoleWorld) -> None:
    """A name that somebody lets point to this machine gets nothing, whatever it asks."""
    wrong = []
    for host in ("evil.example", "127.0.0.1:1", "localhost", ""):
        async with world.browser(Rank.ADMIN, Host=host or "x") as browser:
            for route in ROUTES:
                async with browser.request(route.method, path_of(route), allow_redirects=False) as answer:
                    if answer.status != 421:
                        wrong.append(f"{host} {route.method} {route.path}: {answer.status}")
    assert wrong == []


async def test_every_answer_carries_the_headers(world: ConsoleWorld) -> None:
    """Pages, files, refusals and errors alike."""
    async with world.browser(Rank.ADMIN) as browser:
        for path in ("/", "/login", "/nothing", "/static/nothing"):
            async with browser.get(path) as answer:
                csp = answer.headers["Content-Security-Policy"]
                assert "default-src 'none'" in csp
                assert "unsafe" not in csp
                assert "frame-ancestors 'none'" in csp
                assert answer.headers["X-Content-Type-Options"] == "nosniff"
                assert answer.headers["Referrer-Policy"] == "no-referrer"
                assert answer.headers["Cache-Control"] == "no-store"
                assert "Server" not in answer.headers


async def test_too_much_is_refused(world: ConsoleWorld) -> None:
    """A body of more than 64 KiB, whether it tells its length or not."""
    async with world.browser() as browser, browser.post("/login", data=b"x" * 70_000) as answer:
        assert answer.status == 413
