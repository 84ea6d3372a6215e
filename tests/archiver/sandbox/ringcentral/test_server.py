"""The server: limits and their headers over HTTP, the page that says yes, faults, and the hands."""

from __future__ import annotations

import asyncio
import base64
import hashlib
import os
import signal
import sys
from urllib.parse import parse_qs, urlsplit

import aiohttp
import msgspec
import pytest

from archiver.sandbox.faults import Fault
from archiver.sandbox.ringcentral import GroupLimit, RingCentral
from archiver.sandbox.ringcentral.company import archivable
from support.phone_client import PhoneClient


async def test_one_call_too_many_is_a_penalty(phones: RingCentral, client: PhoneClient) -> None:
    """429 with a code and the headers; a poke is counted, other groups and other users go on."""
    answers = [await client.get("/call-log") for _ in range(11)]
    assert [answer.status for answer in answers] == [200] * 10 + [429]
    assert answers[0].headers["X-Rate-Limit-Remaining"] == "9"
    assert (answers[10].code, answers[10].headers["Retry-After"]) == ("CMN-301", "60")
    assert (await client.get("/call-log")).status == 429
    assert (await client.get("/extension/~/message-store")).status == 200
    other = PhoneClient(phones, client.http, phones.login(list(phones.office.extensions)[1]))
    await other.connect()
    assert (await other.get("/call-log")).status == 200
    heavy = phones.groups()["Heavy"]
    assert (heavy.admitted, heavy.refused, heavy.poked) == (11, 2, 1)


async def test_a_limit_without_headers_is_of_another_sort(phones: RingCentral, client: PhoneClient) -> None:
    """CMN-310, and nothing that names a group."""
    phones.limits["Heavy"] = GroupLimit(calls=1, announced=False, retry_after=False)
    await client.get("/call-log")
    refused = await client.get("/call-log")
    assert (refused.status, refused.code) == (429, "CMN-310")
    assert not [name for name in refused.headers if name.startswith("X-Rate") or name == "Retry-After"]


async def test_a_user_says_yes_with_pkce(phones: RingCentral, client: PhoneClient) -> None:
    """The code comes back to the redirect address with its state, and is worth a token without the secret."""
    verifier = "v" * 64
    challenge = base64.urlsafe_b64encode(hashlib.sha256(verifier.encode()).digest()).rstrip(b"=").decode()
    query = {
        "response_type": "code",
        "client_id": client.login.client_id,
        "redirect_uri": "http://127.0.0.1:9/back",
        "state": "s1",
        "code_challenge": challenge,
        "code_challenge_method": "S256",
    }
    async with client.http.get(f"{phones.url}/restapi/oauth/authorize", params=query, allow_redirects=False) as response:
        assert response.status == 302
        back = parse_qs(urlsplit(response.headers["Location"]).query)
    assert back["state"] == ["s1"]
    form = {"code": back["code"][0], "redirect_uri": "http://127.0.0.1:9/back", "code_verifier": verifier}
    answer = await client.trade(secret=False, grant_type="authorization_code", **form)
    assert answer.status == 200
    again = await client.trade(secret=False, grant_type="refresh_token", refresh_token=answer.json["refresh_token"])
    assert again.json["refresh_token"] != answer.json["refresh_token"]


async def test_the_token_endpoint_has_its_own_limit(client: PhoneClient) -> None:
    """Five a minute: a storm of refreshes ends soon."""
    for _ in range(4):
        await client.connect()
    assert (await client.trade(grant_type="refresh_token", refresh_token="x")).status == 429


@pytest.mark.parametrize("action", ["lose_answer", "cut_response"])
async def test_answers_are_lost_after_the_work(phones: RingCentral, client: PhoneClient, action: str) -> None:
    """The call counts, the client never hears of it; aiohttp asks twice by itself."""
    phones.faults.add(Fault(action=action, route="call-log", times=2, after_bytes=10))  # type: ignore[arg-type]  # one of its literals
    with pytest.raises(aiohttp.ClientError):
        await client.get("/call-log")
    assert phones.ledger.count("call-log", 200) == (2 if action == "lose_answer" else 1)
    phones.faults.clear()
    assert (await client.get("/call-log")).status == 200


async def test_faults_are_met(phones: RingCentral, client: PhoneClient) -> None:
    """Scripted answers, tokens that run out, a link that is revoked."""
    phones.faults.add(Fault(action="reply", route="call-log", status=503, headers={"Retry-After": "7"}, body="busy"))
    answer = await client.get("/call-log")
    assert (answer.status, answer.headers["Retry-After"]) == (503, "7")
    phones.faults.add(Fault(action="expire_token", route="message-store"))
    assert (await client.get("/extension/~/message-store")).code == "OAU-232"
    await client.connect()
    phones.faults.add(Fault(action="revoke", route="message-store"))
    assert (await client.get("/extension/~/message-store")).code == "OAU-213"
    assert (await client.trade(grant_type="urn:ietf:params:oauth:grant-type:jwt-bearer", assertion=client.login.jwt)).status == 400


async def test_the_hands_over_http(phones: RingCentral, client: PhoneClient) -> None:
    """A company, a login, other limits, faults, the clock, and what was asked."""

    async def hand(method: str, page: str, body: object = None) -> tuple[int, bytes]:
        data = None if body is None else msgspec.json.encode(body)
        async with client.http.request(method, f"{phones.url}/sandbox/{page}", data=data) as response:
            return response.status, await response.read()

    status, body = await hand("POST", "company", {"calls": 10, "messages": 10})
    assert (status, msgspec.json.decode(body)["calls"]) == (200, 10)
    assert msgspec.json.decode((await hand("POST", "login"))[1])["client_id"] == phones.grants.client_id
    await hand("PATCH", "limits", {"Heavy": {"calls": 1}})
    assert phones.limits["Heavy"] == GroupLimit(calls=1)
    before = phones.clock.now()
    await hand("POST", "clock", {"advance": 3600})
    assert phones.clock.now() >= before + 3600
    await hand("POST", "faults", [{"action": "reply", "route": "call-log"}])
    assert len(phones.faults) == 1
    await hand("DELETE", "faults")
    assert len(phones.faults) == 0
    assert msgspec.json.decode((await hand("GET", "stats"))[1])["requests"] == {"oauth/token 200": 1}
    assert (await hand("POST", "clock", {"advance": -1}))[0] == 400
    assert (await hand("GET", "nonsense"))[0] == 404


async def test_a_made_company_is_the_same_again() -> None:
    """Its bytes come from the seed."""
    hashes = []
    for _ in range(2):
        async with RingCentral(now=lambda: 1_780_000_000.0) as phones:
            status = await _fill_over_http(phones)
            assert status == 200
            hashes.append({thing.sha256 for thing in archivable(phones.office)})
    assert hashes[0] == hashes[1]
    assert len(hashes[0]) > 50


async def _fill_over_http(phones: RingCentral) -> int:
    async with aiohttp.ClientSession() as http, http.post(f"{phones.url}/sandbox/company") as response:
        return response.status


async def test_as_a_process_it_says_where_it_is_and_ends_when_told() -> None:
    """One line of JSON with the address and credentials; SIGTERM, or its input's end."""
    flags = ["-m", "archiver.sandbox.ringcentral", "--extensions", "2", "--calls", "3", "--messages", "3", "--until-stdin-closes"]
    for way in ("signal", "stdin"):
        process = await asyncio.create_subprocess_exec(
            sys.executable, *flags, stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE, env=os.environ
        )
        assert process.stdout is not None
        assert process.stdin is not None
        ready = msgspec.json.decode(await asyncio.wait_for(process.stdout.readline(), 20))
        async with aiohttp.ClientSession() as http, http.get(f"{ready['url']}/sandbox/stats") as response:
            assert msgspec.json.decode(await response.read())["calls"] == 3
        assert ready["jwt"].count(".") == 2
        process.send_signal(signal.SIGTERM) if way == "signal" else process.stdin.close()
        assert await asyncio.wait_for(process.wait(), 10) == 0
        process.stdin.close()
