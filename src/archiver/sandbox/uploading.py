"""The upload routes: one call for a file, sessions of many calls, and the batches (files.stone, ``upload…``)."""

from __future__ import annotations

import secrets
from collections.abc import Sequence

import msgspec

from archiver.sandbox.hashing import content_hash
from archiver.sandbox.namespace import FileEntry, WriteRefusedError
from archiver.sandbox.refusals import Reply, Union, api_error, union
from archiver.sandbox.route import Call, Route
from archiver.sandbox.sessions import SessionError
from archiver.sandbox.wire import (
    AppendArg,
    AppendBatchArg,
    Cursor,
    FileMetadata,
    FinishArg,
    FinishBatchArg,
    PollArg,
    StartArg,
    StartBatchArg,
    UploadArg,
)

__all__ = ["MAX_BODY_BYTES", "UPLOAD_ROUTES", "metadata"]

MAX_BODY_BYTES = 150 * 1024 * 1024
SUCCESS = {".tag": "success"}
_encode = msgspec.json.Encoder().encode


def metadata(entry: FileEntry, tag: str | None = None) -> FileMetadata:
    """A file as the API shows it; ``tag`` where it stands in a union."""
    return FileMetadata(
        tag=tag,
        name=entry.name,
        path_lower=entry.path_lower,
        path_display=entry.path_display,
        id=entry.id,
        client_modified=entry.client_modified,
        server_modified=entry.server_modified,
        rev=entry.rev,
        size=entry.content.size,
        content_hash=entry.content.content_hash,
        is_downloadable=True,
    )


def _upload(call: Call, arg: UploadArg) -> Reply:
    _check_body(call, arg.content_hash)
    session = call.account.sessions.start(call.ready_at, concurrent=False)
    session.append(0, call.body, close=True)
    try:
        entry = _commit(call, FinishArg(cursor=Cursor(session.session_id, session.size), commit=arg))
    except WriteRefusedError as error:
        # The bytes are kept: this session may still be committed with upload_session/finish.
        raise api_error({".tag": "path", "reason": error.error, "upload_session_id": session.session_id}) from error
    call.world.committed(call.account, [entry])
    return Reply(body=_encode(metadata(entry)))


def _start(call: Call, arg: StartArg) -> Reply:
    if arg.concurrent and call.body:
        raise api_error(union("concurrent_session_data_not_allowed"))
    if arg.concurrent and arg.close:
        raise api_error(union("concurrent_session_close_not_allowed"))
    _check_body(call, arg.content_hash)
    session = call.account.sessions.start(call.world.clock.now(), concurrent=arg.concurrent)
    if call.body or arg.close:
        session.append(0, call.body, close=arg.close)
    return Reply(body=_encode({"session_id": session.session_id}))


def _start_batch(call: Call, arg: StartBatchArg) -> Reply:
    now = call.world.clock.now()
    sessions = [call.account.sessions.start(now, concurrent=arg.concurrent) for _ in range(arg.num_sessions)]
    return Reply(body=_encode({"session_ids": [session.session_id for session in sessions]}))


def _append(call: Call, arg: AppendArg) -> Reply:
    _check_body(call, arg.content_hash)
    try:
        session = call.account.sessions.find(arg.cursor.session_id, call.world.clock.now())
        session.append(arg.cursor.offset, call.body, close=arg.close)
    except SessionError as error:
        raise api_error(error.error) from error
    return Reply(body=b"null")


def _append_batch(call: Call, arg: AppendBatchArg) -> Reply:
    if sum(entry.length for entry in arg.entries) != len(call.body):
        raise api_error(union("length_mismatch"))
    _check_body(call, arg.content_hash)
    now = call.world.clock.now()
    sessions = call.account.sessions
    view = memoryview(call.body)
    results: list[Union] = []
    for index, entry in enumerate(arg.entries):
        piece, view = view[: entry.length], view[entry.length :]
        failure = call.scripted_error(index)
        if failure is None:
            try:
                sessions.find(entry.cursor.session_id, now).append(entry.cursor.offset, piece, close=entry.close)
            except SessionError as error:
                failure = error.error
        results.append(SUCCESS if failure is None else {".tag": "failure", "failure": failure})
    return Reply(body=_encode({"entries": results}))


def _finish(call: Call, arg: FinishArg) -> Reply:
    _check_body(call, arg.content_hash)
    try:
        if call.body:
            session = call.account.sessions.find(arg.cursor.session_id, call.world.clock.now())
            if session.concurrent:
                raise api_error(union("concurrent_session_data_not_allowed"))
            session.append(arg.cursor.offset, call.body, close=False)
            arg.cursor.offset += len(call.body)
        entry = _commit(call, arg)
    except SessionError as error:
        raise api_error(_lookup_failed(error)) from error
    except WriteRefusedError as error:
        raise api_error({".tag": "path", "path": error.error}) from error
    call.world.committed(call.account, [entry])
    return Reply(body=_encode(metadata(entry)))


def _finish_batch_v2(call: Call, arg: FinishBatchArg) -> Reply:
    return Reply(body=_encode({"entries": _finish_entries(call, arg.entries)}))


def _finish_batch(call: Call, arg: FinishBatchArg) -> Reply:
    job = f"dbjid:{secrets.token_urlsafe(24)}"
    call.account.jobs[job] = (call.ready_at, arg)
    return Reply(body=_encode({".tag": "async_job_id", "async_job_id": job}))


def _finish_batch_check(call: Call, arg: PollArg) -> Reply:
    job = call.account.jobs.get(arg.async_job_id)
    if job is None:
        raise api_error(union("invalid_async_job_id"))
    ready_at, batch = job
    if call.world.clock.now() < ready_at:
        return Reply(body=_encode({".tag": "in_progress"}))
    # The job's work is done when somebody looks; nobody can tell the difference, and nothing need run in the background.
    del call.account.jobs[arg.async_job_id]
    return Reply(body=_encode({".tag": "complete", "entries": _finish_entries(call, batch.entries)}))


def _finish_entries(call: Call, entries: Sequence[FinishArg]) -> list[FileMetadata | Union]:
    results: list[FileMetadata | Union] = []
    written: list[FileEntry] = []
    for index, entry in enumerate(entries):
        failure = call.scripted_error(index)
        if failure is None:
            try:
                written.append(_commit(call, entry, batch=True))
                results.append(metadata(written[-1], "success"))
                continue
            except SessionError as error:
                failure = _lookup_failed(error)
            except WriteRefusedError as error:
                failure = {".tag": "path", "path": error.error}
        results.append({".tag": "failure", "failure": failure})
    call.world.committed(call.account, written)
    return results


def _commit(call: Call, arg: FinishArg, *, batch: bool = False) -> FileEntry:
    account, now = call.account, call.world.clock.now()
    if not batch and (scripted := call.scripted_error()) is not None:
        raise WriteRefusedError(scripted)
    session = account.sessions.find(arg.cursor.session_id, now)
    content = session.finish(arg.cursor.offset, batch=batch)
    if batch and arg.content_hash is not None and arg.content_hash != content.content_hash:
        raise SessionError(union("content_hash_mismatch"))
    if call.corrupt:
        content = call.world.store.corrupted(content)
    entry = account.namespace.commit(arg.commit, content, now)
    # A session is used up by its commit: a client that lost the answer must find its file by the path.
    account.sessions.forget([session.session_id])
    account.activity.committed(now, 1)
    return entry


def _check_body(call: Call, expected_hash: str | None) -> None:
    if len(call.body) > MAX_BODY_BYTES:
        raise api_error(union("payload_too_large"))
    call.account.activity.received(call.world.clock.now(), len(call.body))
    if expected_hash is not None and content_hash(call.body) != expected_hash:
        raise api_error(union("content_hash_mismatch"))


def _lookup_failed(error: SessionError) -> Union:
    # Of the errors of a session these stand beside `lookup_failed`, not in it.
    beside = {"concurrent_session_not_closed", "concurrent_session_missing_data", "content_hash_mismatch"}
    return error.error if error.error[".tag"] in beside else {".tag": "lookup_failed", "lookup_failed": error.error}


UPLOAD_ROUTES = {
    "files/upload": Route(style="upload", argument=UploadArg, answer=_upload, files=lambda _arg: 1),
    "files/upload_session/start": Route(style="upload", argument=StartArg, answer=_start),
    "files/upload_session/start_batch": Route(style="rpc", argument=StartBatchArg, answer=_start_batch),
    "files/upload_session/append_v2": Route(style="upload", argument=AppendArg, answer=_append),
    "files/upload_session/append_batch": Route(style="upload", argument=AppendBatchArg, answer=_append_batch),
    "files/upload_session/finish": Route(style="upload", argument=FinishArg, answer=_finish, files=lambda _arg: 1),
    "files/upload_session/finish_batch_v2": Route(
        style="rpc", argument=FinishBatchArg, answer=_finish_batch_v2, files=lambda arg: len(arg.entries)
    ),
    "files/upload_session/finish_batch": Route(
        style="rpc", argument=FinishBatchArg, answer=_finish_batch, files=lambda arg: len(arg.entries), waits=False
    ),
    "files/upload_session/finish_batch/check": Route(style="rpc", argument=PollArg, answer=_finish_batch_check),
}
