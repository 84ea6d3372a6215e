"""Opening adapters, and trying those that somebody is about to add."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from archiver.app import Archiver, ConnectionSpec
from archiver.destinations.port import Unpaced
from archiver.errors import ConfigError
from archiver.model import Connection, Role
from archiver.opening import Opening, name_rules, site
from archiver.settings import load
from archiver.vault import new_key


@pytest.fixture
async def archiver(tmp_path: Path) -> AsyncIterator[Archiver]:
    async with Archiver.open(load(environment={}, flags={"home": str(tmp_path / "home")})) as archiver:
        yield archiver


def test_what_is_given_is_checked_and_shows_no_secret() -> None:
    """Every option is held against what the adapter declares; the repr names only the adapter."""
    spec = ConnectionSpec(adapter="dropbox", options={"app_key": "key"}, secrets={"refresh_token": "canary-token"})
    (given,) = Opening.given(Role.DESTINATION, [spec])
    assert given.values["refresh_token"] == "canary-token"
    assert "canary" not in repr(given)
    with pytest.raises(ConfigError, match="no option 'speed'"):
        Opening.given(Role.SOURCE, [ConnectionSpec(adapter="folder", options={"path": "/x", "speed": "9"})])


async def test_what_is_kept_opens_with_its_secrets(archiver: Archiver) -> None:
    """The secret is sealed beside the options, opened for the adapter, and not among the options."""
    spec = ConnectionSpec(adapter="dropbox", options={"app_key": "key"}, secrets={"refresh_token": "canary-token"})
    (connection,) = (await archiver.add_customer("me", [], [spec], ping=False)).connections
    assert "refresh_token" not in connection.options
    assert archiver._opening.values(connection)["refresh_token"] == "canary-token"
    await archiver._opening.destination(connection, Unpaced()).close()
    assert await archiver.check_key()


async def test_a_key_that_opens_nothing_is_said_at_once(archiver: Archiver, tmp_path: Path) -> None:
    """With another key the check fails and does not name a secret; without credentials there is nothing to fail."""
    assert not await archiver.check_key()
    spec = ConnectionSpec(adapter="dropbox", options={"app_key": "key"}, secrets={"refresh_token": "canary-token"})
    await archiver.add_customer("me", [], [spec], ping=False)
    other = load(environment={"ARCHIVER_KEY": new_key()}, flags={"home": str(tmp_path / "home")})
    async with Archiver.open(other) as stranger:
        with pytest.raises(ConfigError) as caught:
            await stranger.check_key()
    assert "canary" not in f"{caught.value}{caught.value.hint}"


def test_each_storage_has_its_rules_of_names() -> None:
    """The rules are those that the destination's features name."""
    assert name_rules("dropbox") == "dropbox"


def test_customers_of_one_cloud_share_a_site_and_those_with_servers_of_their_own_do_not() -> None:
    """The host of an address counts, not its path nor who logs in; a region, a disk and a port are places too."""

    def at(adapter: str, **options: object) -> str:
        return site(Connection(id=1, customer_id=1, role=Role.DESTINATION, adapter=adapter, options=options))

    assert at("dropbox", api_url="https://api.dropboxapi.com", root="/a") == at("dropbox", api_url="https://api.dropboxapi.com", root="/b")
    assert at("webdav", url="https://me@nas.example/a") == at("webdav", url="https://nas.example/b") == "webdav nas.example"
    assert at("webdav", url="https://nas.example:8443/a") != at("webdav", url="https://nas.example/a")
    assert at("sftp", host="a.example", port=22) == "sftp a.example 22"
    assert len({at("sftp", host="a.example", port=port) for port in (22, 2222)}) == 2
    assert len({at("s3", bucket="b", region=region) for region in ("us-east-1", "eu-west-1")}) == 2
    assert at("s3", bucket="b", region="r", endpoint="https://s3.example") == "s3 r s3.example"
    assert at("folder", path="/mnt/a") != at("folder", path="/mnt/b")
