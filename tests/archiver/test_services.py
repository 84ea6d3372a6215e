"""What the settings make of the quiet services."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from archiver import services
from archiver.database.sqlite import SqliteDatabase
from archiver.errors import ConfigError
from archiver.services import quiet_services
from archiver.settings import load
from archiver.upkeep import Rounds
from archiver.vault import Vault
from genstage.clock import SystemClock

MADE = {"notify_webhook": "https://hooks.example.com/canary-token", "notify_webhook_secret": "canary-secret"}
MAIL = {"notify_smtp": "smtps://u:canary-password@mail.example.com", "notify_mail_from": "a@example.com", "notify_mail_to": "b@example.com"}


@pytest.fixture
async def make(tmp_path: Path) -> AsyncIterator[Any]:
    """Makes them from settings."""
    database = SqliteDatabase(tmp_path / "archiver.db")

    async def nothing() -> None:
        """Erases nothing."""

    async with aiohttp.ClientSession() as http:

        def made(**settings: str) -> Rounds:
            loaded = load(environment={}, flags={"home": str(tmp_path), **settings})
            assert "canary" not in repr(loaded)
            return quiet_services(loaded, database, Vault(key_file=tmp_path / "key"), http, SystemClock(), erase=nothing)

        yield made


async def test_channels_are_those_that_are_set(make: Any) -> None:
    """None, one or both."""
    for settings, channels in (({}, []), (MADE, ["webhook"]), (MAIL, ["mail"]), (MADE | MAIL, ["webhook", "mail"])):
        notices = make(**settings)._services[0]
        assert [channel.channel for channel in notices._channels] == channels


@pytest.mark.parametrize(
    "settings", [{"notify_webhook": "http://example.com"}, {**MADE, "notify_webhook_secret": ""}, {**MAIL, "notify_mail_to": ""}]
)
async def test_what_cannot_work_is_said_at_the_start(make: Any, settings: dict[str, str]) -> None:
    """A setting that cannot be is no surprise at night; nothing secret is shown."""
    with pytest.raises(ConfigError) as caught:
        make(**{name: value for name, value in settings.items() if value})
    assert "canary" not in f"{caught.value} {caught.value.hint}"


def test_only_adapters_with_a_page_are_linked() -> None:
    """Whichever end they are; a name that nobody knows is none."""
    assert services._is_linked("dropbox")
    assert services._is_linked("ringcentral")
    assert not services._is_linked("folder")
    assert not services._is_linked("no-such-adapter")
