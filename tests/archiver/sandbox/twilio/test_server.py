"""The server: its shapes against Twilio's API description, bytes, the limit, faults, and the hands."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import aiohttp
import jsonschema
import msgspec
import pytest

from archiver.sandbox.faults import Fault
from archiver.sandbox.twilio import Limits, Twilio
from archiver.sandbox.twilio.company import archivable

DESCRIBED = msgspec.json.decode((Path(__file__).parent / "described.json").read_bytes())
"""Of Twilio's OpenAPI description 1.0.0 (twilio-oai): the fields of rows with their types and patterns, and those of lists."""


class Asking:
    """Whoever asks, with an auth token or with none."""

    def __init__(self, twilio: Twilio, http: aiohttp.ClientSession) -> None:
        self.twilio = twilio
        self.http = http
        self.main = twilio.exchange.main
        self.root = f"{twilio.url}/2010-04-01/Accounts"

    async def get(self, address: str, **more: Any) -> tuple[int, Any, bytes]:
        """Status, headers, body."""
        auth = {"Authorization": aiohttp.encode_basic_auth(self.main.sid, self.main.token)}
        url = address if "://" in address else f"{self.root}{address}"
        async with self.http.get(url, headers={**auth, **more.pop("headers", {})}, **more) as response:
            return response.status, response.headers, await response.read()

    async def json(self, address: str) -> Any:
        """The body, which must be whole."""
        status, _, body = await self.get(address)
        assert status == 200
        return msgspec.json.decode(body)


@pytest.fixture
async def asking(twilio: Twilio) -> AsyncIterator[Asking]:
    """The holder of the main account."""
    async with aiohttp.ClientSession() as http:
        yield Asking(twilio, http)


async def test_every_answer_is_as_twilio_describes_it(asking: Asking) -> None:
    """Rows have exactly the described fields, of their types and patterns; lists too. Made up data of every sort."""
    exchange, sid = asking.twilio.exchange, asking.main.sid
    call = exchange.add_call(status="in-progress")
    exchange.record(call, b"", status="processing", encrypted=True)
    exchange.record(None, b"", status="absent")
    message = exchange.add_message(media=[("image/gif", b"")], sent=None)
    lists = {"accounts": ".json", "calls": f"/{sid}/Calls.json", "recordings": f"/{sid}/Recordings.json"}
    lists |= {"messages": f"/{sid}/Messages.json", "media_list": f"/{sid}/Messages/{message.sid}/Media.json"}
    for name, address in lists.items():
        answer = await asking.json(address)
        assert sorted(answer) == DESCRIBED["lists"][name]
        assert answer[name]
        for row in answer[name]:
            jsonschema.validate(row, DESCRIBED["rows"][{"media_list": "media"}.get(name, name.removesuffix("s"))])
            if name != "accounts":
                assert await asking.json(f"{asking.twilio.url}{row['uri']}") == row


async def test_sound_comes_as_it_is_asked_for(asking: Asking) -> None:
    """WAV or MP3, one channel or two, some of the bytes; two channels of one are refused."""
    recording = asking.twilio.exchange.record(asking.twilio.exchange.add_call(), b"mixed", both=b"both sides")
    single = asking.twilio.exchange.record(None, b"single")
    place = f"/{asking.main.sid}/Recordings"
    assert (await asking.get(f"{place}/{recording.sid}"))[2] == b"mixed"
    assert (await asking.get(f"{place}/{recording.sid}.wav?RequestedChannels=2"))[2] == b"both sides"
    status, headers, body = await asking.get(f"{place}/{recording.sid}.mp3")
    assert (status, headers["Content-Type"], body[:3]) == (200, "audio/mpeg", b"ID3")
    status, headers, body = await asking.get(f"{place}/{recording.sid}.wav", headers={"Range": "bytes=2-"})
    assert (status, headers["Content-Range"], body) == (206, "bytes 2-4/5", b"xed")
    assert (await asking.get(f"{place}/{recording.sid}.wav", headers={"Range": "bytes=5-"}))[0] == 416
    assert (await asking.get(f"{place}/{single.sid}.wav?RequestedChannels=2"))[0] == 400
    assert (await asking.get(f"{place}/RE{'0' * 32}.wav"))[0] == 404


async def test_attachments_lie_on_another_host(asking: Asking) -> None:
    """Twilio sends there; whoever brings a key is refused; what was purged is gone."""
    message = asking.twilio.exchange.add_message(media=[("image/gif", b"GIF89a")])
    media = message.media[0].sid
    address = f"/{asking.main.sid}/Messages/{message.sid}/Media/{media}"
    status, headers, _ = await asking.get(address, allow_redirects=False)
    assert (status, headers["Location"].startswith(asking.twilio.url)) == (307, False)
    assert (await asking.get(headers["Location"]))[0] == 400
    async with asking.http.get(headers["Location"]) as response:
        assert (response.headers["Content-Type"], await response.read()) == ("image/gif", b"GIF89a")
    asking.twilio.exchange.purge(media)
    assert (await asking.get(address))[0] == 404
    async with asking.http.get(headers["Location"]) as response:
        assert response.status == 404


async def test_so_many_calls_at_once(asking: Asking) -> None:
    """What is beyond them is refused, and told how many there are."""
    asking.twilio.limits = Limits(at_once=3, latency=0.05, retry_after=2)
    answers = await asyncio.gather(*(asking.get(f"/{asking.main.sid}/Calls.json") for _ in range(8)))
    assert sorted(status for status, _, _ in answers) == [200] * 3 + [429] * 5
    assert {headers["Retry-After"] for status, headers, _ in answers if status == 429} == {"2"}
    assert max(int(headers["Twilio-Concurrent-Requests"]) for _, headers, _ in answers) == asking.twilio.ledger.most_at_once == 8


async def test_nothing_may_be_changed(asking: Asking) -> None:
    """A key that only reads is what an archive needs; whoever deletes is told that there is no such thing."""
    recording = next(iter(asking.main.recordings))
    async with asking.http.delete(
        f"{asking.root}/{asking.main.sid}/Recordings/{recording}.json",
        headers={"Authorization": aiohttp.encode_basic_auth(asking.main.sid, asking.main.token)},
    ) as response:
        assert response.status == 404
    assert recording in asking.main.recordings
    assert asking.twilio.ledger.requests[-1].method == "DELETE"


async def test_pages_outlive_their_rows(asking: Asking) -> None:
    """The row at which a page ended is deleted: the next page goes on behind where it stood; a token that never was is refused."""
    place = f"/{asking.main.sid}/Calls.json"
    first = await asking.json(f"{place}?PageSize=2")
    asking.twilio.exchange.purge(first["calls"][-1]["sid"])
    second = await asking.json(f"{asking.twilio.url}{first['next_page_uri']}")
    assert len({row["sid"] for row in [*first["calls"], *second["calls"]]}) == 4
    assert (await asking.get(f"{place}?PageToken=PACA0"))[0] == 400
    assert (await asking.get(f"{place}?StartTime%3E=yesterday"))[0] == 400


async def test_faults_are_met(asking: Asking) -> None:
    """Scripted answers, cut ones, a key that is taken back in the middle."""
    place = f"/{asking.main.sid}/Calls.json"
    asking.twilio.faults.add(Fault(action="reply", route="calls", status=503, headers={"Retry-After": "7"}))
    status, headers, _ = await asking.get(place)
    assert (status, headers["Retry-After"]) == (503, "7")
    asking.twilio.faults.add(Fault(action="cut_response", route="calls", after_bytes=10))
    with pytest.raises(aiohttp.ClientError):
        await asking.get(place)
    asking.twilio.faults.add(Fault(action="revoke", route="calls"))
    token = asking.main.token
    assert (await asking.get(place))[0] == 401
    assert asking.main.token != token


async def test_the_hands_over_http(asking: Asking) -> None:
    """A company, a login, other limits, faults, the clock, and what was asked."""

    async def hand(method: str, page: str, body: object = None) -> tuple[int, bytes]:
        data = None if body is None else msgspec.json.encode(body)
        async with asking.http.request(method, f"{asking.twilio.url}/sandbox/{page}", data=data) as response:
            return response.status, await response.read()

    status, body = await hand("POST", "company", {"subaccounts": 0, "calls": 9, "messages": 9})
    assert (status, msgspec.json.decode(body)["calls"]) == (200, 30)
    assert msgspec.json.decode((await hand("POST", "login"))[1])["account_sid"] == asking.main.sid
    await hand("PATCH", "limits", {"at_once": 7})
    assert asking.twilio.limits == Limits(at_once=7)
    assert (await hand("PATCH", "limits", {"nothing": 7}))[0] == 400
    before = asking.twilio.clock.now()
    await hand("POST", "clock", {"advance": 3600})
    assert asking.twilio.clock.now() >= before + 3600
    await hand("POST", "faults", [{"action": "reply", "route": "calls"}])
    assert len(asking.twilio.faults) == 1
    await hand("DELETE", "faults")
    assert len(asking.twilio.faults) == 0
    secrets = asking.twilio.exchange.secrets()
    await hand("POST", "revoke")
    assert set(secrets).isdisjoint(asking.twilio.exchange.secrets())
    assert (await hand("GET", "nothing"))[0] == 404
    assert msgspec.json.decode((await hand("GET", "stats"))[1])["accounts"] == 3


async def test_a_company_is_the_same_again(twilio: Twilio) -> None:
    """The same seed makes the same bytes, and all of them differ."""
    async with Twilio() as other:
        hashes = [thing.sha256 for thing in archivable(twilio.exchange)]
        assert len(set(hashes)) == len(hashes) > 30
        assert {thing.kind for thing in archivable(twilio.exchange)} == {"recording", "sms"}
        assert list(archivable(other.exchange)) == []
