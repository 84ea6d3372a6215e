"""How an adapter describes itself: its options as data, declared once; and where those of them are kept that are secret.

Validation, command-line flags, the console's form and the docs page all come from this declaration.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal, Protocol, runtime_checkable
from urllib.parse import urlsplit

import msgspec

from archiver.errors import ConfigError

__all__ = ["Claiming", "Option", "OptionType", "Secrets", "check_options", "site_of"]

OptionType = Literal["text", "integer", "number", "boolean", "path", "url"]


class Option(msgspec.Struct, frozen=True, kw_only=True):
    """One option of an adapter.

    Attributes:
        name: In snake case; the flag is ``--to NAME=value``.
        help: One sentence for a person.
        type: What the value is.
        default: None makes the option required, unless ``optional``.
        optional: May be left out although it has no default.
        secret: Sealed in the vault, never shown; taken from the environment or a prompt, never from the command line.
        main: The option that ``adapter:VALUE`` means; at most one per adapter.
        site: Of a destination: says whose servers they are, if not everybody's; see `site_of`.
    """

    name: str
    help: str
    type: OptionType = "text"
    default: str | int | float | bool | None = None
    optional: bool = False
    secret: bool = False
    main: bool = False
    site: bool = False


class Secrets(Protocol):
    """Where the secret options of one connection are kept, for providers that replace them as they are used."""

    async def read(self) -> Mapping[str, str]:
        """The secret options as they are kept now; another process may have replaced one."""
        ...

    async def replace(self, name: str, old: str, new: str) -> bool:
        """Keeps another text in the place of the old one. Only when it has returned True may the new one be used.

        Returns:
            False if the old one was replaced already, by somebody who was faster; nothing was written then.

        Raises:
            DatabaseUnavailableError: It cannot be kept now.
        """
        ...


@runtime_checkable
class Claiming(Protocol):
    """Secrets that one process at a time renews, of all that use them: of a token that is used once, two answers would kill each other."""

    async def claim(self) -> bool:
        """Whether nobody else renews them now; then nobody else does until `release`, or for some minutes if that never comes.

        Raises:
            DatabaseUnavailableError: It cannot be told now.
        """
        ...

    async def release(self) -> None:
        """Somebody else may renew them."""
        ...


def check_options(adapter: str, declared: tuple[Option, ...], given: Mapping[str, Any]) -> dict[str, Any]:
    """Checks what was given against what was declared.

    Args:
        adapter: The adapter's name, for the message.
        declared: Its options.
        given: Names and values, as text or already of the right type.

    Returns:
        Every option with its value in its own type; optional ones that were not given are left out.

    Raises:
        ConfigError: A name is unknown, a required one is missing, or a value is not of its type. Never shows a value.
    """
    names = {option.name: option for option in declared}
    for name in given:
        if name not in names:
            known = ", ".join(sorted(names)) or "none"
            raise ConfigError(f"{adapter} has no option {name!r}", hint=f"It has: {known}.")
    values: dict[str, Any] = {}
    for option in declared:
        if option.name in given:
            values[option.name] = _convert(adapter, option, given[option.name])
        elif option.default is not None:
            values[option.name] = option.default
        elif not option.optional:
            raise ConfigError(f"{adapter} needs the option {option.name!r}", hint=option.help)
    return values


def site_of(adapter: str, declared: tuple[Option, ...], given: Mapping[str, Any]) -> str:
    """What is away together: the adapter's name and its options that say where, of an address only the host.

    Everybody's Dropbox is one site; two customers' own servers are two, and that one is away says nothing of the other.
    """
    values = [(option, str(given[option.name])) for option in declared if option.site and option.name in given]
    return " ".join([adapter, *(urlsplit(value).netloc.rpartition("@")[2] if option.type == "url" else value for option, value in values)])


def _convert(adapter: str, option: Option, value: Any) -> Any:
    try:
        match option.type:
            case "integer":
                return int(value)
            case "number":
                return float(value)
            case "boolean":
                if isinstance(value, bool):
                    return value
                return {"true": True, "yes": True, "1": True, "false": False, "no": False, "0": False}[str(value).lower()]
            case _:
                return str(value)
    except (ValueError, KeyError):
        raise ConfigError(f"{adapter}: the option {option.name!r} must be of type {option.type}", hint=option.help) from None
