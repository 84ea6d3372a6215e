"""The language of ``q``: which files are looked for (https://developers.google.com/workspace/drive/api/guides/ref-search-terms).

``=`` on names takes no notice of upper and lower case, as the real service does not.
"""

from __future__ import annotations

import re
from collections.abc import Callable

from archiver.sandbox.google.drive import DriveFile
from archiver.sandbox.google.refusals import invalid

__all__ = ["Wanted", "parse_query"]

Wanted = Callable[[DriveFile], bool]
"""Says whether a file is meant."""

_TOKEN = re.compile(r"\s*(?:'((?:[^'\\]|\\.)*)'|([A-Za-z]+)|(!=|>=|<=|=|<|>|[(){}]))")
_TEXTS: dict[str, Callable[[DriveFile], str]] = {
    "name": lambda file: file.name,
    "mimeType": lambda file: file.mime_type,
    "modifiedTime": lambda file: file.modified_time,
    "createdTime": lambda file: file.created_time,
}
_MOST_TERMS = 600


def parse_query(text: str) -> Wanted:
    """Reads a query; an empty one means every file.

    Raises:
        Refusal: It cannot be read, or has too many terms.
    """
    if not text.strip():
        return lambda _file: True
    parser = _Parser(text)
    wanted = parser.either()
    if parser.word() is not None:
        raise invalid("q")
    return wanted


class _Parser:
    """Reads a query from left to right.

    Args:
        text: The query.
    """

    def __init__(self, text: str) -> None:
        self._tokens: list[tuple[str, str]] = []
        at = 0
        while at < len(text.rstrip()):
            found = _TOKEN.match(text, at)
            if found is None:
                raise invalid("q")
            at = found.end()
            string, word, sign = found.groups()
            self._tokens.append(("string", re.sub(r"\\(.)", r"\1", string)) if string is not None else ("word", word or sign))
        if len(self._tokens) > _MOST_TERMS * 6:
            raise invalid("q", "The query is too complex.")
        self._at = 0

    def word(self) -> str | None:
        """The next word or sign; None at the end, and before a text."""
        if self._at < len(self._tokens) and self._tokens[self._at][0] == "word":
            return self._tokens[self._at][1]
        return None

    def either(self) -> Wanted:
        """Terms with ``or`` between."""
        terms = [self._both()]
        while self.word() == "or":
            self._at += 1
            terms.append(self._both())
        return terms[0] if len(terms) == 1 else lambda file: any(term(file) for term in terms)

    def _both(self) -> Wanted:
        terms = [self._term()]
        while self.word() == "and":
            self._at += 1
            terms.append(self._term())
        return terms[0] if len(terms) == 1 else lambda file: all(term(file) for term in terms)

    def _term(self) -> Wanted:
        word = self.word()
        if word == "not":
            self._at += 1
            denied = self._term()
            return lambda file: not denied(file)
        if word == "(":
            self._at += 1
            inner = self.either()
            self._expect(")")
            return inner
        if word is None:
            parent = self._string()
            self._expect("in")
            self._expect("parents")
            return lambda file: parent in file.parents
        self._at += 1
        if word in {"appProperties", "properties"}:
            return self._property(word)
        if word == "trashed":
            return self._trashed()
        if word not in _TEXTS:
            raise invalid("q")
        return self._text(_TEXTS[word], folded=word == "name")

    def _property(self, kind: str) -> Wanted:
        for sign in ("has", "{", "key", "="):
            self._expect(sign)
        key = self._string()
        for sign in ("and", "value", "="):
            self._expect(sign)
        value = self._string()
        self._expect("}")
        return lambda file: (file.app_properties if kind == "appProperties" else file.properties).get(key) == value

    def _trashed(self) -> Wanted:
        sign, value = self._next(), self._next()
        if sign not in {"=", "!="} or value not in {"true", "false"}:
            raise invalid("q")
        wanted = (value == "true") == (sign == "=")
        return lambda file: file.trashed == wanted

    def _text(self, of: Callable[[DriveFile], str], *, folded: bool) -> Wanted:
        sign, value = self._next(), self._string()
        fold = str.casefold if folded else str
        match sign:
            case "=":
                return lambda file: fold(of(file)) == fold(value)
            case "!=":
                return lambda file: fold(of(file)) != fold(value)
            case "contains":
                return lambda file: fold(value) in fold(of(file))
            case ">" | ">=" | "<" | "<=":
                return lambda file: _compare(of(file), sign, value)
            case _:
                raise invalid("q")

    def _next(self) -> str:
        word = self.word()
        if word is None:
            raise invalid("q")
        self._at += 1
        return word

    def _expect(self, word: str) -> None:
        if self._next() != word:
            raise invalid("q")

    def _string(self) -> str:
        if self._at >= len(self._tokens) or self._tokens[self._at][0] != "string":
            raise invalid("q")
        self._at += 1
        return self._tokens[self._at - 1][1]


def _compare(left: str, sign: str, right: str) -> bool:
    # Both are moments in RFC 3339 and UTC, so their order is that of the texts as far as these go.
    left = left[: len(right)]
    return {">": left > right, ">=": left >= right, "<": left < right, "<=": left <= right}[sign]
