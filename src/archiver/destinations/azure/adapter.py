"""The options of a container, as data, and how they become a destination."""

from __future__ import annotations

import re
from typing import Any

from archiver.adapter import Option
from archiver.destinations.azure.signing import SasToken, SharedKey, Signer
from archiver.destinations.azure.store import AzureStore, Writing
from archiver.destinations.objects import FEATURES, ObjectDestination
from archiver.destinations.objects.targets import option_prefix
from archiver.destinations.port import Context
from archiver.errors import ConfigError
from archiver.http.addresses import option_url, option_word

__all__ = ["ADAPTER", "AzureAdapter"]

_MODES = {"unlocked": "Unlocked", "locked": "Locked"}
_TIERS = {"hot": "Hot", "cool": "Cool", "cold": "Cold"}


class AzureAdapter:
    """Registers the destination ``azure``."""

    name = "azure"
    summary = "A container of Azure Blob Storage; version-level immutability, resumable big blobs."
    features = FEATURES
    options = (
        Option(name="container", help="The container; it must be there.", main=True),
        Option(name="account", help="The storage account.", site=True),
        Option(name="prefix", help="What stands before every name, such as calls/2024.", default=""),
        Option(name="sas_token", help="A shared access signature of the container.", optional=True, secret=True),
        Option(name="account_key", help="Instead of a signature: the account's key, which may do everything.", optional=True, secret=True),
        Option(
            name="endpoint",
            help="Another address than the account's own, for tests and special clouds.",
            type="url",
            optional=True,
            site=True,
        ),
        Option(name="tier", help="Hot, Cool or Cold; else the account's own.", optional=True),
        Option(name="immutability", help="unlocked or locked: nobody removes a blob before its time.", optional=True),
        Option(name="retain_days", help="For how many days each blob is kept.", type="integer", optional=True),
    )

    def open(self, options: dict[str, Any], context: Context) -> ObjectDestination:
        """Makes the destination; talks to nobody yet."""
        account, container = options["account"].strip(), options["container"].strip()
        if not re.fullmatch(r"[a-z0-9]{3,24}", account):
            raise ConfigError("azure: the option 'account' is not the name of a storage account", hint="Small letters and digits, 3 to 24.")
        if not re.fullmatch(r"[a-z0-9](?:[a-z0-9]|-(?!-)){1,61}[a-z0-9]", container):
            raise ConfigError("azure: the option 'container' is not the name of a container", hint="Small letters, digits, single hyphens.")
        endpoint = option_url(self.name, "endpoint", options.get("endpoint", f"https://{account}.blob.core.windows.net"))
        store = AzureStore(context, f"{endpoint}/{container}", _signer(options, account), _writing(options))
        return ObjectDestination(store, context.clock, option_prefix(self.name, options))


def _signer(options: dict[str, Any], account: str) -> Signer:
    token, key = option_word("azure", options, "sas_token"), option_word("azure", options, "account_key")
    if bool(token) == bool(key):
        raise ConfigError(
            "azure needs either the option 'sas_token' or 'account_key'", hint="docs/object-storage.md tells how to get a signature."
        )
    return SasToken(token) if token else SharedKey(account, key)


def _writing(options: dict[str, Any]) -> Writing:
    tier, mode = option_word("azure", options, "tier").lower(), option_word("azure", options, "immutability").lower()
    days = options.get("retain_days", 0)
    if tier and tier not in _TIERS:
        raise ConfigError("azure: the option 'tier' must be Hot, Cool or Cold")
    if mode and mode not in _MODES:
        raise ConfigError("azure: the option 'immutability' must be unlocked or locked")
    if bool(mode) != (days > 0):
        raise ConfigError("azure: the options 'immutability' and 'retain_days' belong together", hint="Give both, or neither.")
    return Writing(tier=_TIERS.get(tier, ""), immutability=_MODES.get(mode, ""), retain_days=days)


ADAPTER = AzureAdapter()
