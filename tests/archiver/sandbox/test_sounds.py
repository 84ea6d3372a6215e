"""Recordings with sound in them."""

from __future__ import annotations

import wave
from array import array
from io import BytesIO

import pytest

from archiver.sandbox.sounds import BASE_SAMPLES, RATE, recording


@pytest.mark.parametrize("samples", [0, 1, RATE, BASE_SAMPLES])
def test_a_recording_is_a_wav_file_of_its_length(samples: int) -> None:
    """PCM, 16 bit, mono, 8 kHz, read by the standard library."""
    data = recording(3, samples, "a comment of odd length.")
    with wave.open(BytesIO(data)) as file:
        assert (file.getnchannels(), file.getsampwidth(), file.getframerate(), file.getnframes()) == (1, 2, RATE, samples)
        assert len(file.readframes(samples)) == 2 * samples
    assert int.from_bytes(data[4:8], "little") == len(data) - 8


def test_there_is_sound_in_it() -> None:
    """Loud and quiet parts, as in speech, and no clipping."""
    with wave.open(BytesIO(recording(1, 5 * RATE, "call"))) as file:
        samples = array("h", file.readframes(5 * RATE))
    frames = [max(map(abs, samples[start : start + 400])) for start in range(0, len(samples), 400)]
    assert max(frames) > 8000
    assert min(frames) < 2000
    assert max(frames) < 32_000


def test_recordings_differ_by_number_and_comment() -> None:
    """No two have the same bytes, and the same is the same again."""
    made = {recording(number, RATE, f"call {number}") for number in range(50)}
    assert len(made) == 50
    assert recording(7, RATE, "one") != recording(7, RATE, "two")
    assert recording(7, RATE, "one") == recording(7, RATE, "one")
