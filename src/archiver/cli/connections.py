"""A source or destination as it is given on the command line: ``adapter:VALUE``, options, and secrets that never stand there."""

from __future__ import annotations

import getpass
import os
import re
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from archiver.adapter import Option
from archiver.app import ConnectionSpec
from archiver.errors import ConfigError

__all__ = ["Secrets", "parse_connections", "secret_variable"]

Parsed = tuple[str, tuple[Option, ...], dict[str, str]]


class Secrets:
    """Where secret options come from.

    Args:
        environment: Looked into first; by default the process's own.
        ask: Asks a person for what is not there; by default a hidden prompt if there is a terminal.
        needed: One that an adapter needs must be there; False if it comes from somewhere else later.
    """

    def __init__(
        self, environment: Mapping[str, str] | None = None, ask: Callable[[str], str] | None = None, *, needed: bool = True
    ) -> None:
        self._needed = needed
        self._environment = os.environ if environment is None else environment
        self._ask = ask if ask is not None or not (sys.stdin.isatty() and sys.stderr.isatty()) else _prompt

    def of(self, adapter: str, declared: tuple[Option, ...]) -> dict[str, str]:
        """The secret options of one adapter.

        Raises:
            ConfigError: One that is needed is nowhere.
        """
        secrets = {}
        for option in declared:
            if not option.secret:
                continue
            variable = secret_variable(adapter, option.name)
            text = self._environment.get(variable, "")
            needed = self._needed and option.default is None and not option.optional
            if not text and self._ask is not None:
                text = self._ask(f"{adapter} {option.name} ({option.help.rstrip('.')}{'' if needed else '; empty for none'}): ")
            if text:
                secrets[option.name] = text
            elif needed:
                raise ConfigError(f"{adapter} needs the secret option {option.name}", hint=f"Set {variable}. {option.help}")
        return secrets


def secret_variable(adapter: str, option: str) -> str:
    """The environment variable that gives a secret option, such as ``ARCHIVER_DROPBOX_REFRESH_TOKEN``."""
    return re.sub(r"[^A-Z0-9]", "_", f"ARCHIVER_{adapter}_{option}".upper())


def parse_connections(
    flag: str,
    given: Sequence[str],
    settings: Sequence[str],
    options_of: Callable[[str], tuple[Option, ...]],
    secrets: Secrets,
) -> list[ConnectionSpec]:
    """Reads connections from a command line.

    Args:
        flag: ``--from`` or ``--to``, for messages.
        given: Such as ``folder:/var/recordings``; what comes after the colon is the adapter's main option.
        settings: ``NAME=VALUE`` for the one adapter that has such an option, or ``ADAPTER.NAME=VALUE``.
        options_of: The options which an adapter declares; raises ConfigError for an unknown adapter.
        secrets: Where secret options come from.

    Raises:
        ConfigError: Something is unknown, ambiguous, or a secret that stands where everybody can read it. Never shows a value.
    """
    parsed: list[Parsed] = []
    for text in given:
        adapter, colon, value = text.partition(":")
        declared = options_of(adapter)
        options = {}
        if colon and value:
            main = next((option for option in declared if option.main), None)
            if main is None:
                raise ConfigError(f"{flag} {adapter}: it takes nothing after the colon", hint=f"Use {flag}-option NAME=VALUE.")
            options[main.name] = value
        parsed.append((adapter, declared, options))
    for setting in settings:
        _assign(flag, setting, parsed)
    return [
        ConnectionSpec(adapter=adapter, options=_finished(flag, adapter, declared, options), secrets=secrets.of(adapter, declared))
        for adapter, declared, options in parsed
    ]


def _assign(flag: str, setting: str, parsed: Sequence[Parsed]) -> None:
    name, equals, value = setting.partition("=")
    adapter, dot, option = name.rpartition(".")
    if not equals:
        raise ConfigError(f"{flag}-option must look like NAME=VALUE")
    takers = [
        (which, options)
        for which, declared, options in parsed
        if (not dot or which == adapter) and any(one.name == option for one in declared)
    ]
    if not takers:
        raise ConfigError(f"{flag}-option {name}: no {flag} has such an option", hint=_known(flag, parsed))
    if len(takers) > 1 and not dot:
        spelled = " or ".join(sorted({f"{which}.{option}=…" for which, _ in takers}))
        raise ConfigError(f"{flag}-option {option}: more than one {flag} has it", hint=f"Say {spelled}.")
    for _, options in takers:
        options[option] = value


def _known(flag: str, parsed: Sequence[Parsed]) -> str:
    names = sorted({f"{adapter}.{option.name}" for adapter, declared, _ in parsed for option in declared if not option.secret})
    return f"There are: {', '.join(names)}." if names else f"None of the given {flag} has options."


def _finished(flag: str, adapter: str, declared: tuple[Option, ...], options: dict[str, str]) -> dict[str, str]:
    """Refuses secrets, and makes paths absolute: whoever serves the database runs in another directory."""
    for option in declared:
        if option.name not in options:
            continue
        if option.secret:
            raise ConfigError(
                f"{flag}: {adapter}.{option.name} is secret and is not taken from the command line",
                hint=f"Other users can read command lines. Set {secret_variable(adapter, option.name)}.",
            )
        if option.type == "path":
            options[option.name] = str(Path(options[option.name]).expanduser().absolute())
    return options


def _prompt(question: str) -> str:
    return getpass.getpass(question, stream=sys.stderr)
