"""The options of a bucket, and what they become."""

from __future__ import annotations

from typing import Any

import aiohttp
import pytest

from archiver.adapter import check_options
from archiver.destinations.objects import ObjectDestination
from archiver.destinations.port import Context, Unpaced
from archiver.destinations.s3 import ADAPTER
from archiver.errors import ConfigError
from genstage.clock import SystemClock

CANARY = "canary-s3-option"


async def opened(**options: Any) -> ObjectDestination:
    """A destination of these options, which nobody calls."""
    given = {"bucket": "archive", "access_key": "AKIA", "secret_key": CANARY, **options}
    async with aiohttp.ClientSession() as http:
        context = Context(pace=Unpaced(), clock=SystemClock(), http=http)
        return ADAPTER.open(check_options("s3", ADAPTER.options, given), context)


@pytest.mark.parametrize(
    ("options", "url"),
    [
        ({}, "https://archive.s3.us-east-1.amazonaws.com"),
        ({"region": "eu-central-1", "prefix": "calls"}, "https://archive.s3.eu-central-1.amazonaws.com"),
        ({"region": "cn-north-1"}, "https://archive.s3.cn-north-1.amazonaws.com.cn"),
        ({"bucket": "with.dots"}, "https://s3.us-east-1.amazonaws.com/with.dots"),
        ({"addressing": "path"}, "https://s3.us-east-1.amazonaws.com/archive"),
        ({"endpoint": "https://s3.example.com/"}, "https://s3.example.com/archive"),
        ({"endpoint": "https://s3.example.com:9000", "addressing": "virtual"}, "https://archive.s3.example.com:9000"),
        ({"endpoint": "http://127.0.0.1:9000"}, "http://127.0.0.1:9000/archive"),
    ],
)
async def test_where_a_bucket_is(options: dict[str, str], url: str) -> None:
    """Amazon's own by region, with the bucket in the host where its certificate allows it; others by their address."""
    assert f"S3Store('{url}')" in repr(await opened(**options))


@pytest.mark.parametrize(
    "options",
    [
        {"bucket": "s3://archive"},
        {"bucket": "a"},
        {"region": "Frankfurt am Main"},
        {"addressing": "host"},
        {"endpoint": "http://s3.example.com"},
        {"endpoint": "ftp://s3.example.com"},
        {"access_key": " "},
        {"secret_key": f"{CANARY}\nx-evil: 1"},
        {"object_lock": "compliance"},
        {"retain_days": "30"},
        {"object_lock": "forever", "retain_days": "30"},
        {"encryption": "rot13"},
        {"prefix": "a/../b"},
    ],
)
async def test_options_that_cannot_work(options: dict[str, str]) -> None:
    """They are told before anything is sent, and a secret is not shown."""
    with pytest.raises(ConfigError) as caught:
        await opened(**options)
    assert CANARY not in str(caught.value) + caught.value.hint


async def test_amazon_is_trusted_with_conditions_and_others_are_asked() -> None:
    """Only a store that is known to keep them need not show it first; what was found out is shared by all lanes of the bucket."""
    amazon, other, again = await opened(), await opened(endpoint="https://s3.example.com"), await opened(endpoint="https://s3.example.com")
    assert not vars(vars(amazon)["_store"])["_caution"].looks_first
    assert vars(vars(other)["_store"])["_caution"].looks_first
    assert vars(vars(other)["_store"])["_caution"] is vars(vars(again)["_store"])["_caution"]
