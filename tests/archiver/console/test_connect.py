"""Connecting through the console: the operator's link, the customer's yes, the account, the test file."""

from __future__ import annotations

import re

from archiver.people import Rank
from archiver.sandbox import Account, Sandbox
from support.console import ConsoleWorld


def spec(account: Account, url: str, **more: str) -> dict[str, str]:
    """The fields of the form for a Dropbox on loopback."""
    fields = {"root": "/Archive", "app_key": account.app_key, "app_secret": account.app_secret, "api_url": url, "content_url": url}
    return {"role": "destination", "adapter": "dropbox", **{f"option-{name}": value for name, value in fields.items()}} | more


def found(pattern: str, text: str) -> str:
    """The part of a page."""
    match = re.search(pattern, text)
    assert match, text
    return match[1].replace("&amp;", "&")


async def test_a_dropbox_is_connected_by_its_customer(world: ConsoleWorld) -> None:
    """The link alone lets the customer in; what is kept is what they have confirmed; the link is worth nothing afterwards."""
    async with Sandbox() as sandbox:
        account = sandbox.add_account("airline")
        async with (
            world.browser(Rank.OPERATOR) as operator,
            operator.post("/connect", data=spec(account, sandbox.url, customer="Airline")) as answer,
        ):
            text = await answer.text()
            assert answer.status == 200, text
            link = found(r'class="button first" href="(/connect/[\w-]+)"', text)
        async with world.browser() as customer:
            async with customer.get(link) as answer:
                offer = await answer.text()
                assert "airline" in offer
                assert "files.content.write" in offer
            async with customer.post(link) as answer:
                page = found(r'href="(http[^"]+authorize[^"]+)"', await answer.text())
            async with customer.get(page, allow_redirects=False) as answer:
                back = answer.headers["Location"]
                assert back.startswith(f"{world.url}/connect/answer?")
            async with world.browser() as thief, thief.get(back) as answer:
                assert answer.status == 410, "another browser cannot use the answer"
            async with customer.get(back) as answer:
                ticket = found(r'name="ticket" value="([^"]+)"', await answer.text())
            async with customer.post("/connect/confirm", data={"ticket": ticket}) as answer:
                assert "A test file was written, read and deleted" in await answer.text()
            async with customer.get(link) as answer:
                assert answer.status == 410
                assert "used already" in await answer.text()
    (view,) = await world.archiver.customers()
    assert (view.customer.name, [connection.adapter for connection in view.connections]) == ("airline", ["dropbox"])
    lines = await world.archiver.auditor.newest()
    assert {"connections link", "connections add"} <= {line.action for line in lines}
    for secret in (ticket, link.rpartition("/")[2], account.app_secret):
        assert secret not in str(lines)


async def test_what_is_wrong_is_said_in_the_form(world: ConsoleWorld) -> None:
    """What was typed stays there, but for secrets."""
    async with Sandbox() as sandbox, world.browser(Rank.OPERATOR) as operator:
        account = sandbox.add_account("airline")
        async with operator.post("/connect", data=spec(account, sandbox.url, customer="no such name!")) as answer:
            text = await answer.text()
            assert answer.status == 422
            assert "customer" in text
            assert account.app_key in text
            assert account.app_secret not in text
        async with operator.get("/connect?adapter=nothing") as answer:
            assert answer.status == 422


async def test_a_folder_needs_only_a_yes(world: ConsoleWorld) -> None:
    """Where there are neither page nor keys; the customer is added with it, and found by the wizard the next time."""
    target = world.home / "out"
    target.mkdir()
    fields = {"role": "destination", "adapter": "folder", "customer": "bakery", "option-path": str(target), "kinds": "sms"}
    async with world.browser(Rank.OPERATOR) as operator:
        async with operator.post("/connect", data=fields) as answer:
            link = found(r'class="button first" href="(/connect/[\w-]+)"', await answer.text())
        async with operator.post(link) as answer:
            ticket = found(r'name="ticket" value="([^"]+)"', await answer.text())
        async with operator.post("/connect/confirm", data={"ticket": ticket}) as answer:
            assert "Connected" in await answer.text()
        async with operator.get("/connect") as answer:
            assert "Dropbox" in await answer.text()
    (view,) = await world.archiver.customers()
    assert view.connections[0].kinds == ("sms",)


async def test_a_link_that_is_none(world: ConsoleWorld) -> None:
    """Unknown links, tickets and answers let nobody in, and say what to do."""
    async with world.browser() as browser:
        for method, path in (("GET", "/connect/nothing"), ("POST", "/connect/nothing"), ("GET", "/connect/answer?state=x&code=y")):
            async with browser.request(method, path) as answer:
                assert answer.status == 410, path
        async with browser.post("/connect/confirm", data={"ticket": "x"}) as answer:
            assert answer.status == 410
