"""The options of a Dropbox, as data, and how they become a destination."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec

from archiver.adapter import Option
from archiver.destinations.dropbox.api import PROVIDER, Hosts
from archiver.destinations.dropbox.destination import FEATURES, DropboxDestination
from archiver.destinations.dropbox.wire import header_json
from archiver.destinations.port import Context
from archiver.errors import ConfigError
from archiver.http.addresses import option_url, option_word
from archiver.oauth import Credentials, KeptTokens, Link

__all__ = ["ADAPTER", "DropboxAdapter"]

_API = "https://api.dropboxapi.com"
_CONTENT = "https://content.dropboxapi.com"
_PAGE = "https://www.dropbox.com"


class DropboxAdapter:
    """Registers the destination ``dropbox``."""

    name = "dropbox"
    summary = "A Dropbox account: hundreds of files per call, big ones in resumable chunks."
    features = FEATURES
    options = (
        Option(name="root", help="The folder in the Dropbox under which everything is put.", default="/", main=True),
        Option(name="app_key", help="The key of your Dropbox app; needed with a refresh token.", optional=True),
        Option(
            name="app_secret", help="The secret of your Dropbox app; not needed if it was linked with PKCE.", optional=True, secret=True
        ),
        Option(name="refresh_token", help="What linking the account gave; does not expire.", optional=True, secret=True),
        Option(name="access_token", help="Instead of a refresh token: works for hours only.", optional=True, secret=True),
        Option(name="select_user", help="The member of a team whose Dropbox it is, for a team's token: dbmid:….", optional=True),
        Option(name="path_root", help="The namespace that paths begin in, for team spaces: a number.", optional=True),
        Option(name="api_url", help="Where Dropbox is; another address only for tests.", type="url", default=_API, site=True),
        Option(name="content_url", help="Where content goes; follows api_url unless set.", type="url", optional=True),
    )

    def __init__(self) -> None:
        self._kept = KeptTokens()

    def open(self, options: dict[str, Any], context: Context) -> DropboxDestination:
        """Makes the destination; talks to nobody yet."""
        words = {name: option_word(self.name, options, name) for name in ("app_key", "app_secret", "refresh_token", "access_token")}
        credentials = Credentials(client_id=words.pop("app_key"), client_secret=words.pop("app_secret"), **words)
        if not credentials.refresh_token and not credentials.access_token:
            raise ConfigError(
                "dropbox needs the option 'refresh_token' or 'access_token'",
                hint="Set ARCHIVER_DROPBOX_REFRESH_TOKEN; docs/dropbox.md tells how to get one.",
            )
        if credentials.refresh_token and not credentials.client_id:
            raise ConfigError("dropbox needs the option 'app_key' with a refresh token", hint="It stands in the app's settings at Dropbox.")
        api_url = option_url(self.name, "api_url", options["api_url"])
        content_url = option_url(self.name, "content_url", options.get("content_url", _CONTENT if api_url == _API else api_url))
        headers: dict[str, str] = {}
        if select_user := option_word(self.name, options, "select_user"):
            headers["Dropbox-API-Select-User"] = select_user
        if path_root := option_word(self.name, options, "path_root"):
            headers["Dropbox-API-Path-Root"] = header_json({".tag": "namespace_id", "namespace_id": path_root})
        root = options["root"].strip("/")
        hosts = Hosts(api_url=api_url, content_url=content_url, headers=headers)
        return DropboxDestination(context, credentials, hosts, f"/{root}" if root else "", kept=self._kept)

    def link(self, options: Mapping[str, Any]) -> Link:
        """How a Dropbox is linked; PKCE needs no secret of the application."""
        words = {name: option_word(self.name, options, name) for name in ("app_key", "app_secret")}
        if not words["app_key"]:
            raise ConfigError("dropbox needs the option 'app_key'", hint="It stands in the app's settings at Dropbox.")
        api_url = option_url(self.name, "api_url", options.get("api_url", _API))
        page = _PAGE if api_url == _API else api_url
        provider = msgspec.structs.replace(
            PROVIDER,
            authorize_url=f"{page}/oauth2/authorize",
            token_url=f"{api_url}/oauth2/token",
            revoke_url=f"{api_url}/2/auth/token/revoke",
        )
        return Link(provider=provider, client_id=words["app_key"], client_secret=words["app_secret"])


ADAPTER = DropboxAdapter()
