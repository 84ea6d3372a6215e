"""Upload sessions."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from archiver.sandbox.content import ContentStore
from archiver.sandbox.hashing import BLOCK_BYTES, digest
from archiver.sandbox.sessions import MAX_FILE_BYTES, SESSION_SECONDS, SessionError, Sessions, UploadSession


@pytest.fixture
def store(tmp_path: Path) -> Iterator[ContentStore]:
    """Keeps bytes."""
    store = ContentStore(tmp_path)
    yield store
    store.close()


@pytest.fixture
def sessions(store: ContentStore) -> Sessions:
    """One account's."""
    return Sessions(store)


def refused(session: UploadSession, offset: int, data: bytes, *, close: bool = False) -> str:
    """The tag with which a piece is refused."""
    with pytest.raises(SessionError) as caught:
        session.append(offset, data, close=close)
    return str(caught.value.error[".tag"])


def test_sequential_pieces_make_the_file(sessions: Sessions) -> None:
    """Pieces in order, closed by the last."""
    session = sessions.start(0, concurrent=False)
    session.append(0, b"abc", close=False)
    session.append(3, b"def", close=True)
    assert session.finish(6, batch=True) == digest(b"abcdef")
    assert session.finish(6, batch=True) == digest(b"abcdef")


def test_a_wrong_offset_tells_the_right_one(sessions: Sessions) -> None:
    """An append that landed before is answered with where to go on."""
    session = sessions.start(0, concurrent=False)
    session.append(0, b"abc", close=False)
    with pytest.raises(SessionError) as caught:
        session.append(0, b"abc", close=False)
    assert caught.value.error == {".tag": "incorrect_offset", "correct_offset": 3}
    with pytest.raises(SessionError) as caught:
        session.finish(2, batch=False)
    assert caught.value.error == {".tag": "incorrect_offset", "correct_offset": 3}


def test_a_closed_session_takes_nothing_more(sessions: Sessions) -> None:
    """Also not an empty piece."""
    session = sessions.start(0, concurrent=False)
    session.append(0, b"", close=True)
    assert refused(session, 0, b"") == "closed"
    assert session.finish(0, batch=True) == digest(b"")


def test_a_batch_wants_closed_sessions(sessions: Sessions) -> None:
    """A single finish closes by itself."""
    session = sessions.start(0, concurrent=False)
    session.append(0, b"abc", close=False)
    with pytest.raises(SessionError, match="not_closed"):
        session.finish(3, batch=True)
    assert session.finish(3, batch=False) == digest(b"abc")


def test_a_session_ends_after_seven_days(sessions: Sessions) -> None:
    """Then it is as if it had never been."""
    session = sessions.start(1000, concurrent=False)
    assert sessions.find(session.session_id, 1000 + SESSION_SECONDS) is session
    with pytest.raises(SessionError, match="not_found"):
        sessions.find(session.session_id, 1001 + SESSION_SECONDS)
    with pytest.raises(SessionError, match="not_found"):
        sessions.find("pid_upload_session:other", 0)
    assert len(sessions) == 0


def test_ids_have_the_length_of_real_ones(sessions: Sessions) -> None:
    """Headers are as long as with the real service: 71 characters each."""
    ids = {sessions.start(0, concurrent=False).session_id for _ in range(100)}
    assert {len(name) for name in ids} == {71}
    assert len(ids) == 100


def test_concurrent_pieces_may_come_in_any_order(sessions: Sessions) -> None:
    """The last piece closes; what is missing is noticed."""
    block = b"x" * BLOCK_BYTES
    session = sessions.start(0, concurrent=True)
    session.append(BLOCK_BYTES, block, close=False)
    session.append(2 * BLOCK_BYTES, b"rest", close=True)
    with pytest.raises(SessionError, match="concurrent_session_missing_data"):
        session.finish(2 * BLOCK_BYTES + 4, batch=True)

    session = sessions.start(0, concurrent=True)
    session.append(BLOCK_BYTES, block, close=False)
    session.append(0, b"y" * BLOCK_BYTES, close=False)
    with pytest.raises(SessionError, match="concurrent_session_not_closed"):
        session.finish(2 * BLOCK_BYTES, batch=False)
    session.append(2 * BLOCK_BYTES, b"rest", close=True)
    assert session.finish(2 * BLOCK_BYTES + 4, batch=True) == digest(b"y" * BLOCK_BYTES + block + b"rest")


def test_concurrent_pieces_obey_their_rules(sessions: Sessions) -> None:
    """Offsets and sizes are multiples of 4 MiB."""
    session = sessions.start(0, concurrent=True)
    assert refused(session, 5, b"") == "concurrent_session_invalid_offset"
    assert refused(session, 0, b"odd") == "concurrent_session_invalid_data_size"


def test_a_file_has_an_end(sessions: Sessions) -> None:
    """Beyond 2^41 - 2^22 bytes nothing is taken."""
    session = sessions.start(0, concurrent=False)
    session.size = MAX_FILE_BYTES
    assert refused(session, MAX_FILE_BYTES, b"x") == "too_large"


def test_a_committed_session_is_used_up(sessions: Sessions) -> None:
    """Forgotten ones are not found."""
    session = sessions.start(0, concurrent=False)
    sessions.forget([session.session_id, "unknown"])
    with pytest.raises(SessionError, match="not_found"):
        sessions.find(session.session_id, 0)
