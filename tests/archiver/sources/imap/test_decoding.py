"""How bytes travel in mails, undone piece by piece as it would be undone whole."""

from __future__ import annotations

import base64
import binascii
import quopri
from itertools import pairwise

from hypothesis import example, given
from hypothesis import strategies as st

from archiver.sources.imap.decoding import decoder_of, is_known

CUTS = st.lists(st.integers(0, 400), max_size=6)


def undone(encoding: str, data: bytes, cuts: list[int]) -> bytes:
    """What a decoder makes of the data in pieces."""
    decoder = decoder_of(encoding)
    places = [0, *sorted(min(cut, len(data)) for cut in cuts), len(data)]
    found = b"".join(decoder.feed(data[start:end]) for start, end in pairwise(places))
    return found + decoder.finish()


@given(st.binary(max_size=400), CUTS)
def test_base64_is_undone(data: bytes, cuts: list[int]) -> None:
    """In lines, wherever they are cut."""
    assert undone("base64", base64.encodebytes(data).replace(b"\n", b"\r\n"), cuts) == data


@given(st.text("AQz09+/=\r\n -", max_size=300), CUTS)
@example("QQ=", [2])
@example("QQ=Q", [3])
@example("A=B=CD==EF", [1, 2, 3])
def test_broken_base64_is_undone_as_far_as_it_goes(text: str, cuts: list[int]) -> None:
    """What belongs to the first padding counts, as for Python; signs that do not belong and a padding that is missing do no harm."""
    data = text.encode()
    signs = sum(sign in b"AQz09+/" for sign in data)
    try:
        whole = binascii.a2b_base64(data)
    except binascii.Error:
        whole = binascii.a2b_base64(data + b"=" * (-signs % 4)) if signs % 4 != 1 else None
    if whole is not None:
        assert undone("base64", data, cuts) == whole
    else:
        undone("base64", data, cuts)


@given(st.binary(max_size=300), CUTS)
def test_quoted_printable_is_undone(data: bytes, cuts: list[int]) -> None:
    """Wherever it is cut."""
    assert undone("quoted-printable", quopri.encodestring(data), cuts) == quopri.decodestring(quopri.encodestring(data))


def test_a_line_without_end_is_not_held() -> None:
    """Ten megabytes in one line, of which a sign stands at each place where it may be cut."""
    for shift in range(3):
        data = b"x" * shift + b"=41" * 1_400_000
        assert undone("quoted-printable", data, [1_100_000, 2_200_000]) == b"x" * shift + b"A" * 1_400_000


@given(st.binary(max_size=200), CUTS)
def test_plain_bytes_stay_as_they_are(data: bytes, cuts: list[int]) -> None:
    """Under each of the names that mean nothing."""
    for encoding in ("7bit", "8bit", "binary", ""):
        assert undone(encoding, data, cuts) == data


def test_which_encodings_are_known() -> None:
    """Others are not guessed at."""
    assert [is_known(name) for name in ("base64", "quoted-printable", "8bit", "x-uuencode")] == [True, True, True, False]
