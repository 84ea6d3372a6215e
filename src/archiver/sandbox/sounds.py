"""Call recordings with sound in them: a voice that hums syllables, as WAV (PCM, 16 bit, mono, 8 kHz).

A few base waveforms are computed once; each recording is a turned piece of one of them, with a comment of its own in the header.
So every file is different, plays, and costs microseconds.
"""

from __future__ import annotations

import math
import random
import struct
import sys
from array import array
from functools import cache

__all__ = ["RATE", "recording"]

RATE = 8000
"""Samples per second, as telephony has."""
BASES = 6
BASE_SAMPLES = 10 * RATE
TABLE = 256
# Formants of five vowels in hertz (F1, F2), rounded from Peterson and Barney, 1952.
VOWELS = ((730, 1090), (530, 1840), (270, 2290), (570, 840), (300, 870))


def recording(number: int, samples: int, comment: str) -> bytes:
    """One recording as a WAV file.

    Args:
        number: Which piece of which base waveform; every number sounds a little different.
        samples: Its length, at most ten seconds' worth.
        comment: Goes into the header (``ICMT``), and makes the file's bytes its own.
    """
    doubled = _base(number % BASES)
    start = 2 * (number * 7919 % BASE_SAMPLES)
    data = doubled[start : start + 2 * min(samples, BASE_SAMPLES)]
    text = comment.encode("ascii", "replace") + b"\0"
    text += b"\0" * (len(text) % 2)
    info = b"INFOICMT" + struct.pack("<I", len(text)) + text
    form = b"WAVEfmt " + struct.pack("<IHHIIHH", 16, 1, 1, RATE, 2 * RATE, 2, 16)
    chunks = form + b"LIST" + struct.pack("<I", len(info)) + info + b"data" + struct.pack("<I", len(data))
    return b"RIFF" + struct.pack("<I", len(chunks) + len(data)) + chunks + data


@cache
def _base(number: int) -> bytes:
    """Ten seconds of one voice, twice, so that every turn of them is one slice."""
    chance = random.Random(number)  # noqa: S311 - sound, not secrets
    pitch = 95 + 25 * number
    samples = array("h")
    while len(samples) < BASE_SAMPLES:
        if chance.random() < 0.2:
            samples.extend([0] * int(RATE * chance.uniform(0.1, 0.5)))  # a breath
        samples.extend(_syllable(chance.choice(VOWELS), pitch * chance.uniform(0.85, 1.2), chance.uniform(0.12, 0.3)))
    del samples[BASE_SAMPLES:]
    if sys.byteorder == "big":
        samples.byteswap()
    return samples.tobytes() * 2


def _syllable(vowel: tuple[int, int], pitch: float, seconds: float) -> array[int]:
    table = _cycle(vowel, round(pitch / 10) * 10)
    count = int(RATE * seconds)
    step = TABLE * pitch / RATE
    loudness = [math.sin(math.pi * at / count) for at in range(count)]
    return array("h", (int(loudness[at] * table[int(at * step * (1 - 0.08 * at / count)) % TABLE]) for at in range(count)))


@cache
def _cycle(vowel: tuple[int, int], pitch: int) -> tuple[float, ...]:
    """One cycle of a vowel: harmonics, each as loud as the formants near it let it be."""
    weights = []
    for harmonic in range(1, int(3400 // pitch)):
        near = (math.exp(-(((harmonic * pitch - formant) / 180) ** 2)) for formant in vowel)
        weights.append(sum(near) + 0.6 / harmonic)
    cycle = [
        sum(weight * math.sin(2 * math.pi * (number + 1) * at / TABLE) for number, weight in enumerate(weights)) for at in range(TABLE)
    ]
    loudest = max(map(abs, cycle))
    return tuple(12_000 * value / loudest for value in cycle)
