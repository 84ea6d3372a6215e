"""The language of IMAP (RFC 3501, 9): answers become values, words become what may be sent; pure.

An answer is read as fragments: a line, then for each literal its bytes and the line that goes on after it. Servers bend the grammar, so
whatever can be understood is; what cannot is a `ValueError`, of that answer only.
"""

from __future__ import annotations

import base64
import re
from collections.abc import Mapping, Sequence
from typing import Final

__all__ = ["Value", "announced", "fields_of", "folder_name", "numbers_of", "parse", "quoted", "ranges_of", "text_of"]

Value = bytes | list["Value"] | None
"""A word, a string or a number; a list; or NIL."""

_ANNOUNCED = re.compile(rb"~?\{(\d{1,12})\+?\}\Z")
_ATOM_END: Final = frozenset(b' ()"')
_DEEPEST = 200
_PRINTABLE = re.compile(r"[\x20-\x25\x27-\x7e]+")


def announced(line: bytes) -> int | None:
    """How many bytes follow the line as a literal; None if none do."""
    found = _ANNOUNCED.search(line)
    return int(found[1]) if found else None


def parse(fragments: Sequence[bytes]) -> list[Value]:
    """The values of an answer.

    Args:
        fragments: Lines and literals in turn; each line but the last one ends with what announces the literal.

    Raises:
        ValueError: It cannot be understood.
    """
    stack: list[list[Value]] = [[]]
    for number, fragment in enumerate(fragments):
        if number % 2:
            stack[-1].append(fragment)
        else:
            _parse_line(_ANNOUNCED.sub(b"", fragment) if number + 1 < len(fragments) else fragment, stack)
    if len(stack) != 1:
        raise ValueError("a list does not end")
    return stack[0]


def _parse_line(line: bytes, stack: list[list[Value]]) -> None:
    at = 0
    while at < len(line):
        sign = line[at : at + 1]
        at += 1
        match sign:
            case b" ":
                continue
            case b"(":
                if len(stack) >= _DEEPEST:
                    raise ValueError("lists within lists without end")
                inner: list[Value] = []
                stack[-1].append(inner)
                stack.append(inner)
            case b")":
                if len(stack) == 1:
                    raise ValueError("a list ends that did not begin")
                stack.pop()
            case b'"':
                text, at = _string(line, at)
                stack[-1].append(text)
            case _:
                atom, at = _atom(line, at - 1)
                stack[-1].append(None if atom.upper() == b"NIL" else atom)


def _string(line: bytes, at: int) -> tuple[bytes, int]:
    """A quoted string whose opening quote is before ``at``, and where it ends."""
    start, escaped = at, False
    while True:
        quote, slash = line.find(b'"', at), line.find(b"\\", at)
        if quote < 0:
            raise ValueError("a quoted string does not end")
        if slash < 0 or quote < slash:
            text = line[start:quote]
            return (re.sub(rb"\\(.)", rb"\1", text, flags=re.DOTALL) if escaped else text), quote + 1
        at, escaped = slash + 2, True


def _atom(line: bytes, at: int) -> tuple[bytes, int]:
    """A word, with whatever it has in square brackets, and where it ends."""
    start, depth = at, 0
    while at < len(line):
        sign = line[at]
        if sign == ord("["):
            depth += 1
        elif sign == ord("]"):
            depth -= 1
        elif depth <= 0 and sign in _ATOM_END:
            break
        at += 1
    return line[start:at], at


def fields_of(values: Sequence[Value]) -> Mapping[str, Value]:
    """The names and values of ``* n FETCH (name value …)``, given what follows the number and the word; names in upper case.

    Raises:
        ValueError: It is no such list.
    """
    if len(values) != 1 or not isinstance(values[0], list) or len(values[0]) % 2:
        raise ValueError("no list of names and values")
    flat = values[0]
    fields: dict[str, Value] = {}
    for name, value in zip(flat[::2], flat[1::2], strict=True):
        if not isinstance(name, bytes):
            raise ValueError("a name that is none")  # noqa: TRY004  it is the server's text that is wrong, not a type of ours
        fields[name.decode("ascii", "replace").upper()] = value
    return fields


def numbers_of(words: bytes) -> list[int]:
    """The numbers of ``* SEARCH 1 2 3``, sorted, given what follows the word."""
    return sorted({int(word) for word in words.split() if word.isdigit()})


def ranges_of(numbers: Sequence[int]) -> str:
    """A set of numbers as IMAP writes it: ``1:3,7``.

    Args:
        numbers: Sorted, each once, at least one.
    """
    parts: list[str] = []
    start = last = numbers[0]
    for number in [*numbers[1:], -1]:
        if number == last + 1:
            last = number
            continue
        parts.append(str(start) if start == last else f"{start}:{last}")
        start = last = number
    return ",".join(parts)


def text_of(value: Value) -> str:
    """A value as text, whatever signs it has; empty if it is a list or NIL."""
    return value.decode("utf-8", "surrogateescape") if isinstance(value, bytes) else ""


def quoted(text: str) -> str:
    """A text as a quoted string.

    Raises:
        ValueError: It has signs that a quoted string cannot have.
    """
    if not text.isascii() or not text.isprintable():
        raise ValueError("signs that cannot be quoted")
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'


def folder_name(name: str) -> str:
    """A folder's name as it is sent: other than ASCII in the UTF-7 of IMAP (RFC 3501, 5.1.3)."""
    parts: list[str] = []
    at = 0
    while at < len(name):
        plain = _PRINTABLE.match(name, at)
        if plain:
            parts.append(plain[0])
            at = plain.end()
        elif name[at] == "&":
            parts.append("&-")
            at += 1
        else:
            end = at
            while end < len(name) and not 0x20 <= ord(name[end]) <= 0x7E:
                end += 1
            coded = base64.b64encode(name[at:end].encode("utf-16-be", "surrogatepass")).decode().rstrip("=")
            parts.append(f"&{coded.replace('/', ',')}-")
            at = end
    return "".join(parts)
