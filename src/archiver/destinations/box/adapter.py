"""The options of a Box account, as data, and how they become a destination."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from archiver.adapter import Option
from archiver.destinations.box.api import Hosts
from archiver.destinations.box.destination import FEATURES, BoxDestination
from archiver.destinations.port import Context
from archiver.errors import ConfigError
from archiver.http.addresses import option_url, option_word
from archiver.oauth import Credentials, KeptTokens, Link, Provider

__all__ = ["ADAPTER", "BoxAdapter"]

_API = "https://api.box.com"
_UPLOAD = "https://upload.box.com/api"
_AUTHORIZE = "https://account.box.com/api/oauth2/authorize"


class BoxAdapter:
    """Registers the destination ``box``."""

    name = "box"
    summary = "A Box account: big files in resumable parts, each checked by its SHA-1; links with single-use refresh tokens."
    features = FEATURES
    options = (
        Option(name="root", help="The folder in the account under which everything is put.", default="/", main=True),
        Option(name="client_id", help="The client id of your Box application; needed with a refresh token.", optional=True),
        Option(name="client_secret", help="Its secret.", optional=True, secret=True),
        Option(name="refresh_token", help="What linking the account gave; each one works once.", optional=True, secret=True),
        Option(name="access_token", help="Instead of a refresh token: works for about an hour only.", optional=True, secret=True),
        Option(name="folder_id", help="The id of the folder that the root is in, instead of the account's own root.", default="0"),
        Option(name="api_url", help="Where Box is; another address for tests.", type="url", default=_API, site=True),
    )

    def __init__(self) -> None:
        self._kept = KeptTokens()

    def open(self, options: dict[str, Any], context: Context) -> BoxDestination:
        """Makes the destination; talks to nobody yet."""
        words = {name: option_word(self.name, options, name) for name in ("client_id", "client_secret", "refresh_token", "access_token")}
        credentials = Credentials(**words)
        if not credentials.refresh_token and not credentials.access_token:
            raise ConfigError(
                "box needs the option 'refresh_token' or 'access_token'",
                hint="Set ARCHIVER_BOX_REFRESH_TOKEN; docs/box.md tells how to get one.",
            )
        if credentials.refresh_token and not (credentials.client_id and credentials.client_secret):
            raise ConfigError(
                "box needs the options 'client_id' and 'client_secret' with a refresh token", hint="They stand in your Box application."
            )
        folder_id = option_word(self.name, options, "folder_id")
        if not folder_id.isascii() or not folder_id.isdigit() or len(folder_id) > 30:
            raise ConfigError("box: the option 'folder_id' is none", hint="It is the number at the end of the folder's address.")
        root = options["root"].strip("/")
        return BoxDestination(
            context,
            credentials,
            self._provider(options),
            self._hosts(options),
            f"/{root}" if root else "",
            folder_id=folder_id,
            kept=self._kept,
        )

    def link(self, options: Mapping[str, Any]) -> Link:
        """How a Box is linked. What it may do stands in the application itself."""
        client_id = option_word(self.name, options, "client_id")
        if not client_id:
            raise ConfigError("box needs the option 'client_id'", hint="It stands in your Box application.")
        return Link(provider=self._provider(options), client_id=client_id, client_secret=option_word(self.name, options, "client_secret"))

    def _hosts(self, options: Mapping[str, Any]) -> Hosts:
        base = option_url(self.name, "api_url", options.get("api_url", _API))
        return Hosts(api=base, upload=_UPLOAD if base == _API else f"{base}/api")

    def _provider(self, options: Mapping[str, Any]) -> Provider:
        base = self._hosts(options).api
        return Provider(
            title="Box",
            authorize_url=_AUTHORIZE if base == _API else f"{base}/api/oauth2/authorize",
            token_url=f"{base}/oauth2/token",
            revoke_url=f"{base}/oauth2/revoke",
            single_use=True,
            account="this Box",
        )


ADAPTER = BoxAdapter()
