"""Which parts a mail has, in the words of several servers."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from archiver.sources.imap.structure import MOST_PARTS, Part, parts_of
from archiver.sources.imap.wire import Value, parse

TEXT = b'("text" "plain" ("charset" "utf-8") NIL NIL "7bit" 35 2 NIL NIL NIL NIL)'


def parts(line: bytes) -> list[Part]:
    """The parts of a structure as it is said."""
    return parts_of(parse([line])[0])


def test_a_mail_with_an_attachment() -> None:
    """Sections are counted from one; what is attached is known by its disposition."""
    pdf = b'("application" "pdf" NIL NIL NIL "BASE64" 7159 NIL ("attachment" ("filename" "fax (1.pdf")) NIL NIL)'
    text, fax = parts(b"(" + TEXT + pdf + b' "mixed" ("boundary" "B") NIL NIL NIL)')
    assert (text.section, text.media_type, text.charset, text.attached) == ("1", "text/plain", "utf-8", False)
    assert fax == Part(section="2", media_type="application/pdf", encoding="base64", octets=7159, name="fax (1.pdf", attached=True)


def test_a_mail_that_is_one_part() -> None:
    """It is asked for as the first."""
    (only,) = parts(b'("audio" "wav" ("name" "msg.wav") NIL NIL "base64" 107 NIL NIL NIL NIL)')
    assert (only.section, only.media_type, only.name) == ("1", "audio/wav", "msg.wav")


def test_parts_within_parts() -> None:
    """Alternatives within a mixture, and a mail that was forwarded whole, whether it has several parts or one."""
    inner = b'("audio" "x-wav" ("name" "a.wav") NIL NIL "base64" 9 NIL ("attachment" NIL) NIL NIL)'
    envelope = b"(NIL NIL NIL NIL NIL NIL NIL NIL NIL NIL)"
    one = b'("message" "rfc822" NIL NIL NIL "7bit" 99 ' + envelope + b" " + inner + b" 9 NIL NIL NIL NIL)"
    many = b'("message" "rfc822" NIL NIL NIL "7bit" 99 ' + envelope + b" (" + TEXT + inner + b' "mixed") 9 NIL NIL NIL NIL)'
    found = parts(b"((" + TEXT + TEXT + b' "alternative")' + one + many + b' "mixed")')
    assert [part.section for part in found] == ["1.1", "1.2", "2.1", "3.1", "3.2"]


@pytest.mark.parametrize(
    "said",
    [
        b'("attachment" ("filename" "=?utf-8?q?f=C3=A4x.pdf?="))',
        b'("attachment" ("filename*" "utf-8\'\'f%C3%A4x.pdf"))',
        b'("attachment" ("filename*0*" "utf-8\'\'f%C3%A4" "filename*1" "x.pdf"))',
        '("attachment" ("filename" "fäx.pdf"))'.encode(),
        '"attachment; filename=\\"fäx.pdf\\""'.encode(),
    ],
    ids=["encoded word", "extended", "in pieces", "as it is", "as one text"],
)
def test_names_of_files(said: bytes) -> None:
    """Each way in which a name is written means the same name, and the name tells what bytes without a type are."""
    (part,) = parts(b'("application" "octet-stream" NIL NIL NIL "base64" 10 NIL ' + said + b" NIL NIL)")
    assert (part.name, part.media_type, part.attached) == ("fäx.pdf", "application/pdf", True)


def test_a_picture_of_the_text_is_not_attached() -> None:
    """A logo that the text shows by its id is no attachment, a picture that was attached is one."""
    logo = b'("image" "png" ("name" "logo.png") "<logo@x>" NIL "base64" 9 NIL ("inline" ("filename" "logo.png")) NIL NIL)'
    page = b'("image" "png" ("name" "page.png") NIL NIL "base64" 9 NIL ("attachment" ("filename" "page.png")) NIL NIL)'
    assert [part.attached for part in parts(b"(" + logo + page + b' "mixed")')] == [False, True]


def test_what_cannot_be_understood_is_refused() -> None:
    """No structure, an endless one, one with more parts than anybody attaches."""
    with pytest.raises(ValueError, match="no structure"):
        parts_of(None)
    deep: Value = [b"text", b"plain"]
    for _ in range(100):
        deep = [deep, b"mixed"]
    with pytest.raises(ValueError, match="no structure"):
        parts_of(deep)
    with pytest.raises(ValueError, match="too many"):
        parts(b"(" + TEXT * (MOST_PARTS + 1) + b' "mixed")')


@given(st.recursive(st.one_of(st.none(), st.binary(max_size=10)), lambda inner: st.lists(inner, max_size=9), max_leaves=40))
def test_nonsense_is_an_error_of_its_own(value: Value) -> None:
    """Whatever a server says, it is read or refused; nothing else is raised."""
    try:
        found = parts_of(value)
    except ValueError:
        return
    for part in found:
        part.name.encode()
