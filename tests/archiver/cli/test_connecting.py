"""``archiver connect``, ``connections link`` and ``keys``, as a person types them, against a Dropbox on loopback."""

from __future__ import annotations

import asyncio
import contextlib
import json
import re
import socket
import sqlite3
import sys
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import aiohttp
import pytest

from archiver.cli import main
from archiver.cli.callback import Answer, answer_in
from archiver.errors import InvitationError
from archiver.sandbox import Sandbox
from support.machine import Machine

PAGE = "http://127.0.0.1:1/oauth2/authorize?state=st-1&x=1"


@pytest.fixture
async def sandbox() -> AsyncIterator[Sandbox]:
    """With the customer's account."""
    async with Sandbox() as sandbox:
        sandbox.add_account("airline")
        yield sandbox


@pytest.fixture
async def machine(tmp_path: Path) -> Machine:
    """A home with one customer, who has a source."""
    machine = Machine(tmp_path)
    (tmp_path / "in").mkdir()
    (tmp_path / "first").mkdir()
    await machine.archiver("customers", "add", "acme", "--from", f"folder:{tmp_path / 'in'}", "--to", f"folder:{tmp_path / 'first'}")
    return machine


def connections(machine: Machine) -> int:
    """How many there are, as the database has them."""
    with contextlib.closing(sqlite3.connect(machine.home / "home" / "archiver.db")) as database:
        (count,) = database.execute("SELECT count(*) FROM connections").fetchone()
    return int(count)


def free_port() -> int:
    """One that nobody listens on just now."""
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        port: int = found.getsockname()[1]
        return port


def words(sandbox: Sandbox, *further: str) -> tuple[str, ...]:
    """The command, against the sandbox."""
    key = sandbox.world.grants.app.key
    return ("connect", "acme", "dropbox:/Archive", "--option", f"app_key={key}", "--option", f"api_url={sandbox.url}", *further)


@pytest.mark.timeout(120)
async def test_a_browser_connects_a_dropbox(machine: Machine, sandbox: Sandbox, tmp_path: Path) -> None:
    """The page answers to this machine; the account is shown, the test file leaves nothing, and no secret is said."""
    browser = tmp_path / "browser.py"
    # Localhost may be two addresses; a browser tries both.
    browser.write_text("import sys, urllib.request\nurllib.request.urlopen(sys.argv[1]).read()\n")
    port = free_port()
    process = await machine.start(*words(sandbox, "--port", str(port), "--yes", "--json"), BROWSER=f"{sys.executable} {browser} %s")
    out, err = await process.communicate()
    assert process.returncode == 0, err.decode()
    said = json.loads(out)
    assert said["account"]["name"] == "airline@example.com"
    assert (said["tried"], said["again"], said["connection"]["adapter"]) == (True, False, "dropbox")
    assert "airline@example.com" in err.decode()
    assert not sandbox.ledger().files_of("airline")
    (grant,) = [grant for grant in sandbox.world.grants.of(account="airline") if grant.refresh_token not in err.decode()][1:]
    assert grant.refresh_token not in (out + err).decode()
    assert connections(machine) == 3


@pytest.mark.timeout(120)
async def test_an_address_is_pasted_where_there_is_no_browser(machine: Machine, sandbox: Sandbox) -> None:
    """The page is opened anywhere; who does not confirm the account has changed nothing, who does has a connection."""
    for reply, code in ((b"n\n", 1), (b"y\n", 0)):
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "archiver", *words(sandbox, "--no-browser")),
            env=machine.environment,
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
        )
        assert process.stdout is not None
        assert process.stdin is not None
        page = ""
        while not (found := re.search(r"http://127\S+authorize\S+", page)):
            page += (await process.stdout.readline()).decode()
        async with aiohttp.ClientSession() as http, http.get(found[0], allow_redirects=False) as answer:
            process.stdin.write(answer.headers["Location"].encode() + b"\n" + reply)
        _, err = await process.communicate()
        assert process.returncode == code, err.decode()
        assert connections(machine) == 3 - code


@pytest.fixture
def archiver(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]) -> Callable[..., str]:
    """Runs a command in this process; what it says."""
    monkeypatch.setenv("ARCHIVER_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("ARCHIVER_DROPBOX_REFRESH_TOKEN", "canary-token")
    (tmp_path / "in").mkdir()

    def run(*words: str, code: int = 0) -> str:
        assert main(words) == code
        said = capfd.readouterr()
        assert "canary-token" not in said.out + said.err
        return said.err if code else said.out

    run("customers", "add", "acme", "--from", f"folder:{tmp_path / 'in'}", "--to", "dropbox", "--to-option", "app_key=key", "--no-ping")
    return run


def test_a_link_is_made_for_a_customer(archiver: Callable[..., str]) -> None:
    """It is shown once, with where and until when; what it cannot be for is said at once."""
    link = ("connections", "link", "acme", "dropbox", "--option", "app_key=key", "--url", "https://archiver.example.com/", "--json")
    assert re.fullmatch(r"https://archiver\.example\.com/connect/[\w-]{43}", json.loads(archiver(*link))["link"])
    assert "app_key" in archiver("connections", "link", "acme", "dropbox", code=78)
    assert "there is no kind tea" in archiver("connections", "link", "acme", "dropbox", "--kinds", "tea", code=78)


def test_keys_are_shown_changed_and_taken_away(archiver: Callable[..., str], tmp_path: Path) -> None:
    """By ids only: what stands in the key file is never said."""
    shown = json.loads(archiver("keys", "show", "--json"))
    assert list(shown["sealed"].values()) == [1]
    said = archiver("keys", "rotate")
    assert "archiver keys retire" in said
    assert shown["held"][0] in archiver("keys", "retire")
    after = json.loads(archiver("keys", "show", "--json"))
    assert len(after["held"]) == 1
    assert after["held"] != shown["held"]
    assert after["sealed"] == {after["held"][0]: 1}
    assert not any(line in said for line in (tmp_path / "home" / "archiver.key").read_text().splitlines())


@pytest.mark.parametrize(
    ("pasted", "answer"),
    [
        (" http://localhost:1/?state=s&code=c&scope=x \n", Answer("s", "c", "")),
        ("http://localhost:1/?state=s&error=access_denied", Answer("s", "", "access_denied")),
        ("http://localhost:1/?state=s&error=<script>", Answer("s", "", "an error")),
        ("a-code-alone\n", Answer("st-1", "a-code-alone", "")),
    ],
)
def test_what_is_pasted_is_an_address_or_a_code(pasted: str, answer: Answer) -> None:
    """A code alone answers the page that was opened; an error is believed only if it looks like one."""
    assert answer_in(pasted, PAGE) == answer
    assert answer.code not in repr(answer) or not answer.code
    assert parse_qs(urlsplit(PAGE).query)["state"] == ["st-1"]


@pytest.mark.parametrize("pasted", ["", "two words", "http://localhost:1/?state=s"])
def test_what_is_neither_is_refused(pasted: str) -> None:
    """With what to paste."""
    with pytest.raises(InvitationError):
        answer_in(pasted, PAGE)
