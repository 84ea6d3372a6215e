"""The options of a folder of an SFTP server, as data, and how they become a destination."""

from __future__ import annotations

from typing import Any

import asyncssh

from archiver.adapter import Option
from archiver.destinations.port import Context
from archiver.destinations.sftp.connections import HostKeys, Login
from archiver.destinations.sftp.destination import FEATURES, SftpDestination
from archiver.destinations.sftp.files import Files
from archiver.errors import ConfigError
from archiver.http.addresses import option_word

__all__ = ["ADAPTER", "SftpAdapter"]

_PORTS = range(1, 65536)


class SftpAdapter:
    """Registers the destination ``sftp``."""

    name = "sftp"
    summary = "A folder of an SFTP server, whose host key must be known; big files go on after a kill."
    features = FEATURES
    options = (
        Option(name="host", help="The server's name or number.", main=True, site=True),
        Option(name="port", help="The port of SSH.", type="integer", default=22, site=True),
        Option(name="username", help="Whose account it is."),
        Option(name="host_key", help="The server's public key, its line of known_hosts, or a fingerprint SHA256:….", optional=True),
        Option(name="password", help="The account's password.", optional=True, secret=True),
        Option(name="private_key", help="Or a private key, as text, without a passphrase: the vault seals it.", optional=True, secret=True),
        Option(name="path", help="The folder, absolute or from where the account begins; it must be there.", default="."),
        Option(name="fsync", help="Wait until the server's disk has each file.", type="boolean", default=True),
        Option(name="verify", help="size, or read: read each file back before it gets its name.", default="size"),
    )

    def open(self, options: dict[str, Any], context: Context) -> SftpDestination:
        """Makes the destination; talks to nobody yet."""
        verify = options["verify"].strip().lower()
        if verify not in {"size", "read"}:
            raise ConfigError("sftp: the option 'verify' must be size or read")
        files = Files(_folder(options["path"]), sync=options["fsync"])
        return SftpDestination(context, _login(options), files, reads_back=verify == "read")


def _login(options: dict[str, Any]) -> Login:
    host, username = option_word("sftp", options, "host"), options["username"].strip()
    if not host or not username or "\0" in username:
        raise ConfigError("sftp needs the options 'host' and 'username'", hint="docs/sftp.md tells what is needed.")
    if options["port"] not in _PORTS:
        raise ConfigError("sftp: the option 'port' must be between 1 and 65535")
    try:
        host_keys = HostKeys(options.get("host_key", ""))
    except (ValueError, IndexError):
        raise ConfigError(
            "sftp: the option 'host_key' is neither a public key nor a fingerprint", hint="Such as: ssh-ed25519 AAAA…, or SHA256:…"
        ) from None
    password, key = options.get("password", ""), options.get("private_key", "").strip()
    if bool(password) == bool(key):
        raise ConfigError("sftp needs the option 'password' or 'private_key'", hint="Give one of them; docs/sftp.md tells how.")
    return Login(host, options["port"], username, host_keys, password=password, key=_private(key) if key else None)


def _private(text: str) -> asyncssh.SSHKey:
    try:
        return asyncssh.import_private_key(f"{text}\n")
    except (ValueError, asyncssh.Error):
        raise ConfigError(
            "sftp: the option 'private_key' is not a private key without a passphrase",
            hint="Make one with: ssh-keygen -t ed25519 -N '' -f archiver_key; the vault seals it.",
        ) from None


def _folder(text: str) -> str:
    path = text.strip().rstrip("/") if text.strip() != "/" else "/"
    if not path or "\0" in path or ".." in path.split("/"):
        raise ConfigError("sftp: the option 'path' is not a folder's path", hint="Such as: archive, or /srv/archive.")
    return path


ADAPTER = SftpAdapter()
