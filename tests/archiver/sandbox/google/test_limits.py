"""What a user may do, what goes wrong when it is told to, and who may ask at all."""

from __future__ import annotations

import hashlib
from base64 import urlsafe_b64encode
from urllib.parse import parse_qs, urlsplit

import aiohttp
import pytest

from archiver.sandbox import Fault
from archiver.sandbox.google import GoogleDrive, Limits
from archiver.sandbox.google.grants import CLIENT_ID, CLIENT_SECRET, SCOPE
from archiver.sandbox.google.quota import Meter
from support.google_client import Client, reason


def test_units_are_counted_by_the_minute() -> None:
    """A list costs twenty looks; the next minute begins anew."""
    meter, limits = Meter(0.0), Limits(units=200)
    assert [meter.admit("files.list", 1.0, limits) for _ in range(3)] == [None, None, "units"]
    assert meter.admit("files.list", 61.0, limits) is None
    assert [meter.admit("upload.multipart", 62.0, limits) for _ in range(3)] == [None, None, "units"]


def test_writes_have_a_rate() -> None:
    """A bucket of their own, which looks do not touch."""
    meter, limits = Meter(0.0), Limits(writes_per_second=2.0, write_burst=1.0)
    assert [meter.admit("files.create", 0.0, limits), meter.admit("files.create", 0.1, limits)] == [None, "writes"]
    assert meter.admit("files.get", 0.1, limits) is None
    assert meter.admit("upload.multipart", 0.6, limits) is None


def test_bytes_are_counted_by_the_day() -> None:
    """And a day later there is room again."""
    meter, limits = Meter(0.0), Limits(daily_bytes=10)
    assert [meter.take(6, 0.0, limits), meter.take(6, 1.0, limits), meter.take(6, 90_000.0, limits)] == [None, "bytes", None]


@pytest.mark.parametrize(("status", "word"), [(403, "userRateLimitExceeded"), (429, "rateLimitExceeded")])
async def test_refusals_speak_as_the_quota_or_as_the_backend(client: Client, drive: GoogleDrive, status: int, word: str) -> None:
    """And are written down."""
    drive.set_limits("acme", writes_per_second=0.001, write_burst=1.0, status=status)
    assert (await client.upload(b"1"))[0] == 200
    found, answer = await client.upload(b"2")
    assert (found, reason(answer)) == (status, word)
    assert drive.ledger().accounts["acme"].refused == {"too_many_requests": 1}


async def test_faults_hit_what_they_are_set_for(client: Client, drive: GoogleDrive) -> None:
    """A scripted answer; an answer that is lost, although the file is there; a bit that is stored wrong."""
    drive.add_fault(Fault(action="reply", route="upload.multipart", status=503, body="<html>"))
    assert (await client.upload(b"1"))[0] == 503
    drive.add_fault(Fault(action="lose_answer", route="upload.*"))
    with pytest.raises(aiohttp.ClientError):
        await client.upload(b"1")
    assert len(drive.ledger().files) == 1
    drive.add_fault(Fault(action="corrupt", route="upload.multipart"))
    _, file = await client.upload(b"12")
    assert file["md5Checksum"] != hashlib.md5(b"12", usedforsecurity=False).hexdigest()


async def test_a_token_may_end_at_any_call(client: Client, drive: GoogleDrive) -> None:
    """Google does not tell whether it has expired or was revoked."""
    drive.add_fault(Fault(action="expire_token", route="files.list"))
    status, answer, _ = await client.call("GET", "/drive/v3/files")
    assert (status, reason(answer)) == (401, "authError")
    assert (await client.call("GET", "/drive/v3/files"))[0] == 401


async def test_linking(client: Client) -> None:
    """The page gives a code, the code gives tokens once and only with its verifier; a person may untick a scope."""
    verifier = "v" * 43
    challenge = urlsafe_b64encode(hashlib.sha256(verifier.encode()).digest()).decode().rstrip("=")
    asked = {
        "client_id": CLIENT_ID,
        "response_type": "code",
        "scope": SCOPE,
        "access_type": "offline",
        "code_challenge": challenge,
        "code_challenge_method": "S256",
        "redirect_uri": "http://127.0.0.1/back",
        "state": "s",
    }

    async def trade(query: dict[str, str], **form: str) -> tuple[int, dict[str, str]]:
        _, _, headers = await client.call("GET", "/o/oauth2/v2/auth", query=query)
        back = parse_qs(urlsplit(headers["Location"]).query)
        assert back["state"] == ["s"]
        fields = {"grant_type": "authorization_code", "code": back["code"][0], "client_id": CLIENT_ID, "client_secret": CLIENT_SECRET}
        fields |= {"redirect_uri": "http://127.0.0.1/back", "code_verifier": verifier, **form}
        status, answer, _ = await client.call("POST", "/token", data=fields)
        return status, answer

    status, answer = await trade(asked)
    assert (status, answer["scope"], bool(answer["refresh_token"])) == (200, SCOPE, True)
    assert (await trade(asked, code_verifier="other"))[1]["error"] == "invalid_grant"
    assert (await trade(asked, code="used"))[1]["error"] == "invalid_grant"
    assert (await trade(asked, client_secret=""))[0] == 401
    status, answer = await trade({**asked, "granted": "email"})
    assert (status, answer["scope"]) == (200, "email")


@pytest.mark.parametrize("testing", [False, True])
async def test_links_of_an_application_in_testing_die_after_a_week(testing: bool) -> None:
    """Those of one in production live."""
    async with GoogleDrive(testing=testing) as drive, aiohttp.ClientSession() as http:
        client = Client(drive, drive.add_user("acme"), http)
        drive.clock.advance(7 * 86_400 + 1)
        fields = {"grant_type": "refresh_token", "refresh_token": client.login.refresh_token}
        fields |= {"client_id": CLIENT_ID, "client_secret": CLIENT_SECRET}
        status, answer, _ = await client.call("POST", "/token", data=fields)
        assert (status, answer.get("error")) == ((400, "invalid_grant") if testing else (200, None))


async def test_hands_from_outside(client: Client, drive: GoogleDrive) -> None:
    """A user, a change, a fault, a jump of the clock and the ledger, over HTTP."""
    status, login, _ = await client.call("POST", "/sandbox/users", data='{"name": "other", "limits": {"units": 5}}')
    assert (status, login["email"], drive.users["other"].limits.units) == (201, "other@sandbox.test", 5)
    assert (await client.call("PATCH", "/sandbox/users/other", data='{"limits": {"units": 50}, "quota_bytes": 7}'))[0] == 200
    assert (drive.users["other"].limits.units, drive.users["other"].quota_bytes) == (50, 7)
    assert (await client.call("POST", "/sandbox/faults", data='[{"action": "delay"}]'))[0] == 201
    assert len(drive.faults) == 1
    before = drive.clock.now()
    assert (await client.call("POST", "/sandbox/clock", data='{"advance": 100}'))[0] == 200
    assert drive.clock.now() >= before + 100
    _, stats, _ = await client.call("GET", "/sandbox/stats")
    assert set(stats) == {"acme", "other"}
    for path, data in (("users", '{"name": "other"}'), ("users", "{"), ("clock", '{"advance": -1}')):
        assert (await client.call("POST", f"/sandbox/{path}", data=data))[0] == 400
    assert (await client.call("PATCH", "/sandbox/users/nobody", data="{}"))[0] == 404
