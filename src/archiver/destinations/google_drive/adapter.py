"""The options of a Google Drive, as data, and how they become a destination."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec

from archiver.adapter import Option
from archiver.destinations.google_drive.api import PROVIDER
from archiver.destinations.google_drive.destination import FEATURES, GoogleDriveDestination
from archiver.destinations.google_drive.entry import Root
from archiver.destinations.google_drive.ids import is_id
from archiver.destinations.port import Context
from archiver.errors import ConfigError
from archiver.http.addresses import option_url, option_word
from archiver.oauth import Credentials, KeptTokens, Link, Provider

__all__ = ["ADAPTER", "GoogleDriveAdapter"]

_API = "https://www.googleapis.com"
_WIDE = "https://www.googleapis.com/auth/drive"


class GoogleDriveAdapter:
    """Registers the destination ``google_drive``."""

    name = "google_drive"
    summary = "A Google Drive or a shared drive: ids that make every upload repeatable, big files in resumable chunks."
    features = FEATURES
    options = (
        Option(name="root", help="The folder in the Drive under which everything is put.", default="/", main=True),
        Option(name="client_id", help="The client id of your Google Cloud project; needed with a refresh token.", optional=True),
        Option(name="client_secret", help="Its client secret; Google wants it with PKCE as well.", optional=True, secret=True),
        Option(name="refresh_token", help="What linking the account gave.", optional=True, secret=True),
        Option(name="access_token", help="Instead of a refresh token: works for an hour only.", optional=True, secret=True),
        Option(name="shared_drive", help="The id of a shared drive, instead of My Drive; needs the wide scope.", optional=True),
        Option(name="folder_id", help="The id of the folder that the root is in, instead of the Drive's own root.", optional=True),
        Option(name="api_url", help="Where Google is; another address only for tests.", type="url", default=_API, site=True),
    )

    def __init__(self) -> None:
        self._kept = KeptTokens()

    def open(self, options: dict[str, Any], context: Context) -> GoogleDriveDestination:
        """Makes the destination; talks to nobody yet."""
        words = {name: option_word(self.name, options, name) for name in ("client_id", "client_secret", "refresh_token", "access_token")}
        credentials = Credentials(**words)
        if not credentials.refresh_token and not credentials.access_token:
            raise ConfigError(
                "google_drive needs the option 'refresh_token' or 'access_token'",
                hint="Set ARCHIVER_GOOGLE_DRIVE_REFRESH_TOKEN; docs/google-drive.md tells how to get one.",
            )
        if credentials.refresh_token and not (credentials.client_id and credentials.client_secret):
            raise ConfigError(
                "google_drive needs the options 'client_id' and 'client_secret' with a refresh token",
                hint="They stand under Clients in your Google Cloud project.",
            )
        root = options["root"].strip("/")
        place = Root(
            path=f"/{root}" if root else "",
            folder=_id(self.name, options, "folder_id"),
            shared_drive=_id(self.name, options, "shared_drive"),
        )
        base = option_url(self.name, "api_url", options["api_url"])
        return GoogleDriveDestination(context, credentials, _provider(base), base, place, kept=self._kept)

    def link(self, options: Mapping[str, Any]) -> Link:
        """How a Google Drive is linked: for the files that we make; for a shared drive, or somebody's folder, for all."""
        words = {name: option_word(self.name, options, name) for name in ("client_id", "client_secret", "shared_drive", "folder_id")}
        if not words["client_id"] or not words["client_secret"]:
            raise ConfigError(
                "google_drive needs the options 'client_id' and 'client_secret'",
                hint="They stand under Clients in your Google Cloud project.",
            )
        provider = _provider(option_url(self.name, "api_url", options.get("api_url", _API)))
        if words["shared_drive"] or words["folder_id"]:
            provider = msgspec.structs.replace(provider, scopes=(_WIDE,))
        return Link(provider=provider, client_id=words["client_id"], client_secret=words["client_secret"])


def _provider(base: str) -> Provider:
    """Google's, or that of a test which is everything at one address."""
    if base == _API:
        return PROVIDER
    return msgspec.structs.replace(
        PROVIDER, authorize_url=f"{base}/o/oauth2/v2/auth", token_url=f"{base}/token", revoke_url=f"{base}/revoke"
    )


def _id(adapter: str, options: Mapping[str, Any], name: str) -> str:
    word = option_word(adapter, options, name)
    if word and not is_id(word):
        raise ConfigError(f"{adapter}: the option {name!r} is no id", hint="It is the last part of the folder's address in the browser.")
    return word


ADAPTER = GoogleDriveAdapter()
