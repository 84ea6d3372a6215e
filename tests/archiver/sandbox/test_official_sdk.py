"""Dropbox's own Python package, unchanged, against the sandbox: it must not notice.

It speaks only HTTPS, takes its hosts from a map (or from the environment when it is imported), and is synchronous: it runs in a thread.
"""

from __future__ import annotations

import asyncio
import os
import ssl
import sys
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path
from typing import TypeVar
from urllib.parse import urlsplit

import aiohttp
import pytest
from dropbox import Dropbox, create_session
from dropbox.common import PathRoot
from dropbox.exceptions import ApiError, AuthError, BadInputError, InternalServerError, PathRootError, RateLimitError
from dropbox.files import (
    CommitInfo,
    FileMetadata,
    FolderMetadata,
    UploadSessionAppendBatchArgEntry,
    UploadSessionCursor,
    UploadSessionFinishArg,
    UploadSessionType,
    WriteMode,
)

from archiver.sandbox import Account, Fault, Sandbox

BLOCK = 4 * 1024 * 1024
OLD_BATCH = pytest.mark.filterwarnings("ignore:upload_session/finish_batch is deprecated")  # the package says so; it still is a route
Error = TypeVar("Error", bound=Exception)


@pytest.fixture(autouse=True)
def own_authority(monkeypatch: pytest.MonkeyPatch) -> None:
    """These variables, where they are set, beat the authority that is given to the package."""
    for name in ("REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE"):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture
async def sandbox(authority: tuple[ssl.SSLContext, Path]) -> AsyncIterator[Sandbox]:
    """With HTTPS."""
    async with Sandbox(tls=authority[0]) as sandbox:
        yield sandbox


@pytest.fixture
def account(sandbox: Sandbox) -> Account:
    """Without limits."""
    return sandbox.add_account("airline")


@pytest.fixture
def sdk(sandbox: Sandbox, account: Account, authority: tuple[ssl.SSLContext, Path]) -> Iterator[Dropbox]:
    """The package's client; it retries nothing, so that every refusal is seen."""
    session = create_session(ca_certs=str(authority[1]))
    client = Dropbox(account.access_token, session=session, max_retries_on_error=0, max_retries_on_rate_limit=0)
    client._host_map = dict.fromkeys(client._host_map, urlsplit(sandbox.tls_url).netloc)
    yield client
    client.close()


async def refused(kind: type[Error], call: Callable[..., object], *arguments: object) -> Error:
    """The exception that the package makes of a refusal."""
    with pytest.raises(kind) as caught:
        await asyncio.to_thread(call, *arguments)
    return caught.value


async def test_single_uploads(sdk: Dropbox) -> None:
    """Upload, repeat, overwrite, metadata, download, listing."""
    first = await asyncio.to_thread(sdk.files_upload, b"sound", "/Airline/ü 1.wav")
    again = await asyncio.to_thread(sdk.files_upload, b"sound", "/airline/Ü 1.wav")
    assert isinstance(first, FileMetadata)
    assert (first.rev, first.size) == (again.rev, 5)
    await asyncio.to_thread(sdk.files_upload, b"other", "/Airline/ü 1.wav", WriteMode.update(first.rev))
    found = await asyncio.to_thread(sdk.files_get_metadata, "/airline/ü 1.wav")
    assert (found.id, found.name) == (first.id, "ü 1.wav")
    assert isinstance(await asyncio.to_thread(sdk.files_get_metadata, "/airline"), FolderMetadata)
    metadata, response = await asyncio.to_thread(sdk.files_download, "/Airline/ü 1.wav")
    assert (metadata.content_hash, response.content) == (found.content_hash, b"other")
    listing = await asyncio.to_thread(sdk.files_list_folder, "", recursive=True, limit=1)
    rest = await asyncio.to_thread(sdk.files_list_folder_continue, listing.cursor)
    assert ([entry.name for entry in listing.entries + rest.entries], rest.has_more) == (["Airline", "ü 1.wav"], False)


async def test_sessions(sdk: Dropbox) -> None:
    """Start, append, finish; and the mistakes that a resume makes."""
    started = await asyncio.to_thread(sdk.files_upload_session_start, b"one")
    cursor = UploadSessionCursor(started.session_id, 3)
    assert await asyncio.to_thread(sdk.files_upload_session_append_v2, b"two", cursor) is None
    wrong = await refused(ApiError, sdk.files_upload_session_append_v2, b"two", cursor)
    assert wrong.error.is_incorrect_offset()
    assert wrong.error.get_incorrect_offset().correct_offset == 6
    cursor = UploadSessionCursor(started.session_id, 6)
    done = await asyncio.to_thread(sdk.files_upload_session_finish, b"!", cursor, CommitInfo("/big.wav"))
    assert done.size == 7
    lost = await refused(ApiError, sdk.files_upload_session_finish, b"", cursor, CommitInfo("/big.wav"))
    assert lost.error.get_lookup_failed().is_not_found()


async def test_concurrent_sessions(sdk: Dropbox) -> None:
    """Pieces in any order."""
    started = await asyncio.to_thread(sdk.files_upload_session_start, b"", session_type=UploadSessionType.concurrent)
    for offset, data in ((BLOCK, b"c" * BLOCK), (0, b"b" * BLOCK), (2 * BLOCK, b"end")):
        cursor = UploadSessionCursor(started.session_id, offset)
        await asyncio.to_thread(sdk.files_upload_session_append_v2, data, cursor, close=data == b"end")
    cursor = UploadSessionCursor(started.session_id, 2 * BLOCK + 3)
    done = await asyncio.to_thread(sdk.files_upload_session_finish, b"", cursor, CommitInfo("/big.wav"))
    assert done.size == 2 * BLOCK + 3


async def test_batches(sdk: Dropbox) -> None:
    """The three-call path: 300 files, and one that fails among them."""
    contents = [b"%d" % number * 10 for number in range(300)]
    ids = (await asyncio.to_thread(sdk.files_upload_session_start_batch, len(contents))).session_ids
    appends = [
        UploadSessionAppendBatchArgEntry(UploadSessionCursor(session, 0), len(content), close=True)
        for session, content in zip(ids, contents, strict=True)
    ]
    appended = await asyncio.to_thread(sdk.files_upload_session_append_batch, b"".join(contents), appends)
    assert all(entry.is_success() for entry in appended.entries)
    finishes = [
        UploadSessionFinishArg(UploadSessionCursor(session, len(content)), CommitInfo(f"/{number}.txt", mute=True))
        for number, (session, content) in enumerate(zip(ids, contents, strict=True))
    ]
    finishes[7].cursor.session_id = "pid_upload_session:unknown"
    finished = await asyncio.to_thread(sdk.files_upload_session_finish_batch_v2, finishes)
    assert [number for number, entry in enumerate(finished.entries) if entry.is_failure()] == [7]
    assert finished.entries[7].get_failure().get_lookup_failed().is_not_found()
    assert finished.entries[8].get_success().name == "8.txt"


@OLD_BATCH
async def test_the_asynchronous_batch(sdk: Dropbox) -> None:
    """A job and its status."""
    started = await asyncio.to_thread(sdk.files_upload_session_start, b"one", close=True)
    finish = UploadSessionFinishArg(UploadSessionCursor(started.session_id, 3), CommitInfo("/a"))
    job = await asyncio.to_thread(sdk.files_upload_session_finish_batch, [finish])
    status = await asyncio.to_thread(sdk.files_upload_session_finish_batch_check, job.get_async_job_id())
    assert status.get_complete().entries[0].get_success().name == "a"


async def test_users(sdk: Dropbox, account: Account) -> None:
    """The account and its space."""
    user = await asyncio.to_thread(sdk.users_get_current_account)
    assert (user.account_id, user.email) == (account.account_id, "airline@example.com")
    space = await asyncio.to_thread(sdk.users_get_space_usage)
    assert space.allocation.is_individual()


@OLD_BATCH
async def test_refusals_are_the_packages_exceptions(sdk: Dropbox, sandbox: Sandbox) -> None:
    """Conflicts, quota, bad input, both kinds of 429, path roots, 5xx, tokens."""
    await asyncio.to_thread(sdk.files_upload, b"one", "/a")
    conflict = await refused(ApiError, sdk.files_upload, b"two", "/a")
    assert conflict.error.get_path().reason.get_conflict().is_file()
    assert (await refused(ApiError, sdk.files_get_metadata, "/b")).error.get_path().is_not_found()
    assert "files/upload" in (await refused(BadInputError, sdk.files_upload, b"", "id:")).message
    sandbox.world.change_account("airline", quota_bytes=3)
    assert (await refused(ApiError, sdk.files_upload, b"x", "/c")).error.get_path().reason.is_insufficient_space()
    sandbox.add_fault(Fault(action="reply", status=503, body="<html></html>"))
    assert (await refused(InternalServerError, sdk.users_get_space_usage)).status_code == 503
    rooted = sdk.with_path_root(PathRoot.root("7"))
    rooted._host_map = sdk._host_map
    assert (await refused(PathRootError, rooted.users_get_space_usage)).error.is_invalid_root()
    sandbox.set_limits("airline", calls_per_second=0.001, burst=0, retry_after=300)
    assert (await refused(RateLimitError, sdk.users_get_space_usage)).backoff == 300
    sandbox.set_limits("airline", plain_text=True)
    assert (await refused(RateLimitError, sdk.users_get_space_usage)).backoff == 300
    sandbox.set_limits("airline", calls_per_second=None, commit_seconds=60, commit_wait=0)
    await asyncio.to_thread(sdk.files_upload_session_finish_batch, [])
    contention = await refused(RateLimitError, sdk.files_upload, b"", "/d")
    assert contention.error.reason.is_too_many_write_operations()
    sandbox.world.revoke("airline")
    assert (await refused(AuthError, sdk.users_get_space_usage)).error.is_invalid_access_token()


REFRESH = """
import sys
from dropbox import Dropbox, DropboxOAuth2FlowNoRedirect, create_session
ca, key, secret, refresh_token = sys.argv[1:]
session = create_session(ca_certs=ca)
with Dropbox(oauth2_refresh_token=refresh_token, app_key=key, app_secret=secret, session=session) as client:
    print(client.users_get_current_account().email)
    input()  # the access token ends meanwhile
    print(client.users_get_current_account().email)
flow = DropboxOAuth2FlowNoRedirect(key, use_pkce=True, token_access_type="offline", ca_certs=ca)
print(flow.start())
result = flow.finish(input())
with Dropbox(oauth2_refresh_token=result.refresh_token, app_key=key, session=session) as client:
    print(client.users_get_current_account().email)
flow.requests_session.close()
"""


async def test_refresh_and_authorisation(
    sandbox: Sandbox, account: Account, authority: tuple[ssl.SSLContext, Path], tmp_path: Path
) -> None:
    """In a process of its own, because the package takes these hosts from the environment when it is imported."""
    host = urlsplit(sandbox.tls_url).netloc
    hosts = {f"DROPBOX_{name}_HOST": host for name in ("API", "API_CONTENT", "API_NOTIFY", "WEB")}
    script = tmp_path / "refresh.py"
    script.write_text(REFRESH)
    arguments = [str(authority[1]), account.app_key, account.app_secret, account.refresh_token]
    process = await asyncio.create_subprocess_exec(
        sys.executable, str(script), *arguments, stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE, env={**os.environ, **hosts}
    )
    assert process.stdin is not None
    assert process.stdout is not None
    assert await process.stdout.readline() == b"airline@example.com\n"
    sandbox.world.expire_tokens("airline")
    process.stdin.write(b"\n")
    assert await process.stdout.readline() == b"airline@example.com\n"
    page = (await process.stdout.readline()).decode().strip()
    async with aiohttp.ClientSession() as browser, browser.get(page.replace(sandbox.tls_url, sandbox.url)) as response:
        process.stdin.write(await response.read() + b"\n")
    assert await process.stdout.readline() == b"airline@example.com\n"
    assert await process.wait() == 0
