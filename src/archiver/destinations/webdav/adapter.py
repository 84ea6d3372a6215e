"""The options of a folder of a WebDAV server, as data, and how they become a destination."""

from __future__ import annotations

import base64
from typing import Any
from urllib.parse import urlsplit

from archiver.adapter import Option
from archiver.destinations.port import Context
from archiver.destinations.webdav.collection import Collection
from archiver.destinations.webdav.destination import FEATURES, WebDavDestination
from archiver.errors import ConfigError
from archiver.http.addresses import option_url, option_word

__all__ = ["ADAPTER", "WebDavAdapter"]


class WebDavAdapter:
    """Registers the destination ``webdav``."""

    name = "webdav"
    summary = "A folder of a WebDAV server, such as Nextcloud or ownCloud; files get their name when they are whole."
    features = FEATURES
    options = (
        Option(
            name="url",
            help="The address of the folder, which must be there: https, or this machine itself.",
            type="url",
            main=True,
            site=True,
        ),
        Option(name="username", help="Whose account it is.", optional=True),
        Option(name="password", help="Its password, better one for this program alone.", optional=True, secret=True),
        Option(name="token", help="Instead of name and password: a bearer token.", optional=True, secret=True),
    )

    def open(self, options: dict[str, Any], context: Context) -> WebDavDestination:
        """Makes the destination; talks to nobody yet."""
        url = option_url(self.name, "url", options["url"])
        parts = urlsplit(url)
        if "@" in parts.netloc or parts.query or parts.fragment:
            raise ConfigError("webdav: the option 'url' has more than an address", hint="Name and password are options of their own.")
        return WebDavDestination(context, Collection(context, url, _authorisation(options)), options.get("username", "").strip())


def _authorisation(options: dict[str, Any]) -> dict[str, str]:
    username, password, token = options.get("username", "").strip(), options.get("password", ""), option_word("webdav", options, "token")
    if token and not password:
        return {"Authorization": f"Bearer {token}"}
    if token or not username or not password or ":" in username:
        raise ConfigError("webdav needs the options 'username' and 'password', or 'token'", hint="docs/webdav.md tells how to get them.")
    return {"Authorization": f"Basic {base64.b64encode(f'{username}:{password}'.encode()).decode()}"}


ADAPTER = WebDavAdapter()
