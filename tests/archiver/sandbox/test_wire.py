"""What arguments are accepted."""

from __future__ import annotations

import msgspec
import pytest

from archiver.sandbox.wire import Commit, FinishBatchArg, ListFolderArg, MetadataArg, StartBatchArg


@pytest.mark.parametrize("mode", ["add", "overwrite", {".tag": "add"}, {".tag": "update", "update": "a1c10ce0dd78"}])
def test_a_mode_is_a_union_or_its_tag(mode: object) -> None:
    """Both ways of writing a union without fields are read."""
    commit = msgspec.convert({"path": "/a", "mode": mode}, Commit)
    assert commit.overwrites == (mode == "overwrite")
    assert commit.update_rev == ("a1c10ce0dd78" if isinstance(mode, dict) and "update" in mode else None)


@pytest.mark.parametrize(
    "argument",
    [
        {"path": "a"},
        {"path": ""},
        {},
        {"path": "/a", "mode": "replace"},
        {"path": "/a", "mode": {".tag": "update"}},
        {"path": "/a", "mode": {".tag": "update", "update": "XYZ"}},
        {"path": "/a", "client_modified": "2026-11-02T08:00:00+00:00"},
        {"path": "/a", "client_modified": "2026-11-02T08:00:00.5Z"},
        {"path": "/a", "autorename": "no"},
    ],
)
def test_malformed_commits_are_refused(argument: object) -> None:
    """Paths, modes and times have their forms."""
    with pytest.raises(msgspec.ValidationError):
        msgspec.convert(argument, Commit)


def test_batches_have_a_thousand_entries_at_most() -> None:
    """Of sessions as of commits."""
    entry = {"cursor": {"session_id": "s", "offset": 0}, "commit": {"path": "/a"}}
    assert len(msgspec.convert({"entries": [entry] * 1000}, FinishBatchArg).entries) == 1000
    with pytest.raises(msgspec.ValidationError):
        msgspec.convert({"entries": [entry] * 1001}, FinishBatchArg)
    for number in (0, 1001):
        with pytest.raises(msgspec.ValidationError):
            msgspec.convert({"num_sessions": number}, StartBatchArg)


def test_session_types_are_read_from_both_forms() -> None:
    """A tag as a string, or the union."""
    for form in ("concurrent", {".tag": "concurrent"}):
        assert msgspec.convert({"num_sessions": 1, "session_type": form}, StartBatchArg).concurrent
    assert not msgspec.convert({"num_sessions": 1}, StartBatchArg).concurrent


def test_reading_paths_may_be_ids_and_revisions() -> None:
    """And the root is a folder but no file."""
    for path in ("/a", "id:abc", "rev:a1c10ce0dd78"):
        assert msgspec.convert({"path": path}, MetadataArg).path == path
    with pytest.raises(msgspec.ValidationError):
        msgspec.convert({"path": ""}, MetadataArg)
    assert msgspec.convert({"path": ""}, ListFolderArg).path == ""
