"""How commits change an account's tree."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from archiver.sandbox.hashing import digest
from archiver.sandbox.namespace import FileEntry, Namespace, WriteRefusedError
from archiver.sandbox.wire import Commit

WHEN = "2026-11-02T08:00:00Z"
NOW = 1793606400.0


@pytest.fixture
def namespace() -> Namespace:
    """An empty one with room for 1000 bytes."""
    return Namespace(1000)


def write(namespace: Namespace, path: str, data: bytes = b"data", **commit: Any) -> FileEntry:
    """Commits."""
    return namespace.commit(Commit(path=path, **commit), digest(data), NOW)


def refusal(namespace: Namespace, path: str, data: bytes = b"data", **commit: Any) -> str:
    """The tags with which a commit is refused."""
    with pytest.raises(WriteRefusedError) as caught:
        write(namespace, path, data, **commit)
    error = caught.value.error
    inner = error.get(error[".tag"])
    return f"{error['.tag']}/{inner['.tag']}" if isinstance(inner, dict) else str(error[".tag"])


def test_a_file_makes_its_parents(namespace: Namespace) -> None:
    """Folders appear with the first file in them."""
    entry = write(namespace, "/Airline/2026/a.wav")
    assert entry.name == "a.wav"
    assert namespace.find("/airline/2026") == "/Airline/2026"
    assert [item if isinstance(item, str) else item.path_display for item in namespace.listing("", recursive=True)] == [
        "/Airline",
        "/Airline/2026",
        "/Airline/2026/a.wav",
    ]
    assert len(list(namespace.listing("/airline", recursive=False))) == 1


def test_the_same_content_again_changes_nothing(namespace: Namespace) -> None:
    """In every mode: no new revision, only one more transfer."""
    first = write(namespace, "/a.wav")
    rev = first.rev
    for mode in ("add", "overwrite", {".tag": "update", "update": "123456789"}):
        again = write(namespace, "/A.WAV", mode=mode)
        assert (again.rev, again.revisions) == (rev, 1)
    assert first.transfers == 4
    assert first.path_display == "/a.wav"


def test_other_content_at_the_path_is_a_conflict(namespace: Namespace) -> None:
    """With mode add, and nothing is written."""
    write(namespace, "/a.wav")
    assert refusal(namespace, "/a.wav", b"other") == "conflict/file"
    assert len(namespace.files) == 1


def test_strict_conflict_also_refuses_the_same_content(namespace: Namespace) -> None:
    """And an update of what is no longer there."""
    write(namespace, "/a.wav")
    assert refusal(namespace, "/a.wav", strict_conflict=True) == "conflict/file"
    update = {".tag": "update", "update": "123456789"}
    assert refusal(namespace, "/b.wav", mode=update, strict_conflict=True) == "conflict/file"
    assert write(namespace, "/b.wav", mode=update).revisions == 1


def test_a_revision_is_visible_since_its_own_commit(namespace: Namespace) -> None:
    """The same bytes again make no revision, other bytes do."""
    for now, data, expected in ((5.5, b"one", 5.5), (6.5, b"one", 5.5), (7.5, b"two", 7.5)):
        assert namespace.commit(Commit(path="/a", mode="overwrite"), digest(data), now).visible_at == expected


def test_overwrite_and_update_make_revisions(namespace: Namespace) -> None:
    """Update only with the right revision."""
    first = write(namespace, "/a.wav", b"one")
    old = first.rev
    second = write(namespace, "/a.wav", b"two!", mode="overwrite")
    assert (second.id, second.revisions, second.content) == (first.id, 2, digest(b"two!"))
    assert refusal(namespace, "/a.wav", b"three", mode={".tag": "update", "update": old}) == "conflict/file"
    assert write(namespace, "/a.wav", b"three", mode={".tag": "update", "update": second.rev}).revisions == 3
    assert namespace.used_bytes == 5


def test_a_folder_or_a_file_in_the_way_is_a_conflict(namespace: Namespace) -> None:
    """A folder at the path, a file at a parent."""
    write(namespace, "/a/b.wav")
    assert refusal(namespace, "/A", mode="overwrite") == "conflict/folder"
    assert refusal(namespace, "/a/b.wav/c/d.wav") == "conflict/file_ancestor"
    assert set(namespace.folders) == {"/a"}


def test_autorename_finds_a_free_name(namespace: Namespace) -> None:
    """What makes "x (1).wav": the very thing which Archiver must never ask for."""
    write(namespace, "/x.wav", b"0")
    names = [write(namespace, "/x.wav", data, autorename=True).path_display for data in (b"1", b"2")]
    update = {".tag": "update", "update": "123456789"}
    names.append(write(namespace, "/x.wav", b"3", autorename=True, mode=update).path_display)
    write(namespace, "/y", b"0")
    names.append(write(namespace, "/y", b"1", autorename=True).path_display)
    assert names == ["/x (1).wav", "/x (2).wav", "/x (conflicted copy 1).wav", "/y (1)"]


def test_the_quota_is_kept(namespace: Namespace) -> None:
    """What does not fit is refused and leaves no folder behind; what replaces something may use its room."""
    write(namespace, "/a", b"x" * 900)
    assert refusal(namespace, "/new/b", b"y" * 101) == "insufficient_space"
    assert not namespace.folders
    write(namespace, "/a", b"y" * 1000, mode="overwrite")
    assert namespace.used_bytes == 1000


@pytest.mark.parametrize(
    ("path", "tag"),
    [
        ("/a//b", "malformed_path"),
        ("/a/", "malformed_path"),
        ("/", "malformed_path"),
        ("/a/../b", "malformed_path"),
        ("/a\\b", "malformed_path"),
        ("/a\x7f", "malformed_path"),
        ("/a ", "malformed_path"),
        ("/a /b", "malformed_path"),
        ("/" + "n" * 256, "malformed_path"),
        ("id:unknown", "malformed_path"),
        ("/a/Desktop.ini", "disallowed_name"),
        ("/.DS_Store/a", "disallowed_name"),
        ("/thumbs.db", "disallowed_name"),
        ("/.dropbox", "disallowed_name"),
    ],
)
def test_names_that_dropbox_does_not_take(namespace: Namespace, path: str, tag: str) -> None:
    """Malformed and disallowed ones."""
    assert refusal(namespace, path) == tag


@pytest.mark.parametrize("path", ["/a b/c.wav", "/ü/😀.wav", "/a.b..c/-x_~#+=@,().wav", "/" + "n" * 255, "/CON", "/a:b?*.wav"])
def test_names_that_dropbox_takes(namespace: Namespace, path: str) -> None:
    """Found again under the same path, whatever its case."""
    entry = write(namespace, path)
    assert namespace.find(path.upper().replace("Ü", "ü")) is entry
    assert namespace.find(entry.id) is entry
    assert namespace.find(f"rev:{entry.rev}") is entry


def test_decomposed_and_composed_names_are_the_same(namespace: Namespace) -> None:
    """Unicode is normalised."""
    entry = write(namespace, "/u\u0308.wav")
    assert namespace.find("/\u00fc.wav") is entry


def test_a_commit_may_go_to_an_id(namespace: Namespace) -> None:
    """The path is the file's."""
    entry = write(namespace, "/a.wav")
    assert write(namespace, entry.id, b"new", mode="overwrite").path_display == "/a.wav"


def test_what_a_journal_has_is_restored(namespace: Namespace) -> None:
    """Later revisions replace earlier ones and new ones get larger numbers."""
    entry = FileEntry("/a/b", "/A/b", "id:one", "00000000000ff", digest(b"12345"), WHEN, WHEN)
    namespace.restore(entry)
    namespace.restore(FileEntry("/a/b", "/A/b", "id:one", "0000000000100", digest(b"123"), WHEN, WHEN, 2, 2))
    assert namespace.used_bytes == 3
    assert namespace.find("/a") == "/A"
    assert int(write(namespace, "/c").rev, 16) > 0x100


@given(
    st.lists(st.tuples(st.sampled_from(["/a", "/A", "/a/b", "/c/d", "/c"]), st.binary(max_size=2), st.sampled_from(["add", "overwrite"])))
)
def test_used_bytes_are_those_of_the_files(commits: list[tuple[str, bytes, str]]) -> None:
    """Whatever is tried, the sum is right, and no path is file and folder at once."""
    namespace = Namespace(5)
    for path, data, mode in commits:
        try:
            write(namespace, path, data, mode=mode)
        except WriteRefusedError:
            continue
    assert namespace.used_bytes == sum(entry.content.size for entry in namespace.files.values()) <= 5
    assert not namespace.files.keys() & namespace.folders.keys()
