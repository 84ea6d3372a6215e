"""The quiet services of this process, made from its settings: who is told and how, and whose tokens are renewed.

In: settings, adapters. Out: `archiver.upkeep.Rounds`, which the app lets run beside the pipeline. Next room: ``archiver.upkeep``.
"""

from __future__ import annotations

import os
import socket
from collections.abc import Awaitable, Callable
from functools import cache

import aiohttp

from archiver.connecting.adapters import has_page, link_of
from archiver.database.port import Database
from archiver.errors import ConfigError
from archiver.model import Role
from archiver.settings import Settings
from archiver.upkeep import Channelled, Clearing, Expiry, Mail, Notices, Quiet, Renewal, Rounds, Webhook
from archiver.vault import Vault
from genstage.clock import Clock

__all__ = ["quiet_services"]


def quiet_services(  # noqa: PLR0913  the parts of a process
    settings: Settings,
    database: Database,
    vault: Vault,
    http: aiohttp.ClientSession,
    clock: Clock,
    *,
    erase: Callable[[], Awaitable[object]],
) -> Rounds:
    """What runs beside the pipeline, in the one process of several that has served longest.

    Raises:
        ConfigError: The settings of a channel cannot work.
    """

    async def leads() -> bool:
        owner = await database.owner()
        return owner is not None and (owner.pid, owner.host) == (os.getpid(), socket.gethostname())

    services: list[Quiet] = [
        Notices(database, _channels(settings, http, clock), clock),
        Renewal(database, vault, http, clock, is_linked=_is_linked, link_of=link_of),
        Clearing(database, clock),
        Expiry(erase),
    ]
    return Rounds(services, leads, clock)


def _channels(settings: Settings, http: aiohttp.ClientSession, clock: Clock) -> list[Channelled]:
    channels: list[Channelled] = []
    if url := settings.notify_webhook.reveal():
        channels.append(Webhook(http, clock, url=url, secret=settings.notify_webhook_secret.reveal()))
    if server := settings.notify_smtp.reveal():
        channels.append(Mail(server=server, sender=settings.notify_mail_from, recipients=settings.notify_mail_to))
    return channels


@cache
def _is_linked(name: str) -> bool:
    """Whether accounts of an adapter are linked on a page, whichever end it is; one that cannot be imported here has none."""
    return any(_has_page(role, name) for role in Role)


def _has_page(role: Role, name: str) -> bool:
    try:
        return has_page(role, name)
    except ConfigError:
        return False
