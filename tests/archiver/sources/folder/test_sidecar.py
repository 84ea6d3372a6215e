"""Sidecars and locators."""

import json
import os
from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from archiver.model import Kind
from archiver.sources.folder.sidecar import MalformedSidecarError, Sidecar, describe, locator_of, parse_sidecar, path_of


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("2026-05-10T10:02:02Z", 1_778_407_322_000),
        ("2026-05-10T10:02:02", 1_778_407_322_000),
        ("2026-05-10T12:02:02.250+02:00", 1_778_407_322_250),
        (1_778_407_322_000, 1_778_407_322_000),
        (None, 5),
    ],
)
def test_times(value: str | int | None, expected: int) -> None:
    """ISO 8601, in UTC if it does not say, or milliseconds; else the file's own date."""
    sidecar = parse_sidecar(json.dumps({"occurred_at": value}).encode())
    found = describe("a.wav", size=1, mtime_ns=5_000_000, kind=Kind.RECORDING, sidecar=sidecar)
    assert found is not None
    assert found.occurred_at == expected


@pytest.mark.parametrize(
    "text",
    [
        "",
        "{",
        "[]",
        '{"kind": "letter"}',
        '{"occurred_at": "yesterday"}',
        '{"occurred_at": [1]}',
        '{"external_id": ""}',
        '{"external_id": 1.5}',
        '{"sha256": "12"}',
        '{"metadata": []}',
        '{"sender": 15}',
    ],
)
def test_a_sidecar_that_cannot_be_understood_says_so(text: str) -> None:
    """Whatever is wrong with it, and without showing a value."""
    with pytest.raises(MalformedSidecarError) as caught:
        parse_sidecar(text.encode())
    assert "yesterday" not in str(caught.value)


@given(data=st.binary(max_size=60))
def test_nonsense_is_malformed(data: bytes) -> None:
    """Any bytes give a sidecar or the one error."""
    with suppress(MalformedSidecarError):
        assert isinstance(parse_sidecar(data), Sidecar)


def test_without_kind_there_is_no_discovery() -> None:
    """Neither the extension nor the sidecar tells."""
    assert describe("a.xyz", size=1, mtime_ns=0, kind=None, sidecar=Sidecar()) is None


def test_an_extension_of_ones_own_has_a_media_type_of_its_own() -> None:
    """So that the archived file keeps its extension."""
    found = describe("a.xyz", size=1, mtime_ns=0, kind=Kind.FAX, sidecar=Sidecar())
    assert found is not None
    assert found.media_type == "application/x-xyz"


@given(path=st.binary(min_size=1, max_size=30) | st.sampled_from([b"%:a", b"a", b"\xff", b"%:\xff"]))
def test_locators_stand_for_paths(path: bytes) -> None:
    """Any file name there and back, as text that every database takes."""
    name = os.fsdecode(path)
    locator = locator_of(name)
    locator.encode()
    assert path_of(locator) == name
