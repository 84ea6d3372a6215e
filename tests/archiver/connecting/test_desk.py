"""The steps of connecting, against a Dropbox on loopback: what they give, and that nobody else can take them."""

from __future__ import annotations

import sqlite3
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import pytest

from archiver.database.port import Step
from archiver.errors import ArchiverError, ConfigError, InvitationError, ReconnectNeededError, TransientError
from archiver.keeping import opened
from archiver.model import ConnectionState, Kind, Role
from archiver.sandbox import Fault
from archiver.views import ConnectionSpec
from support.connecting import BROWSER, REDIRECT, Scene

OTHER = "cookie-of-another-browser"


async def test_a_customer_connects_a_dropbox(scene: Scene) -> None:
    """From the link over the page and the confirmation to a connection; the test file leaves nothing behind."""
    invited = await scene.desk.invite("acme", scene.spec(), kinds=(Kind.SMS,))
    offer = await scene.desk.look(invited.link)
    assert (offer.customer, offer.title, offer.way, offer.kinds) == ("acme", "Dropbox", "page", (Kind.SMS,))
    assert "files.content.write" in offer.scopes
    page = await scene.desk.begin(invited.link, browser=BROWSER, redirect_uri=REDIRECT)
    asked = parse_qs(urlsplit(page).query)
    assert asked["code_challenge_method"] == ["S256"]
    assert asked["token_access_type"] == ["offline"]
    found = await scene.desk.finish(*await scene.say_yes(page), browser=BROWSER)
    assert found.account.name == "airline@example.com"
    assert found.account.free_bytes
    assert not found.changed
    assert await scene.database.connections() == []
    assert not scene.sandbox.ledger().files_of("airline")
    done = await scene.desk.confirm(found.ticket, browser=BROWSER)
    assert (done.tried, done.again, done.connection.account) == (True, False, "airline@example.com")
    assert not scene.sandbox.ledger().files_of("airline")
    (kept,) = await scene.database.connections(customer_id=scene.customer.id)
    assert kept == done.connection
    assert kept.kinds == (Kind.SMS,)
    assert opened(kept, scene.vault).keys() == {"refresh_token"}
    assert scene.told == 1


async def test_a_link_works_once(scene: Scene) -> None:
    """After it became a connection it is worth nothing, and neither is any answer or ticket of it."""
    link = await scene.invite()
    page = await scene.desk.begin(link, browser=BROWSER, redirect_uri=REDIRECT)
    state, code = await scene.say_yes(page)
    found = await scene.desk.finish(state, code, browser=BROWSER)
    await scene.desk.confirm(found.ticket, browser=BROWSER)
    for again in (
        scene.desk.look(link),
        scene.desk.begin(link, browser=BROWSER, redirect_uri=REDIRECT),
        scene.desk.finish(state, code, browser=BROWSER),
        scene.desk.confirm(found.ticket, browser=BROWSER),
    ):
        with pytest.raises(InvitationError):
            await again
    assert len(await scene.database.connections()) == 1


async def test_an_answer_from_another_browser_is_refused(scene: Scene) -> None:
    """Nobody can give a customer's page the answer of an account of their own, nor confirm what somebody else linked."""
    link = await scene.invite()
    state, code = await scene.say_yes(await scene.desk.begin(link, browser=BROWSER, redirect_uri=REDIRECT))
    with pytest.raises(InvitationError, match="another browser"):
        await scene.desk.finish(state, code, browser=OTHER)
    found = await scene.desk.finish(state, code, browser=BROWSER)
    with pytest.raises(InvitationError, match="another browser"):
        await scene.desk.confirm(found.ticket, browser=OTHER)
    with pytest.raises(InvitationError, match="another browser"):
        await scene.desk.decline(
            (await scene.say_yes(await scene.desk.begin(link, browser=BROWSER, redirect_uri=REDIRECT)))[0], browser=OTHER
        )
    assert await scene.database.connections() == []
    assert [line.result for line in await scene.desk.auditor.newest() if line.action == "connect"] == ["refused"] * 3


async def test_a_state_is_taken_once(scene: Scene) -> None:
    """Also if the exchange of the code fails; and a new beginning makes the answer of the one before worthless."""
    link = await scene.invite()
    first = await scene.say_yes(await scene.desk.begin(link, browser=BROWSER, redirect_uri=REDIRECT))
    second = await scene.say_yes(await scene.desk.begin(link, browser=BROWSER, redirect_uri=REDIRECT))
    with pytest.raises(InvitationError, match="not awaited"):
        await scene.desk.finish(*first, browser=BROWSER)
    with pytest.raises(ReconnectNeededError):
        await scene.desk.finish(second[0], "another-code", browser=BROWSER)
    with pytest.raises(InvitationError, match="not awaited"):
        await scene.desk.finish(*second, browser=BROWSER)


async def test_a_code_without_our_verifier_is_worth_nothing(scene: Scene) -> None:
    """A code that was made for another attempt does not become tokens here: PKCE."""
    link = await scene.invite()
    _, stolen = await scene.say_yes(await scene.desk.begin(link, browser=BROWSER, redirect_uri=REDIRECT))
    state, _ = await scene.say_yes(await scene.desk.begin(link, browser=BROWSER, redirect_uri=REDIRECT))
    with pytest.raises(ReconnectNeededError):
        await scene.desk.finish(state, stolen, browser=BROWSER)


async def test_links_and_answers_end(scene: Scene) -> None:
    """A link after its day, an answer after ten minutes; what has ended is cleared away."""
    link = await scene.invite()
    state, code = await scene.say_yes(await scene.desk.begin(link, browser=BROWSER, redirect_uri=REDIRECT))
    scene.clock.later = 601
    with pytest.raises(InvitationError, match="too late"):
        await scene.desk.finish(state, code, browser=BROWSER)
    assert (await scene.desk.look(link)).customer == "acme"
    scene.clock.later = 24 * 3600 + 1
    with pytest.raises(InvitationError, match="has ended"):
        await scene.desk.look(link)
    assert await scene.desk.clear() == 1
    with pytest.raises(InvitationError, match="not known"):
        await scene.desk.look(link)


async def test_who_says_no_may_think_again(scene: Scene) -> None:
    """The link lives on, the answer does not."""
    link = await scene.invite()
    state, _ = await scene.say_yes(await scene.desk.begin(link, browser=BROWSER, redirect_uri=REDIRECT))
    await scene.desk.decline(state, browser=BROWSER)
    with pytest.raises(InvitationError, match="not awaited"):
        await scene.desk.decline(state, browser=BROWSER)
    (invitation,) = await scene.database.invitations(scene.customer.id)
    assert (invitation.step, invitation.secrets) == (Step.OFFERED, {})
    assert await scene.desk.begin(link, browser=BROWSER, redirect_uri=REDIRECT)


async def test_connecting_again_goes_on_with_the_lane(scene: Scene) -> None:
    """Same number, new leave, active; another account than before is said."""
    link = await scene.invite()
    found = await scene.desk.finish(
        *await scene.say_yes(await scene.desk.begin(link, browser=BROWSER, redirect_uri=REDIRECT)), browser=BROWSER
    )
    first = (await scene.desk.confirm(found.ticket, browser=BROWSER)).connection
    await scene.database.set_connection_state(first.id, ConnectionState.RECONNECT_NEEDED, "revoked")
    scene.sandbox.add_account("bakery")
    spec = ConnectionSpec(adapter="dropbox")
    again = (await scene.desk.invite("acme", spec, connection_id=first.id)).link
    assert (await scene.desk.look(again)).again == "airline@example.com"
    page = await scene.desk.begin(again, browser=BROWSER, redirect_uri=REDIRECT)
    found = await scene.desk.finish(*await scene.say_yes(page, "bakery"), browser=BROWSER)
    assert found.changed
    done = await scene.desk.confirm(found.ticket, browser=BROWSER)
    (kept,) = await scene.database.connections()
    assert done.again
    assert (kept.id, kept.state, kept.account) == (first.id, ConnectionState.ACTIVE, "bakery@example.com")
    assert opened(kept, scene.vault) != opened(first, scene.vault)


@pytest.mark.parametrize("route", ["users/get_current_account", "oauth2/token"])
async def test_what_fails_on_the_way_leaves_the_link_alive(scene: Scene, route: str) -> None:
    """A provider that is away while it is asked: nothing is kept, and the customer may begin again."""
    link = await scene.invite()
    state, code = await scene.say_yes(await scene.desk.begin(link, browser=BROWSER, redirect_uri=REDIRECT))
    scene.sandbox.add_fault(Fault(action="reply", route=route, status=503))
    with pytest.raises(TransientError):
        await scene.desk.finish(state, code, browser=BROWSER)
    page = await scene.desk.begin(link, browser=BROWSER, redirect_uri=REDIRECT)
    found = await scene.desk.finish(*await scene.say_yes(page), browser=BROWSER)
    assert (await scene.desk.confirm(found.ticket, browser=BROWSER)).tried


async def test_a_storage_that_takes_nothing_is_not_connected(scene: Scene) -> None:
    """The test file finds out; nothing is kept, and it may be confirmed again once there is room."""
    link = await scene.invite()
    page = await scene.desk.begin(link, browser=BROWSER, redirect_uri=REDIRECT)
    found = await scene.desk.finish(*await scene.say_yes(page), browser=BROWSER)
    scene.sandbox.world.change_account("airline", quota_bytes=1)
    with pytest.raises(ArchiverError, match="insufficient_space"):
        await scene.desk.confirm(found.ticket, browser=BROWSER)
    assert await scene.database.connections() == []
    scene.sandbox.world.change_account("airline", quota_bytes=1_000_000)
    assert (await scene.desk.confirm(found.ticket, browser=BROWSER)).tried


async def test_keys_are_checked_as_they_are_entered(scene: Scene, tmp_path: Path) -> None:
    """An adapter without a page is opened with what was given, and looked at, before a person confirms it."""
    folder = ConnectionSpec(adapter="folder", options={"path": str(tmp_path / "out")})
    link = (await scene.desk.invite("acme", folder)).link
    assert (await scene.desk.look(link)).way == "keys"
    with pytest.raises(ConfigError, match=r"does not take .password."):
        await scene.desk.enter(link, secrets={"password": "x"}, browser=BROWSER)
    found = await scene.desk.enter(link, secrets={}, browser=BROWSER)
    assert found.account.name == str(tmp_path / "out")
    done = await scene.desk.confirm(found.ticket, browser=BROWSER)
    assert done.tried
    assert not [path for path in (tmp_path / "out").rglob("*") if path.is_file()]
    with pytest.raises(ConfigError, match="with keys"):
        await scene.desk.begin((await scene.desk.invite("acme", folder)).link, browser=BROWSER, redirect_uri=REDIRECT)
    with pytest.raises(ConfigError, match="on its own page"):
        await scene.desk.enter(await scene.invite(), secrets={}, browser=BROWSER)


async def test_a_source_is_connected_too(scene: Scene, tmp_path: Path) -> None:
    """It is looked at, and no test file is written to it."""
    (tmp_path / "in").mkdir()
    spec = ConnectionSpec(adapter="folder", options={"path": str(tmp_path / "in")})
    link = (await scene.desk.invite("acme", spec, role=Role.SOURCE)).link
    found = await scene.desk.enter(link, secrets={}, browser=BROWSER)
    done = await scene.desk.confirm(found.ticket, browser=BROWSER)
    assert (done.tried, done.connection.role) == (False, Role.SOURCE)


async def test_what_cannot_be_is_said_before_a_link_is_made(scene: Scene) -> None:
    """No such customer, connection, adapter or application; a browser that could be guessed."""
    for customer, spec, connection in (
        ("nobody", scene.spec(), None),
        ("acme", scene.spec(), 99),
        ("acme", ConnectionSpec(adapter="dropbos"), None),
        ("acme", scene.spec(app_key=""), None),
        ("acme", scene.spec(colour="red"), None),
    ):
        with pytest.raises(ConfigError):
            await scene.desk.invite(customer, spec, connection_id=connection)
    with pytest.raises(ConfigError, match="random"):
        await scene.desk.begin(await scene.invite(), browser="short", redirect_uri=REDIRECT)


async def test_the_database_holds_no_secret_of_it(scene: Scene, tmp_path: Path) -> None:
    """Neither link, state, code, verifier, ticket nor token stands in it or in any representation, at any step."""
    link = await scene.invite()
    page = await scene.desk.begin(link, browser=BROWSER, redirect_uri=REDIRECT)
    (asked,) = await scene.database.invitations(scene.customer.id)
    verifier = scene.vault.open(asked.secrets["verifier"], customer=str(scene.customer.id), adapter="dropbox", field="verifier")
    state, code = await scene.say_yes(page)
    found = await scene.desk.finish(state, code, browser=BROWSER)
    (linked,) = await scene.database.invitations(scene.customer.id)
    done = await scene.desk.confirm(found.ticket, browser=BROWSER)
    token = opened(done.connection, scene.vault)["refresh_token"]
    with sqlite3.connect(tmp_path / "archiver.db") as connection:
        kept = "\n".join(connection.iterdump())
    connection.close()
    kept += "".join(path.read_bytes().decode("latin-1") for path in sorted(tmp_path.iterdir()))  # noqa: ASYNC240  a look of a test
    shown = repr([asked, linked, found, done])
    for secret in (link, state, code, verifier, found.ticket, token, BROWSER):
        assert secret not in kept
        assert secret not in shown


async def test_links_are_withdrawn(scene: Scene) -> None:
    """Those that were not used work no more, at whatever step they are; what became a connection stays."""
    link = await scene.invite()
    page = await scene.desk.begin(link, browser=BROWSER, redirect_uri=REDIRECT)
    found = await scene.desk.finish(*await scene.say_yes(page), browser=BROWSER)
    fresh = await scene.invite()
    assert await scene.desk.withdraw("acme") == 2
    assert await scene.desk.withdraw("acme") == 0
    for gone in (scene.desk.look(link), scene.desk.look(fresh), scene.desk.confirm(found.ticket, browser=BROWSER)):
        with pytest.raises(InvitationError):
            await gone
    assert all(not invitation.secrets for invitation in await scene.database.invitations(scene.customer.id))
    with pytest.raises(ConfigError, match="no customer nobody"):
        await scene.desk.withdraw("nobody")
