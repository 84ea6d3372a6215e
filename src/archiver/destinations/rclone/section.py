"""A customer's section of rclone.conf: what may stand in it.

It is a secret, so it may come from a customer's hands through a link. It must not be able to run programs here, to read files and keys of
this machine, or to let us call an address within our own network. So what names a place counts only where the operator said ``trusted``.
"""

from __future__ import annotations

import configparser
import json
import re
from collections.abc import Mapping
from typing import Any
from urllib.parse import urlsplit

import msgspec

from archiver.errors import ConfigError
from archiver.http.addresses import is_loopback

__all__ = ["Section", "read_section"]

_CLOUDS = frozenset(
    {
        "azureblob",
        "b2",
        "box",
        "drive",
        "dropbox",
        "fichier",
        "filelu",
        "filen",
        "gofile",
        "google cloud storage",
        "hidrive",
        "iclouddrive",
        "internxt",
        "jottacloud",
        "koofr",
        "linkbox",
        "mailru",
        "mega",
        "onedrive",
        "opendrive",
        "pcloud",
        "pikpak",
        "pixeldrain",
        "premiumizeme",
        "protondrive",
        "putio",
        "s3",
        "storj",
        "sugarsync",
        "yandex",
        "zoho",
    }
)
"""Rclone knows where they are."""

_KNOWN_ADDRESSES = frozenset({"api.pcloud.com", "eapi.pcloud.com"})
"""What rclone itself writes into a section."""
_NEVER = re.compile(r".*\..*|ssh|.*(?<!sum)_command|no_check_certificate|use_insecure_cipher")
"""Runs a program here, changes rclone itself (``global.…``, ``override.…``), or believes any certificate."""
_PLACE = re.compile(
    r".*(url|host|hostname|endpoint|address|proxy|socket|file|path|profile|domain|connection_string|namenode|ccache)"
    r"|.*credentials|access_grant|env_auth|use_(msi|az|emulator|kerberos)|key_use_agent|remote|upstreams|auth|tenant|site"
)
"""Names an address, a file, or keys of this machine."""
_NAME = re.compile(r"[\w.-]{1,100}", re.ASCII)
_IN_ADDRESSES = frozenset({"account", "region", "location", "location_constraint", "zone"})
_FORGETS = frozenset({"cache", "memory"})


class Section(msgspec.Struct, frozen=True, kw_only=True):
    """Checked.

    Attributes:
        kind: What rclone calls the storage: ``b2``.
        values: The other lines.
    """

    kind: str
    values: dict[str, str]

    def __repr__(self) -> str:
        return f"Section(kind={self.kind!r})"

    @property
    def whose(self) -> str:
        """Whose storage it is, for people, as far as that is no secret."""
        address = self.values.get("url") or self.values.get("endpoint") or ""
        host = self.values.get("host") or _host(address)
        name = self.values.get("user") or self.values.get("username") or self.values.get("email") or ""
        return "@".join(part for part in (name, host) if part)

    @property
    def text(self) -> str:
        """As it is written in rclone.conf."""
        lines = [f"{name} = {value}" for name, value in sorted(self.values.items())]
        return "\n".join(["[archiver]", f"type = {self.kind}", *lines]) + "\n"


def read_section(text: str, *, trusted: bool) -> Section:
    """Reads a section, as it stands in rclone.conf or as ``rclone config dump`` tells it.

    Raises:
        ConfigError: It cannot be read, or says what it may not say. Names at most the key, never a value.
    """
    values = _values(text)
    kind = values.pop("type", "").strip()
    if not kind or kind in _FORGETS:
        raise ConfigError("rclone: the section names no storage that keeps anything", hint="It needs a line such as: type = b2")
    for name, value in values.items():
        if _NEVER.fullmatch(name):
            raise ConfigError(f"rclone: the section must not have {name!r}", hint="docs/rclone.md lists what is not taken, and why.")
        if any(ord(sign) < 32 for sign in value):
            raise ConfigError(f"rclone: {name!r} in the section has more than one line")
        if not trusted and name in _IN_ADDRESSES and not _NAME.fullmatch(value):
            raise ConfigError(f"rclone: {name!r} in the section is not a name")
    places = [name for name, value in values.items() if _PLACE.fullmatch(name) and value not in _KNOWN_ADDRESSES]
    if not trusted and (kind not in _CLOUDS or places):
        what = "a server, a file or keys of this machine" if places else "a storage that is none of the clouds"
        hint = "If you wrote it yourself, say so: --to-option trusted=yes. A customer's own section must not reach so far."
        raise ConfigError(f"rclone: the section names {what}", hint=hint)
    _check_secrecy(kind, values)
    return Section(kind=kind, values=values)


def _values(text: str) -> dict[str, str]:
    text = text.strip()
    if text.startswith("RCLONE_ENCRYPT"):
        raise ConfigError("rclone: the section is encrypted", hint="`rclone config show NAME` prints it in clear.")
    try:
        sections = _from_json(text) if text.startswith("{") else _from_lines(text)
    except (ValueError, RecursionError, configparser.Error):  # a parser's own text would show what it read
        sections = {}
    if len(sections) != 1:
        hint = "Give what `rclone config show NAME` prints: one section."
        raise ConfigError("rclone: the option 'config' is not one section of rclone.conf", hint=hint)
    return next(iter(sections.values()))


def _from_lines(text: str) -> dict[str, dict[str, str]]:
    parser = configparser.ConfigParser(interpolation=None, delimiters=("=",), default_section="", strict=True)
    parser.read_string(text if text.startswith("[") else f"[archiver]\n{text}")
    return {name: dict(parser[name]) for name in parser.sections()}


def _from_json(text: str) -> dict[str, dict[str, str]]:
    found: Any = json.loads(text)
    if isinstance(found, dict) and isinstance(found.get("type"), str):
        found = {"archiver": found}
    return {name: _lines(values) for name, values in found.items()} if isinstance(found, dict) else {}


def _lines(values: Any) -> dict[str, str]:
    if not isinstance(values, dict) or not all(isinstance(value, str) for value in values.values()):
        raise ValueError
    return {str(name).lower(): str(value) for name, value in values.items()}


def _check_secrecy(kind: str, values: Mapping[str, str]) -> None:
    """Recordings and passwords go over TLS, or stay on this machine."""
    plain = [name for name, value in values.items() if value.startswith("http:") and not is_loopback(_host(value))]
    if plain:
        hint = "Plain http is for this machine itself only."
        raise ConfigError(f"rclone: {plain[0]!r} in the section must begin with https://", hint=hint)
    secured = "true" in {values.get("tls", "").lower(), values.get("explicit_tls", "").lower()}
    if kind == "ftp" and not secured and not is_loopback(values.get("host", "")):
        raise ConfigError("rclone: FTP without TLS shows the password to everybody", hint="Set tls or explicit_tls to true in the section.")


def _host(address: str) -> str:
    try:
        return urlsplit(address).hostname or ""
    except ValueError:
        return ""
