"""What may stand in a customer's section of rclone.conf."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from archiver.destinations.rclone.section import read_section
from archiver.errors import ConfigError
from support.rclone_backends import section

CANARY = "canary-section-0123456789"


def test_a_section_is_read_in_each_form() -> None:
    """As rclone shows it, without its name, and as JSON, which survives where only one line can be entered."""
    values = {"type": "b2", "account": "0012", "key": CANARY}
    bare = f"type = b2\naccount = 0012\nkey = {CANARY}\n"
    forms = [section("b2", account="0012", key=CANARY), bare, json.dumps({"acme": values}), json.dumps(values)]
    found = [read_section(text, trusted=False) for text in forms]
    assert all(one == found[0] for one in found)
    assert found[0].values == {"account": "0012", "key": CANARY}
    assert CANARY not in repr(found[0])
    assert read_section(found[0].text, trusted=False) == found[0]


@pytest.mark.parametrize(
    ("kind", "values"),
    [
        ("sftp", {"host": "storage.example.com"}),
        ("local", {}),
        ("alias", {"remote": "/etc"}),
        ("crypt", {"remote": "/etc"}),
        ("s3", {"provider": "Other", "endpoint": "https://10.0.0.1"}),
        ("s3", {"provider": "AWS", "env_auth": "true"}),
        ("s3", {"provider": "AWS", "region": "x.example.com/#"}),
        ("drive", {"service_account_file": "/etc/passwd"}),
        ("drive", {"service_account_credentials": "{}"}),
        ("dropbox", {"token_url": "https://10.0.0.1/token"}),
        ("onedrive", {"auth_url": "https://10.0.0.1/"}),
        ("storj", {"access_grant": "x"}),
        ("azureblob", {"account": "evil.example.com/x?"}),
        ("webdav", {"url": "https://10.0.0.1/"}),
    ],
)
def test_a_customers_own_section_names_no_place(kind: str, values: dict[str, str]) -> None:
    """No address, no file and no keys of this machine; the operator may say that it is trusted."""
    with pytest.raises(ConfigError):
        read_section(section(kind, **values), trusted=False)
    assert read_section(section(kind, **values), trusted=True).kind == kind


@pytest.mark.parametrize(
    ("kind", "values"),
    [
        ("sftp", {"host": "a", "ssh": f"/bin/sh -c {CANARY}"}),
        ("webdav", {"url": "https://a", "bearer_token_command": CANARY}),
        ("b2", {"global.http_proxy": f"http://{CANARY}"}),
        ("b2", {"override.dump": "auth"}),
        ("ftp", {"host": "a", "tls": "true", "no_check_certificate": "true"}),
        ("webdav", {"url": f"http://{CANARY}.example.com/"}),
        ("ftp", {"host": f"{CANARY}.example.com"}),
        ("memory", {}),
    ],
)
def test_nobody_may_say_this(kind: str, values: dict[str, str]) -> None:
    """Programs, flags of rclone itself, certificates that are not looked at, plain text, and what keeps nothing; no value is shown."""
    with pytest.raises(ConfigError) as caught:
        read_section(section(kind, **values), trusted=True)
    assert CANARY not in repr(caught.value) + caught.value.hint


@pytest.mark.parametrize(
    "text",
    ["", "[a]\n[b]\n", "RCLONE_ENCRYPT_V0:\nxx", "[a]\nkey = x\n", "{", "[1]", '{"a": 1}', '{"type": "b2", "key": 1}', "{" * 100_000, "\0"],
)
def test_what_is_no_section(text: str) -> None:
    """It is said, and nothing of it shown."""
    with pytest.raises(ConfigError):
        read_section(text, trusted=True)


@given(st.text() | st.text().map(lambda text: f"[a]\ntype = {text}"), st.booleans())
def test_any_text_is_a_section_or_an_error_of_ours(text: str, trusted: bool) -> None:
    """Whatever was pasted."""
    try:
        found = read_section(text, trusted=trusted)
    except ConfigError:
        return
    assert found.kind


def test_an_address_that_rclone_writes_itself() -> None:
    """The two of pCloud stand in every section of it, and lead nowhere else."""
    assert read_section(section("pcloud", hostname="eapi.pcloud.com", token="{}"), trusted=False).kind == "pcloud"
    with pytest.raises(ConfigError):
        read_section(section("pcloud", hostname="10.0.0.1", token="{}"), trusted=False)


def test_whose_it_is() -> None:
    """For people, without a secret."""
    found = read_section(section("webdav", url="https://dav.example.com/x", user="acme", **{"pass": CANARY}), trusted=True)
    assert found.whose == "acme@dav.example.com"
