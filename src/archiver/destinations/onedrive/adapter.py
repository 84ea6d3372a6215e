"""The options of a OneDrive, as data, and how they become a destination."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from archiver.adapter import Option
from archiver.destinations.onedrive.destination import FEATURES, OneDriveDestination
from archiver.destinations.port import Context
from archiver.errors import ConfigError
from archiver.http.addresses import option_url, option_word
from archiver.oauth import Credentials, KeptTokens, Link, Provider

__all__ = ["ADAPTER", "OneDriveAdapter"]

_API = "https://graph.microsoft.com"
_LOGINS = {
    _API: "https://login.microsoftonline.com",
    "https://graph.microsoft.us": "https://login.microsoftonline.us",
    "https://dod-graph.microsoft.us": "https://login.microsoftonline.us",
    "https://microsoftgraph.chinacloudapi.cn": "https://login.partner.microsoftonline.cn",
}
"""Graph and the place where people log in, in each of Microsoft's clouds; a test is both at one address."""
_OWN = ("Files.ReadWrite", "User.Read", "offline_access")
_LIBRARY = ("Files.ReadWrite.All", "User.Read", "offline_access")
_ID = re.compile(r"[A-Za-z0-9!_.-]{1,200}")
_TENANT = re.compile(r"[A-Za-z0-9][A-Za-z0-9.-]{0,200}")


class OneDriveAdapter:
    """Registers the destination ``onedrive``."""

    name = "onedrive"
    summary = "A OneDrive, personal or business, or a SharePoint library: big files in resumable fragments, slowing down before a refusal."
    features = FEATURES
    options = (
        Option(name="root", help="The folder in the drive under which everything is put.", default="/", main=True),
        Option(name="client_id", help="The application (client) id of your app registration; needed with a refresh token.", optional=True),
        Option(name="client_secret", help="Its secret, if it is a web application.", optional=True, secret=True),
        Option(name="refresh_token", help="What linking the account gave; replaced with each use.", optional=True, secret=True),
        Option(name="access_token", help="Instead of a refresh token: works for about an hour only.", optional=True, secret=True),
        Option(name="drive_id", help="The id of a SharePoint library or of another drive, instead of the account's own.", optional=True),
        Option(name="tenant", help="Who may log in: common, organizations, consumers, or one organisation's id.", default="common"),
        Option(
            name="api_url",
            help="Where Microsoft Graph is; another address for national clouds, and for tests.",
            type="url",
            default=_API,
            site=True,
        ),
    )

    def __init__(self) -> None:
        self._kept = KeptTokens()

    def open(self, options: dict[str, Any], context: Context) -> OneDriveDestination:
        """Makes the destination; talks to nobody yet."""
        words = {name: option_word(self.name, options, name) for name in ("client_id", "client_secret", "refresh_token", "access_token")}
        credentials = Credentials(**words)
        if not credentials.refresh_token and not credentials.access_token:
            raise ConfigError(
                "onedrive needs the option 'refresh_token' or 'access_token'",
                hint="Set ARCHIVER_ONEDRIVE_REFRESH_TOKEN; docs/onedrive.md tells how to get one.",
            )
        if credentials.refresh_token and not credentials.client_id:
            raise ConfigError("onedrive needs the option 'client_id' with a refresh token", hint="It stands in your app registration.")
        root = options["root"].strip("/")
        return OneDriveDestination(
            context,
            credentials,
            self._provider(options),
            option_url(self.name, "api_url", options["api_url"]),
            f"/{root}" if root else "",
            drive_id=self._matching(options, "drive_id", _ID),
            kept=self._kept,
        )

    def link(self, options: Mapping[str, Any]) -> Link:
        """How a OneDrive is linked: for the account's own files; for a library, for all files that the account may edit."""
        client_id = option_word(self.name, options, "client_id")
        if not client_id:
            raise ConfigError("onedrive needs the option 'client_id'", hint="It stands in your app registration.")
        return Link(provider=self._provider(options), client_id=client_id, client_secret=option_word(self.name, options, "client_secret"))

    def _provider(self, options: Mapping[str, Any]) -> Provider:
        base = option_url(self.name, "api_url", options.get("api_url", _API))
        login = f"{_LOGINS.get(base, base)}/{self._matching(options, 'tenant', _TENANT) or 'common'}/oauth2/v2.0"
        return Provider(
            title="Microsoft",
            authorize_url=f"{login}/authorize",
            token_url=f"{login}/token",
            scopes=_LIBRARY if self._matching(options, "drive_id", _ID) else _OWN,
            parameters={"prompt": "select_account"},
            account="this OneDrive",
        )

    def _matching(self, options: Mapping[str, Any], name: str, pattern: re.Pattern[str]) -> str:
        word = option_word(self.name, options, name)
        if word and not pattern.fullmatch(word):
            raise ConfigError(f"{self.name}: the option {name!r} is none", hint="Was it copied whole, and nothing else?")
        return word


ADAPTER = OneDriveAdapter()
