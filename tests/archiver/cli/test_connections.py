from __future__ import annotations

from pathlib import Path

import pytest

from archiver.adapter import Option
from archiver.cli.connections import Secrets, parse_connections, secret_variable
from archiver.errors import ConfigError

BOX = (
    Option(name="root", help="Where.", default="/", main=True),
    Option(name="size", help="How big.", type="integer", default=1),
    Option(name="token", help="The key.", secret=True),
    Option(name="second", help="Another key.", secret=True, optional=True),
)
SHELF = (
    Option(name="path", help="Where.", type="path", main=True),
    Option(name="size", help="How big.", type="integer", default=1),
)
PLAIN = (Option(name="size", help="How big.", type="integer", default=1),)
ADAPTERS = {"box": BOX, "shelf": SHELF, "plain": PLAIN}
CANARY = "canary-sl.token"


def options_of(adapter: str) -> tuple[Option, ...]:
    """The options of a test's adapter."""
    if adapter not in ADAPTERS:
        raise ConfigError(f"there is no destination {adapter!r}")
    return ADAPTERS[adapter]


def parse(*given: str, settings: tuple[str, ...] = (), **environment: str) -> list[tuple[str, dict[str, str], dict[str, str]]]:
    """Parsed connections as tuples."""
    specs = parse_connections("--to", given, settings, options_of, Secrets({"ARCHIVER_BOX_TOKEN": CANARY} | environment))
    return [(spec.adapter, dict(spec.options), dict(spec.secrets)) for spec in specs]


def test_the_value_after_the_colon_is_the_main_option() -> None:
    """``adapter:VALUE`` sets the main option, also when the value has colons; without a value there is none."""
    assert parse("box:/a:b") == [("box", {"root": "/a:b"}, {"token": CANARY})]
    assert parse("box") == parse("box:") == [("box", {}, {"token": CANARY})]


def test_paths_become_absolute(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """A path is meant from here, though the database is served from elsewhere; a tilde is the home."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HOME", "/home/somebody")
    assert parse("shelf:in")[0][1] == {"path": str(tmp_path / "in")}
    assert parse("shelf:~/in")[0][1] == {"path": "/home/somebody/in"}


def test_an_option_goes_to_the_one_that_has_it() -> None:
    """``NAME=VALUE`` finds its adapter, and ``ADAPTER.NAME=VALUE`` names it where two have the option."""
    assert parse("box", "shelf:/s", settings=("root=/x",))[0][1] == {"root": "/x"}
    parsed = parse("box", "shelf:/s", settings=("box.size=2", "shelf.size=3=4"))
    assert [options["size"] for _, options, _ in parsed] == ["2", "3=4"]


@pytest.mark.parametrize(
    ("given", "settings", "message", "hint"),
    [
        (("nobox",), (), "no destination 'nobox'", ""),
        (("plain:x",), (), "takes nothing after the colon", "--to-option"),
        (("box",), ("size",), "must look like NAME=VALUE", ""),
        (("box",), ("colour=red",), "no --to has such an option", "box.root, box.size"),
        (("box", "plain"), ("size=1",), "more than one --to has it", "box.size=… or plain.size=…"),
        (("box",), ("token=canary-value",), "secret and is not taken from the command line", "ARCHIVER_BOX_TOKEN"),
    ],
)
def test_what_cannot_be_is_explained(given: tuple[str, ...], settings: tuple[str, ...], message: str, hint: str) -> None:
    """Unknown, ambiguous and secret options are errors that say what to do, and never show a value."""
    with pytest.raises(ConfigError, match=message) as caught:
        parse(*given, settings=settings)
    assert hint in caught.value.hint
    assert "canary" not in f"{caught.value} {caught.value.hint}"


def test_a_secret_comes_from_the_environment_or_a_person() -> None:
    """The environment is looked into first, then a person is asked; an empty answer leaves out what is optional."""
    asked: list[str] = []

    def ask(question: str) -> str:
        asked.append(question)
        return "typed" if "token" in question else ""

    (spec,) = parse_connections("--to", ("box",), (), options_of, Secrets({}, ask))
    assert dict(spec.secrets) == {"token": "typed"}
    assert asked == ["box token (The key): ", "box second (Another key; empty for none): "]
    (spec,) = parse_connections("--to", ("box",), (), options_of, Secrets({"ARCHIVER_BOX_TOKEN": "a", "ARCHIVER_BOX_SECOND": "b"}, ask))
    assert dict(spec.secrets) == {"token": "a", "second": "b"}
    assert len(asked) == 2


def test_a_needed_secret_that_is_nowhere_is_named() -> None:
    """Without a terminal to ask on, the error names the variable to set."""
    with pytest.raises(ConfigError, match="needs the secret option token") as caught:
        parse_connections("--to", ("box",), (), options_of, Secrets({}))
    assert "ARCHIVER_BOX_TOKEN" in caught.value.hint


def test_no_secret_in_a_repr() -> None:
    """What was parsed does not show its secrets."""
    (spec,) = parse_connections("--to", ("box",), (), options_of, Secrets({"ARCHIVER_BOX_TOKEN": CANARY}))
    assert CANARY not in repr(spec)


@pytest.mark.parametrize(
    ("adapter", "name"), [("dropbox", "ARCHIVER_DROPBOX_REFRESH_TOKEN"), ("my-box.2", "ARCHIVER_MY_BOX_2_REFRESH_TOKEN")]
)
def test_secret_variables_are_names_a_shell_takes(adapter: str, name: str) -> None:
    """Whatever an adapter is called, its variable consists of capitals, digits and underscores."""
    assert secret_variable(adapter, "refresh_token") == name
