"""The language of IMAP: whatever a server may say is read, and nothing is sent that means something else."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from archiver.sources.imap.wire import Value, announced, fields_of, folder_name, numbers_of, parse, quoted, ranges_of

ATOMS = st.from_regex(rb"[A-Za-z0-9.]{1,12}", fullmatch=True).filter(lambda atom: atom.upper() != b"NIL")
VALUES: st.SearchStrategy[Value] = st.recursive(
    st.one_of(st.none(), ATOMS, st.binary(max_size=40)), lambda inner: st.lists(inner, max_size=4), max_leaves=20
)


def spoken(value: Value, *, literals: bool) -> list[bytes]:
    """A value as a server says it: fragments."""
    if value is None:
        return [b"NIL"]
    if isinstance(value, list):
        fragments = [b"("]
        for number, inner in enumerate(value):
            first, *rest = spoken(inner, literals=literals)
            fragments[-1] += (b" " if number else b"") + first
            fragments += rest
        fragments[-1] += b")"
        return fragments
    if literals or b"\r" in value or b"\n" in value:
        return [b"{%d}" % len(value), value, b""]
    return [b'"' + value.replace(b"\\", b"\\\\").replace(b'"', b'\\"') + b'"']


@given(VALUES, st.booleans())
def test_what_is_said_is_what_is_read(value: Value, literals: bool) -> None:
    """Strings with parentheses, quotes and backslashes, literals of any bytes, lists in lists."""
    assert parse(spoken(value, literals=literals)) == [value]


@given(st.lists(st.binary(max_size=60), min_size=1, max_size=5))
def test_nonsense_is_an_error_of_its_own(fragments: list[bytes]) -> None:
    """Whatever comes, it is read or refused as no IMAP; nothing else is raised."""
    try:
        parse(fragments)
        fields_of(parse(fragments))
    except ValueError:
        pass


def test_an_answer_to_fetch() -> None:
    """Names with brackets, blanks and parentheses are one name; a part in a literal is its value."""
    fragments = [b'(UID 7 FLAGS (\\Seen) BODY[HEADER.FIELDS (DATE "FROM")]<0> {12}', b"Date: (now)\r", b' X "a (b" Y NIL)']
    assert fields_of(parse(fragments)) == {
        "UID": b"7",
        "FLAGS": [b"\\Seen"],
        'BODY[HEADER.FIELDS (DATE "FROM")]<0>': b"Date: (now)\r",
        "X": b"a (b",
        "Y": None,
    }


def test_lists_without_end_are_refused() -> None:
    """A thousand parentheses are no reason to go a thousand levels down."""
    with pytest.raises(ValueError, match="without end"):
        parse([b"(" * 1000 + b")" * 1000])


@pytest.mark.parametrize(
    ("line", "length"), [(b"* 1 FETCH (X {5}", 5), (b"x {0}", 0), (b"x {7+}", 7), (b"x ~{9}", 9), (b"x {5} ", None), (b"{x}", None)]
)
def test_a_literal_is_announced(line: bytes, length: int | None) -> None:
    """At the end of a line, in each of its forms."""
    assert announced(line) == length


@given(st.sets(st.integers(1, 300), min_size=1))
def test_ranges_name_every_number(numbers: set[int]) -> None:
    """A set names each number once, and no other."""
    named = [
        number for part in ranges_of(sorted(numbers)).split(",") for number in range(int(part.split(":")[0]), int(part.split(":")[-1]) + 1)
    ]
    assert named == sorted(numbers)


def test_numbers_of_a_search() -> None:
    """What is no number is passed over."""
    assert numbers_of(b"3 1 x 3") == [1, 3]


def test_names_of_folders() -> None:
    """The UTF-7 of the RFC's own examples, and the ampersand."""
    assert folder_name("~peter/mail/台北/日本語") == "~peter/mail/&U,BTFw-/&ZeVnLIqe-"
    assert folder_name("Fax & Voice") == "Fax &- Voice"


@pytest.mark.parametrize("text", ["a\r\nb", "a\0", "é"])
def test_what_would_break_a_line_is_not_quoted(text: str) -> None:
    """No name becomes another command."""
    with pytest.raises(ValueError, match="quoted"):
        quoted(text)
