"""Twilio's own Python package, unchanged, against the sandbox: it must not notice. It is synchronous, so it runs in a thread."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any, TypeVar

import msgspec
import pytest
from twilio.base.exceptions import TwilioException, TwilioRestException
from twilio.http.http_client import TwilioHttpClient
from twilio.rest import Client

from archiver.sandbox.twilio import Twilio
from archiver.sandbox.twilio.server import Limits

T = TypeVar("T")


class _Here(TwilioHttpClient):
    """The package's own client, but that the API's host is the sandbox."""

    def __init__(self, url: str) -> None:
        super().__init__()
        self._url = url

    def request(self, method: str, url: str, *rest: Any, **more: Any) -> Any:
        """Asks the sandbox instead."""
        return super().request(method, url.replace("https://api.twilio.com", self._url), *rest, **more)


async def asked(twilio: Twilio, question: Callable[[Client], T], *, key: tuple[str, str] | None = None) -> T:
    """What the package makes of it, with the auth token or with a key."""
    main = twilio.exchange.main
    here = _Here(twilio.url)
    client = Client(*(key or (main.sid, main.token)), main.sid, http_client=here)
    try:
        return await asyncio.to_thread(question, client)
    finally:
        assert here.session is not None
        here.session.close()


def refusal_of(error: TwilioException) -> tuple[int, int]:
    """Status and Twilio's code: of a row the package tells them itself, of a list it hands on the answer."""
    if isinstance(error, TwilioRestException):
        return error.status, error.code or 0
    _, answer = error.args
    return answer.status_code, msgspec.json.decode(answer.text)["code"]


async def test_lists_are_walked_in_pages(twilio: Twilio) -> None:
    """Every row once, the newest first, three a page; also while new ones come."""

    def walk(client: Client) -> list[str]:
        found = []
        for message in client.messages.stream(page_size=3):
            found.append(str(message.sid))
            if len(found) == 4:
                twilio.exchange.add_message()
        return found

    known = sorted(twilio.exchange.main.messages.values(), key=lambda message: message.at, reverse=True)
    assert await asked(twilio, walk) == [message.sid for message in known]
    assert twilio.ledger.count("messages") == 3


async def test_rows_are_what_they_are(twilio: Twilio) -> None:
    """Times are times, numbers are numbers, nothing is left that the package cannot read."""
    main = twilio.exchange.main
    call = next(iter(main.calls.values()))
    row = await asked(twilio, lambda client: client.calls(call.sid).fetch())
    assert (row.sid, row.to, row.direction, row.status) == (call.sid, call.recipient, call.direction, call.status)
    assert row.start_time == datetime.fromtimestamp(int(call.at), UTC)
    recording = next(iter(main.recordings.values()))
    told = await asked(twilio, lambda client: client.recordings(recording.sid).fetch())
    assert (told.call_sid, told.channels, told.status) == (recording.call_sid, recording.channels, "completed")
    message = next(one for one in main.messages.values() if one.media)
    media = await asked(twilio, lambda client: client.messages(message.sid).media.list())
    assert [(one.sid, one.content_type) for one in media] == [(one.sid, one.content_type) for one in message.media]


async def test_dates_cut_lists(twilio: Twilio) -> None:
    """As the package asks for them: from a moment on, up to one."""
    middle = datetime.now(UTC) - timedelta(days=7)
    main = twilio.exchange.main
    later = await asked(twilio, lambda client: client.recordings.list(date_created_after=middle))
    before = await asked(twilio, lambda client: client.recordings.list(date_created_before=middle))
    assert later
    assert before
    assert {one.sid for one in [*later, *before]} == set(main.recordings)
    assert min(one.date_created for one in later) >= max(one.date_created for one in before)


async def test_the_token_opens_subaccounts_and_a_key_does_not(twilio: Twilio) -> None:
    """Nor may a Standard key see who there is; a Main key may."""
    sids = list(twilio.exchange.accounts)

    def subaccount(client: Client) -> list[Any]:
        return client.api.v2010.accounts(sids[1]).messages.list(limit=2)

    assert len(await asked(twilio, subaccount)) == 2
    assert [one.sid for one in await asked(twilio, lambda client: client.api.v2010.accounts.list())] == sids
    key = twilio.exchange.add_key()
    assert await asked(twilio, lambda client: client.messages.list(limit=2), key=key)
    for question in (subaccount, lambda client: client.api.v2010.accounts.list()):
        with pytest.raises(TwilioException) as caught:
            await asked(twilio, question, key=key)
        assert refusal_of(caught.value) == (401, 20003)
    main_key = twilio.exchange.add_key(main=True)
    assert len(await asked(twilio, lambda client: client.api.v2010.accounts.list(), key=main_key)) == 3


async def test_refusals_are_understood(twilio: Twilio) -> None:
    """What is not there, what is asked wrong, a key that was taken back, a full house: each with Twilio's code."""

    async def code(question: Callable[[Client], Any]) -> tuple[int, int]:
        with pytest.raises(TwilioException) as caught:
            await asked(twilio, question)
        return refusal_of(caught.value)

    assert await code(lambda client: client.calls("CA" + "0" * 32).fetch()) == (404, 20404)
    assert await code(lambda client: client.messages.list(page_size=5000)) == (400, 20001)
    twilio.limits = Limits(at_once=0)
    assert await code(lambda client: client.messages.list()) == (429, 20429)
    twilio.limits = Limits()
    main = twilio.exchange.main
    token = main.token
    twilio.exchange.revoke()
    with pytest.raises(TwilioException) as caught:
        await asked(twilio, lambda client: client.messages.list(), key=(main.sid, token))
    assert refusal_of(caught.value) == (401, 20003)
