"""The token endpoint: how the application says who it is, and what a refusal means."""

from __future__ import annotations

import base64
import contextlib
import json
from collections.abc import AsyncIterator
from typing import Any

import aiohttp
import pytest
from aiohttp import web
from hypothesis import given
from hypothesis import strategies as st

from archiver.errors import (
    ArchiverError,
    MisconfiguredError,
    ReconnectNeededError,
    ThrottledError,
    TransientError,
    UnavailableError,
)
from archiver.oauth import Answer, Endpoint, Provider, answer_of, request_of
from genstage.clock import SystemClock

CLOUD = Provider(title="Cloud", token_url="https://cloud.test/token", client_options="app_key and app_secret")


def test_where_the_application_says_who_it_is() -> None:
    """In the form, or in a header; one without a secret tells its name only."""
    form = {"grant_type": "refresh_token", "refresh_token": "r"}
    fields, headers = request_of(CLOUD, "key", "secret", form)
    assert fields == {**form, "client_id": "key", "client_secret": "secret"}
    assert "Authorization" not in headers
    other = Provider(title="Other", token_url="https://other.test/token", client_in="header")
    fields, headers = request_of(other, "key", "secret", form)
    assert fields == form
    assert base64.b64decode(headers["Authorization"].removeprefix("Basic ")) == b"key:secret"
    for provider in (CLOUD, other):
        fields, headers = request_of(provider, "key", "", form)
        assert fields == {**form, "client_id": "key"}
        assert "Authorization" not in headers


@pytest.mark.parametrize(
    ("status", "body", "expected"),
    [
        (400, b'{"error":"invalid_grant","error_description":"CANARY"}', ReconnectNeededError),
        (400, b'{"error":"interaction_required","error_description":"CANARY"}', ReconnectNeededError),
        (400, b'{"error":"invalid_client"}', MisconfiguredError),
        (401, b"", MisconfiguredError),
        (302, b"", MisconfiguredError),
        (400, b'{"error":"CANARY <words>"}', MisconfiguredError),
        (400, b'{"error":["CANARY"]}', MisconfiguredError),
        (429, b"", ThrottledError),
        (503, b"", TransientError),
        (200, b"<html>CANARY", TransientError),
        (200, b'{"access_token":""}', TransientError),
        (200, b'{"access_token":"CANARY\\r\\nEvil: header"}', TransientError),
    ],
)
def test_what_a_refusal_means(status: int, body: bytes, expected: type[ArchiverError]) -> None:
    """Only a grant that is invalid needs a person who connects again; no free text is repeated."""
    with pytest.raises(ArchiverError) as error:
        answer_of(CLOUD, status, body, 3.0)
    assert type(error.value) is expected
    assert "CANARY" not in repr(error.value) + repr(vars(error.value))


def test_a_life_in_quotes_is_a_life() -> None:
    """Some providers write numbers as text; fields that nobody knows are passed over."""
    answer = answer_of(CLOUD, 200, b'{"access_token":"a","expires_in":"3599","scope":"x y","id_token":"e.y.j","token_type":"Bearer"}')
    assert answer == Answer(access_token="a", expires_in=3599.0, scope="x y")


JSON = st.recursive(
    st.none() | st.booleans() | st.floats() | st.integers() | st.text(max_size=8),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.sampled_from(["error", "access_token", "expires_in", "refresh_token", "scope"]), inner, max_size=5)
    ),
    max_leaves=10,
)


@given(status=st.sampled_from([200, 302, 400, 401, 403, 429, 500]), body=JSON.map(lambda value: json.dumps(value).encode()) | st.binary())
def test_nothing_that_comes_back_breaks_us(status: int, body: bytes) -> None:
    """Whatever the body: an answer or an error of the tree."""
    with contextlib.suppress(ArchiverError):
        assert answer_of(CLOUD, status, body).access_token


class Cloud:
    """A token endpoint on loopback.

    Attributes:
        url: Where.
        forms: What came.
        answer: What it answers.
    """

    def __init__(self) -> None:
        self.url = ""
        self.forms: list[dict[str, Any]] = []
        self.answer = web.Response

    async def handle(self, request: web.Request) -> web.Response:
        """Takes a form."""
        self.forms.append(dict(await request.post()))
        return self.answer()


@pytest.fixture
async def cloud() -> AsyncIterator[Cloud]:
    """One that listens."""
    found, app = Cloud(), web.Application()
    app.router.add_post("/token", found.handle)
    runner = web.AppRunner(app)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    found.url = f"http://127.0.0.1:{runner.addresses[0][1]}/token"
    yield found
    await runner.cleanup()


async def test_one_call(cloud: Cloud) -> None:
    """The form arrives, the token comes back; a Retry-After is heard; a redirect is not followed."""
    async with aiohttp.ClientSession() as http:
        provider = Provider(title="Cloud", token_url=cloud.url)
        endpoint = Endpoint(http, SystemClock(), provider, client_id="key", client_secret="CANARY")
        cloud.answer = lambda: web.json_response({"access_token": "a", "expires_in": 60})
        assert await endpoint.ask({"grant_type": "refresh_token", "refresh_token": "r"}) == Answer(access_token="a", expires_in=60.0)
        assert cloud.forms == [{"grant_type": "refresh_token", "refresh_token": "r", "client_id": "key", "client_secret": "CANARY"}]
        cloud.answer = lambda: web.Response(status=429, headers={"Retry-After": "7"})
        with pytest.raises(ThrottledError) as throttled:
            await endpoint.ask({})
        assert throttled.value.retry_after == 7.0
        cloud.answer = lambda: web.Response(status=307, headers={"Location": cloud.url})
        with pytest.raises(MisconfiguredError):
            await endpoint.ask({})
        assert len(cloud.forms) == 3
        assert "CANARY" not in repr(endpoint)


async def test_nobody_listens() -> None:
    """Unreachable is the provider's matter; nothing of the form is told."""
    async with aiohttp.ClientSession() as http:
        provider = Provider(title="Cloud", token_url="http://127.0.0.1:1/token")
        with pytest.raises(UnavailableError) as error:
            await Endpoint(http, SystemClock(), provider, client_id="key", client_secret="CANARY").ask({"code": "CANARY"})
        assert "CANARY" not in repr(vars(error.value))
