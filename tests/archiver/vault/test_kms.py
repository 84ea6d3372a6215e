"""Keys that AWS KMS wraps, against a KMS on loopback (moto)."""

from __future__ import annotations

import base64
import stat
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import boto3
import pytest
from moto.server import ThreadedMotoServer

from archiver.errors import ConfigError
from archiver.vault import Vault, new_key
from archiver.vault.kms import AwsKms

PLACE = {"customer": "7", "adapter": "box", "field": "refresh_token"}
CANARY = "canary-refresh-token"


@pytest.fixture(scope="module")
def kms() -> Iterator[Any]:
    server = ThreadedMotoServer("127.0.0.1", 0)
    server.start()
    host, port = server.get_host_and_port()
    client = boto3.client(
        "kms", endpoint_url=f"http://{host}:{port}", region_name="eu-central-1", aws_access_key_id="test", aws_secret_access_key="test"
    )
    yield client
    client.close()
    server.stop()


@pytest.fixture(scope="module")
def key(kms: Any) -> str:
    made = kms.create_key(Description="wraps the keys of a vault")
    name: str = made["KeyMetadata"]["Arn"]
    return name


def test_the_file_holds_only_what_kms_can_open(kms: Any, key: str, tmp_path: Path) -> None:
    """What is sealed opens again in another process with the same KMS key, and the file's key is not one that a vault could use itself."""
    file = tmp_path / "archiver.key"
    sealed = Vault(key_file=file, provider=AwsKms(key, kms)).seal(CANARY, **PLACE)
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    (line,) = [line for line in file.read_text().splitlines() if not line.startswith("#")]
    mark, _, wrapped = line.partition(":")
    assert mark == "aws-kms"
    assert len(base64.b64decode(wrapped)) != 32
    assert Vault(key_file=file, provider=AwsKms(key, kms)).open(sealed, **PLACE) == CANARY
    with pytest.raises(ConfigError, match="aws-kms has wrapped"):
        Vault(key_file=file).open(sealed, **PLACE)


def test_a_plain_key_goes_on_opening_when_kms_comes(kms: Any, key: str, tmp_path: Path) -> None:
    """A key file may hold a plain old key beneath a wrapped new one, so that KMS can be brought in by a rotation."""
    file = tmp_path / "archiver.key"
    old = Vault(key_file=file)
    sealed = old.seal(CANARY, **PLACE)
    (plain,) = old.ids()
    both = Vault(key_file=file, provider=AwsKms(key, kms))
    assert both.ids() == (plain,)
    fresh = both.add_key()
    assert both.ids() == (fresh, plain)
    assert both.open(sealed, **PLACE) == CANARY
    assert Vault.sealed_with(both.seal(CANARY, **PLACE)) == fresh


def test_another_kms_key_opens_nothing(kms: Any, key: str, tmp_path: Path) -> None:
    """The error tells KMS's code and what the role needs; neither a key nor what was wrapped."""
    file = tmp_path / "archiver.key"
    Vault(key_file=file, provider=AwsKms(key, kms)).seal(CANARY, **PLACE)
    other = Vault(key_file=file, provider=AwsKms("alias/nobody", kms))
    with pytest.raises(ConfigError, match="NotFoundException") as caught:
        other.load()
    assert "kms:Decrypt" in caught.value.hint
    assert file.read_text().splitlines()[-1] not in str(caught.value)


def test_a_kms_that_is_away_is_told(key: str, tmp_path: Path) -> None:
    """Nothing answers at the address: a clear error, and no traceback of the client."""
    session = boto3.Session(aws_access_key_id="test", aws_secret_access_key="test", region_name="eu-central-1")
    away = session.client("kms", endpoint_url="http://127.0.0.1:9", config=boto3.session.Config(retries={"max_attempts": 0}))
    with pytest.raises(ConfigError, match="cannot be asked: EndpointConnectionError") as caught:
        Vault(key_file=tmp_path / "archiver.key", provider=AwsKms(key, away)).seal(CANARY, **PLACE)
    assert caught.value.__suppress_context__
    away.close()


def test_a_provider_wraps_each_new_key_for_itself(kms: Any, key: str) -> None:
    """Two new keys differ, and neither is plain."""
    one, two = new_key(AwsKms(key, kms)), new_key(AwsKms(key, kms))
    assert one != two
    assert one.startswith("aws-kms:")
