"""The upload routes, as a client sees them."""

from __future__ import annotations

from hashlib import sha256
from typing import Any

import msgspec
import pytest

from archiver.sandbox import Limits
from archiver.sandbox.hashing import BLOCK_BYTES, digest
from archiver.sandbox.sessions import SESSION_SECONDS
from support.dropbox_client import Client, tags_of

PATH = "/Airline/2026-11-02/a.wav"


def failures(reply: Any) -> list[str]:
    """Of each entry of a batch: empty, or the tags of its error."""
    return [tags_of(entry["failure"]) if entry[".tag"] == "failure" else "" for entry in reply.json["entries"]]


async def test_upload_answers_with_the_metadata(client: Client) -> None:
    """What the storage confirms is what was sent."""
    reply = await client.upload(PATH, b"sound", client_modified="2026-11-02T08:00:00Z", mute=True, mode="add")
    assert reply.status == 200
    assert reply.headers["Content-Type"] == "application/json"
    metadata = reply.json
    assert ".tag" not in metadata
    assert metadata["size"] == 5
    assert metadata["content_hash"] == digest(b"sound").content_hash
    assert (metadata["name"], metadata["path_display"], metadata["path_lower"]) == ("a.wav", PATH, PATH.lower())
    assert metadata["client_modified"] == "2026-11-02T08:00:00Z"


async def test_a_repeated_upload_leaves_one_revision(client: Client) -> None:
    """The ledger shows one object, one revision, and that bytes travelled twice."""
    first, second = [(await client.upload(PATH, b"sound")).json for _ in range(2)]
    assert first == second
    [file] = client.sandbox.ledger().files
    assert (file.revisions, file.transfers, file.sha256) == (1, 2, sha256(b"sound").hexdigest())
    assert client.sandbox.ledger().accounts["airline"].received_bytes == 10


async def test_a_conflict_keeps_the_bytes_for_another_commit(client: Client) -> None:
    """The error carries a session that can be finished elsewhere."""
    await client.upload(PATH, b"one")
    reply = await client.upload(PATH, b"two")
    assert (reply.status, reply.tags) == (409, "path/conflict/file")
    cursor = {"session_id": reply.json["error"]["upload_session_id"], "offset": 3}
    reply = await client.content("files/upload_session/finish", {"cursor": cursor, "commit": {"path": "/other"}})
    assert (reply.status, reply.json["size"]) == (200, 3)


async def test_a_wrong_hash_is_refused_everywhere(client: Client) -> None:
    """Nothing becomes visible, and a session keeps its offset."""
    wrong = digest(b"other").content_hash
    assert (await client.upload(PATH, b"sound", content_hash=wrong)).tags == "content_hash_mismatch"
    reply = await client.content("files/upload_session/start", {"content_hash": wrong}, b"sound")
    assert reply.tags == "content_hash_mismatch"
    session = await client.start()
    assert (await client.append(session, 0, b"sound", content_hash=wrong)).tags == "content_hash_mismatch"
    assert (await client.append(session, 0, b"sound", close=True, content_hash=digest(b"sound").content_hash)).body == b"null"
    entry = {"cursor": {"session_id": session, "offset": 5}, "commit": {"path": PATH}, "content_hash": wrong}
    reply = await client.rpc("files/upload_session/finish_batch_v2", {"entries": [entry]})
    assert failures(reply) == ["content_hash_mismatch"]
    assert not client.sandbox.ledger().files
    entry["content_hash"] = digest(b"sound").content_hash
    assert failures(await client.rpc("files/upload_session/finish_batch_v2", {"entries": [entry]})) == [""]


async def test_three_calls_upload_many_files(client: Client) -> None:
    """start_batch, append_batch, finish_batch_v2: entries in order, empty files too."""
    contents = [b"one", b"", b"three" * 1000]
    sessions = (await client.rpc("files/upload_session/start_batch", {"num_sessions": 3})).json["session_ids"]
    entries = [
        {"cursor": {"session_id": session, "offset": 0}, "length": len(content), "close": True}
        for session, content in zip(sessions, contents, strict=True)
    ]
    body = b"".join(contents)
    reply = await client.content("files/upload_session/append_batch", {"entries": entries, "content_hash": digest(body).content_hash}, body)
    assert reply.json == {"entries": [{".tag": "success"}] * 3}
    reply = await client.finish_batch(*((session, len(contents[at]), f"/{at}") for at, session in enumerate(sessions)))
    assert [(entry[".tag"], entry["path_display"], entry["size"]) for entry in reply.json["entries"]] == [
        ("success", "/0", 3),
        ("success", "/1", 0),
        ("success", "/2", 5000),
    ]
    assert sum(client.sandbox.ledger().accounts["airline"].calls.values()) == 3


async def test_a_batch_of_pieces_fails_entry_by_entry(client: Client) -> None:
    """Unknown, closed and moved sessions beside one that succeeds; a wrong sum fails all."""
    good, closed, moved = [await client.start() for _ in range(3)]
    await client.append(closed, 0, b"", close=True)
    await client.append(moved, 0, b"landed")
    sessions = [good, closed, moved, "unknown"]
    entries = [{"cursor": {"session_id": session, "offset": 0}, "length": 1} for session in sessions]
    reply = await client.content("files/upload_session/append_batch", {"entries": entries}, b"1234")
    assert failures(reply) == ["", "closed", "incorrect_offset", "not_found"]
    assert reply.json["entries"][2]["failure"]["correct_offset"] == 6
    reply = await client.content("files/upload_session/append_batch", {"entries": entries}, b"123")
    assert (reply.status, reply.tags) == (409, "length_mismatch")
    arguments = {"entries": entries, "content_hash": "0" * 64}
    assert (await client.content("files/upload_session/append_batch", arguments, b"1234")).tags == "content_hash_mismatch"


async def test_a_batch_of_commits_fails_entry_by_entry(client: Client) -> None:
    """Each with its own reason, and the others are committed."""
    await client.upload("/taken", b"other")
    good, taken, disallowed, opened = [await client.start(b"x", close=close) for close in (True, True, True, False)]
    entries = [
        (good, 1, "/good"),
        (taken, 1, "/taken"),
        (disallowed, 1, "/desktop.ini"),
        (opened, 1, "/open"),
        ("unknown", 0, "/u"),
        (good, 2, "/m"),
    ]
    reply = await client.finish_batch(*entries)
    assert failures(reply) == [
        "",
        "path/conflict/file",
        "path/disallowed_name",
        "lookup_failed/not_closed",
        "lookup_failed/not_found",
        "lookup_failed/not_found",
    ]
    assert failures(await client.finish_batch((taken, 1, "/free"), (opened, 9, "/open"))) == ["", "lookup_failed/incorrect_offset"]


async def test_a_committed_session_is_used_up(client: Client) -> None:
    """Who lost the answer finds the file by its path, not by the session."""
    session = await client.start(b"x", close=True)
    assert failures(await client.finish_batch((session, 1, PATH))) == [""]
    assert failures(await client.finish_batch((session, 1, PATH))) == ["lookup_failed/not_found"]


async def test_pieces_make_a_big_file(client: Client) -> None:
    """Also the last piece in finish, which is allowed if not advised."""
    block = b"b" * BLOCK_BYTES
    session = await client.start(block)
    assert (await client.append(session, BLOCK_BYTES, block)).status == 200
    cursor = {"session_id": session, "offset": 2 * BLOCK_BYTES}
    argument = {"cursor": cursor, "commit": {"path": PATH}, "content_hash": digest(b"rest").content_hash}
    reply = await client.content("files/upload_session/finish", argument, b"rest")
    assert reply.json["content_hash"] == digest(block + block + b"rest").content_hash
    download = await client.send(
        "POST",
        "/2/files/download?arg=" + msgspec.json.encode({"path": PATH}).decode(),
        headers={"Authorization": f"Bearer {client.account.access_token}"},
    )
    assert download.body == block + block + b"rest"


async def test_concurrent_sessions_have_stricter_rules(client: Client) -> None:
    """No data in start and finish, no closed start, and everything must be there."""
    start = "files/upload_session/start"
    assert (await client.content(start, {"session_type": "concurrent"}, b"x")).tags == "concurrent_session_data_not_allowed"
    assert (await client.content(start, {"session_type": "concurrent", "close": True})).tags == "concurrent_session_close_not_allowed"
    session = await client.start(session_type={".tag": "concurrent"})
    block = b"c" * BLOCK_BYTES
    assert (await client.append(session, 7, b"x")).tags == "concurrent_session_invalid_offset"
    assert (await client.append(session, BLOCK_BYTES, b"end", close=True)).status == 200
    cursor = {"session_id": session, "offset": BLOCK_BYTES + 3}
    finish = {"cursor": cursor, "commit": {"path": PATH}}
    assert (await client.content("files/upload_session/finish", finish, b"x")).tags == "concurrent_session_data_not_allowed"
    assert (await client.content("files/upload_session/finish", finish)).tags == "concurrent_session_missing_data"
    second = await client.start(session_type="concurrent")
    await client.append(second, 0, block)
    finish = {"cursor": {"session_id": second, "offset": BLOCK_BYTES}, "commit": {"path": PATH}}
    assert (await client.content("files/upload_session/finish", finish)).tags == "concurrent_session_not_closed"


async def test_sessions_end_after_seven_days(client: Client) -> None:
    """By the sandbox's clock; the access token would have ended long before."""
    session = await client.start(b"x", close=True)
    client.sandbox.world.clock.advance(SESSION_SECONDS + 1)
    grant = client.sandbox.world.grants_of("airline")[0]
    token = client.sandbox.world.issue(grant)
    client.account = msgspec.structs.replace(client.account, access_token=token)
    assert failures(await client.finish_batch((session, 1, PATH))) == ["lookup_failed/not_found"]


async def test_a_full_account_takes_nothing(client: Client) -> None:
    """Until there is room."""
    client.sandbox.world.change_account("airline", quota_bytes=10)
    assert (await client.upload(PATH, b"x" * 11)).tags == "path/insufficient_space"
    assert (await client.upload(PATH, b"x" * 10)).status == 200


async def test_the_asynchronous_batch_is_done_when_asked_for(client: Client) -> None:
    """First a job, then its entries; it is serial like all commits."""
    client.sandbox.set_limits("airline", commit_seconds=60)
    session = await client.start(b"x", close=True)
    job = (await client.finish_batch((session, 1, PATH), version="")).json
    assert job[".tag"] == "async_job_id"
    poll = {"async_job_id": job["async_job_id"]}
    check = "files/upload_session/finish_batch/check"
    assert (await client.rpc(check, poll)).json == {".tag": "in_progress"}
    client.sandbox.world.clock.advance(61)
    reply = await client.rpc(check, poll)
    assert (reply.json[".tag"], failures(reply)) == ("complete", [""])
    assert (await client.rpc(check, poll)).tags == "invalid_async_job_id"


async def test_commits_beyond_the_bound_are_refused(client: Client) -> None:
    """As a 429 for the call with the header only, or as failures of all entries."""
    session = await client.start(b"x", close=True)
    client.sandbox.set_limits("airline", commit_seconds=60, commit_wait=0)
    await client.finish_batch((await client.start(b"y", close=True), 1, "/y"), version="")
    reply = await client.finish_batch((session, 1, PATH))
    assert (reply.status, reply.headers["Retry-After"]) == (429, "1")
    assert reply.json["error"] == {"reason": {".tag": "too_many_write_operations"}}
    client.sandbox.set_limits("airline", commit_refusal="entries")
    assert failures(await client.finish_batch((session, 1, PATH))) == ["too_many_write_operations"]
    assert (await client.upload(PATH, b"x")).tags == "path/too_many_write_operations"
    client.sandbox.set_limits("airline", commit_wait=None, commit_seconds=0)
    client.sandbox.world.clock.advance(61)
    assert failures(await client.finish_batch((session, 1, PATH))) == [""]
    record = client.sandbox.ledger().accounts["airline"]
    assert (record.refused, record.disobeyed) == ({"too_many_write_operations": 3}, {})
    assert sum(second.held for second in record.timeline.values()) == pytest.approx(60), "what was refused held nothing"


async def test_commits_of_one_account_do_not_hinder_another(client: Client) -> None:
    """The lock is the namespace's."""
    client.sandbox.add_account("bakery", Limits())
    client.sandbox.set_limits("airline", commit_seconds=60, commit_wait=0)
    await client.finish_batch((await client.start(b"y", close=True), 1, "/y"), version="")
    assert (await client.upload(PATH, b"x")).status == 429
    client.account = client.sandbox.add_account("florist")
    assert (await client.upload(PATH, b"x")).status == 200


@pytest.mark.parametrize("names", [["a.wav", "A.WAV"], ["ü.wav", "Ü.WAV"]])
async def test_paths_differ_by_more_than_case(client: Client, names: list[str]) -> None:
    """One object, whatever the case."""
    for name in names:
        assert (await client.upload(f"/{name}", b"same")).json["path_display"] == f"/{names[0]}"
    assert len(client.sandbox.ledger().files) == 1
