"""Coming in and leaving, as a browser does it."""

from __future__ import annotations

from archiver.people import Rank
from support.console import PASSWORD, ConsoleWorld


async def test_a_password_lets_in(world: ConsoleWorld) -> None:
    """The cookie cannot be read by scripts nor sent by other sites' forms; the page that was asked for comes next."""
    async with world.browser() as browser:
        async with browser.get("/", allow_redirects=False) as answer:
            assert answer.headers["Location"] == "/login"
        fields = {"name": "Viewer ", "password": PASSWORD, "next": "/archive"}
        async with browser.post("/login", data=fields, allow_redirects=False) as answer:
            assert (answer.status, answer.headers["Location"]) == (303, "/archive")
            cookie = answer.headers["Set-Cookie"]
            assert "HttpOnly" in cookie
            assert "samesite=lax" in cookie.lower()
        async with browser.get("/") as answer:
            assert answer.status == 200
        async with browser.post("/logout", allow_redirects=False) as answer:
            assert answer.headers["Location"] == "/login"
        async with browser.get("/", allow_redirects=False) as answer:
            assert answer.headers["Location"] == "/login"


async def test_a_stolen_cookie_is_worth_nothing_after_logging_out(world: ConsoleWorld) -> None:
    """The session ends in the database, not only in the browser."""
    async with world.browser(Rank.VIEWER) as thief, world.browser(Rank.VIEWER) as browser:
        async with browser.post("/logout", allow_redirects=False):
            pass
        async with thief.get("/", allow_redirects=False) as answer:
            assert answer.status == 303


async def test_a_wrong_password_says_nothing(world: ConsoleWorld) -> None:
    """Neither whether the name was right, nor the password that was typed; and after some tries it takes a while."""
    async with world.browser() as browser:
        answers = []
        for name in ("viewer", "nobody"):
            async with browser.post("/login", data={"name": name, "password": "canary-password"}) as answer:
                text = await answer.text()
                assert answer.status == 403
                assert "canary-password" not in text
                answers.append(text.replace(f'value="{name}"', ""))
        assert answers[0] == answers[1]
        for _ in range(5):
            async with browser.post("/login", data={"name": "viewer", "password": "wrong"}) as answer:
                pass
        assert answer.status == 429
        assert int(answer.headers["Retry-After"]) > 0


async def test_nobody_is_led_elsewhere(world: ConsoleWorld) -> None:
    """Only paths of ours are gone to after the login."""
    for path in ("https://evil.example", "//evil.example", "/\\evil.example", "evil", "/\r\nX: y"):
        async with world.browser() as browser:
            fields = {"name": "viewer", "password": PASSWORD, "next": path}
            async with browser.post("/login", data=fields, allow_redirects=False) as answer:
                assert answer.headers["Location"] == "/", path


async def test_a_link_makes_a_user_once(world: ConsoleWorld) -> None:
    """Looking at it changes nothing; using it lets in; then it is over."""
    token = await world.archiver.door.invite(Rank.OPERATOR)
    async with world.browser() as browser:
        for _ in range(2):
            async with browser.get(f"/welcome/{token}") as answer:
                assert answer.status == 200
        async with browser.post(f"/welcome/{token}", data={"name": "anna", "password": "short"}) as answer:
            assert answer.status == 422
        async with browser.post(f"/welcome/{token}", data={"name": "Anna", "password": PASSWORD}, allow_redirects=False) as answer:
            assert answer.status == 303
        async with browser.get("/") as answer:
            assert "anna" in await answer.text()
        for method in ("GET", "POST"):
            async with browser.request(method, f"/welcome/{token}", data={"name": "eve", "password": PASSWORD}) as answer:
                assert answer.status == 410


async def test_a_key_comes_in_without_a_session(world: ConsoleWorld) -> None:
    """In its header, never in an address; a wrong one does not come in."""
    who = await world.archiver.door.whose_session(next(iter(world.cookies[Rank.ADMIN].values())))
    assert who is not None
    key = await world.archiver.door.add_key("test", Rank.VIEWER, by=who)
    for text, status in ((key, 200), (key[:-1], 303)):
        async with world.browser(Authorization=f"Bearer {text}") as browser, browser.get("/", allow_redirects=False) as answer:
            assert answer.status == status
