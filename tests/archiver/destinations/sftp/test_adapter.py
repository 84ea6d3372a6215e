"""The options of SFTP, and what they become."""

from __future__ import annotations

from typing import Any

import pytest

from archiver.errors import ConfigError
from support.sftp_servers import CLIENT_KEY, PASSWORD, text_of


def test_it_shows_where_to_and_no_secret(shelf: Any) -> None:
    """A destination is known by its account and folder."""
    destination = shelf.open(2222, host="files.example.com", path="archive/")
    assert repr(destination) == "SftpDestination(acme@files.example.com:2222, 'archive')"
    key = shelf.open(22, password=None, private_key=text_of(CLIENT_KEY))
    assert "PRIVATE KEY" not in repr(key) + repr(vars(key)) + repr(vars(vars(key)["_login"]))


@pytest.mark.parametrize(
    "options",
    [
        {"password": None},
        {"private_key": text_of(CLIENT_KEY)},  # and a password
        {"password": None, "private_key": PASSWORD},
        {"password": None, "private_key": CLIENT_KEY.export_private_key("pkcs8-pem", passphrase=PASSWORD).decode()},
        {"host": "files example com"},
        {"host": " "},
        {"username": " "},
        {"port": 0},
        {"port": 65536},
        {"host_key": "AAAA"},
        {"host_key": f"ssh-ed25519 {PASSWORD}"},
        {"path": " "},
        {"path": "/srv/../etc"},
        {"verify": "hope"},
    ],
)
def test_options_that_cannot_work(shelf: Any, options: dict[str, Any]) -> None:
    """They are told before anything is sent, and a secret is not shown."""
    with pytest.raises(ConfigError) as caught:
        shelf.open(options.pop("port", 22), **options)
    assert PASSWORD not in str(caught.value) + caught.value.hint
    assert caught.value.__cause__ is None
