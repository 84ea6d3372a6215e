"""Where the console may listen, and under which names."""

from __future__ import annotations

import pytest

from archiver.console.listening import Listening
from archiver.errors import ConfigError
from archiver.settings import load


def listening(**flags: str) -> Listening:
    """What these settings say."""
    return Listening.of(load(environment={}, flags=flags))


@pytest.mark.parametrize("address", ["127.0.0.1:8470", "localhost:0", "[::1]:8470", "127.8.8.8:1"])
def test_loopback_needs_nothing(address: str) -> None:
    """Only this machine can come."""
    assert listening(console=address).url.startswith("http://")


@pytest.mark.parametrize(
    "flags",
    [
        {"console": "0.0.0.0:8470"},
        {"console": "192.168.1.5:8470"},
        {"console": "example.com:80"},
        {"console": "[::]:8470"},
        {"console": "0.0.0.0:8470", "console_url": "https://archive.example.com"},
        {"console": "127.0.0.1"},
        {"console": "127.0.0.1:99999"},
        {"console": ":8470"},
        {"console": "127.0.0.1:1", "console_certificate": "cert.pem"},
        {"console": "127.0.0.1:1", "console_proxies": "127.0.0.1"},
        {"console": "127.0.0.1:1", "console_url": "archive.example.com"},
        {"console": "127.0.0.1:1", "console_url": "https://archive.example.com/below"},
    ],
)
def test_what_would_send_passwords_in_the_open_is_refused(flags: dict[str, str]) -> None:
    """And what cannot be understood."""
    with pytest.raises(ConfigError):
        listening(**flags)


def test_behind_a_proxy_only_the_public_name_is_ours() -> None:
    """The cookie is bound to the host, as it can be with TLS."""
    here = listening(console="0.0.0.0:8470", console_url="https://archive.example.com", console_proxies="10.0.0.1")
    assert here.hosts == {"archive.example.com"}
    assert (here.secure, here.cookie) == (True, "__Host-archiver")


def test_with_tls_of_its_own() -> None:
    """Also elsewhere than on loopback."""
    here = listening(console="10.0.0.5:8443", console_certificate="cert.pem", console_private_key="key.pem")
    assert here.url == "https://10.0.0.5:8443"
    assert here.hosts == {"10.0.0.5:8443"}
