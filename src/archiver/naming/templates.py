"""Path templates: checked once, compiled once, used millions of times; pure."""

from __future__ import annotations

import unicodedata
from functools import lru_cache
from string import Formatter
from types import MappingProxyType
from typing import Any, Final, NamedTuple

from archiver.errors import ConfigError
from archiver.model import Discovery
from archiver.naming.fields import (
    DAY_MS,
    FIELDS,
    FREE_FIELDS,
    OWN_FIELDS,
    PER_ITEM_FIELDS,
    Render,
    is_field,
    meta_field,
)
from archiver.naming.rules import EDGE, RULES, SAFE, Rules, clean, clean_literal, clean_token, rules_of, whole_part

__all__ = ["DEFAULT_TEMPLATE", "TEMPLATES", "Template", "check_template", "compile_template"]

TEMPLATES: Final = MappingProxyType(
    {
        "by-date": "{kind}/{year}/{month}/{day}/{stamp}_{sender}_{recipient}_{id}.{ext}",
        "by-owner": "{owner}/{kind}/{year}-{month}/{stamp}_{direction}_{sender}_{recipient}_{id}.{ext}",
        "flat": "{date}_{time}_{sender}_{recipient}_{id}.{ext}",
        "ringcentral": "RingCentral Archiver/{line}/{short_date}/{label}/{stamp}_{from}_{to_line}_{meta.recording_type}_{id}.{ext}",
    }
)
"""Templates with a name. ``ringcentral`` is the layout of RingCentral's own Archiver (its FAQ names the parts of the file name)."""

DEFAULT_TEMPLATE: Final = TEMPLATES["by-date"]
"""What a customer gets who asks for nothing else."""


def check_template(template: str) -> None:
    """Checks a template, or the name of one of `TEMPLATES`.

    Raises:
        ConfigError: It names an unknown field, has a stray brace, would leave the root, or is empty; the hint lists the known fields.
    """
    compile_template(template, "portable")


_Piece = tuple[str, str | None]
"""Literal text, then the name of a field or None."""
_Pieces = tuple[_Piece, ...]
_KNOWN_DIRECTORIES: Final = 4096


class Template(NamedTuple):
    """A compiled template.

    Attributes:
        rules: The storage's rules.
        directories: Gives them all, each with a leading ``/``.
        tokens: Those of the file name, without id and extension; an empty one is left out.
        id_first: The id goes before the tokens, not after them.
        id_affix: Literal text around the id.
        kind_in_id: The id must carry the kind, since nothing else in the path tells it for certain.
    """

    rules: Rules
    directories: Render
    tokens: tuple[Render, ...]
    id_first: bool
    id_affix: tuple[str, str]
    kind_in_id: bool


@lru_cache(maxsize=4096)
def compile_template(template: str, rules_name: str) -> Template:
    """Compiles a template, or the name of one.

    Raises:
        ConfigError: As `check_template`, or there are no such rules.
    """
    rules = rules_of(rules_name)
    *directories, name = _segments(TEMPLATES.get(template, template))
    tokens = _tokens(name)
    if len(tokens) > 1 and _is_id(tokens[0]) and not _is_id(tokens[-1]):
        id_first, id_token = True, tokens.pop(0)
    else:
        id_first, id_token = False, tokens.pop() if tokens and _is_id(tokens[-1]) else (("", "id"),)
    kind_told = any(_tells_kind(directory) for directory in directories) or (not id_first and bool(tokens) and _tells_kind(tokens[0]))
    place = next(index for index, (_, field) in enumerate(id_token) if field)
    before = clean_literal("".join(text for text, _ in id_token[: place + 1]), rules, token=True)
    after = clean_literal("".join(text for text, _ in id_token[place + 1 :]), rules, token=True)
    return Template(
        rules=rules,
        directories=_directories(directories, rules),
        tokens=tuple(_renderer(token, rules, token=True) for token in tokens),
        id_first=id_first,
        id_affix=(before.lstrip(EDGE), after),
        kind_in_id=not kind_told,
    )


def _fields_of(pieces: _Pieces) -> list[str]:
    return [field for _, field in pieces if field is not None]


def _is_id(pieces: _Pieces) -> bool:
    return _fields_of(pieces) == ["id"]


def _tells_kind(pieces: _Pieces) -> bool:
    return _fields_of(pieces) in (["kind"], ["label"])


def _segments(template: str) -> list[_Pieces]:
    """The parts of a template, checked."""
    known = f"Known fields: {', '.join(FIELDS)}."
    segments: list[list[_Piece]] = [[]]
    try:
        parsed = list(Formatter().parse(template))
    except ValueError as error:
        raise ConfigError(f"the path template is not well formed: {error}", hint=known) from None
    for literal, field, format_spec, conversion in parsed:
        if field is not None and (format_spec or conversion or not is_field(field)):
            wrong = field + (f"!{conversion}" if conversion else "") + (f":{format_spec}" if format_spec else "")
            raise ConfigError(f"the path template has an unknown field {{{wrong}}}", hint=known)
        first, *more = literal.split("/")
        segments[-1].append((first, None))
        segments.extend([(text, None)] for text in more)
        segments[-1].append(("", field))
    filled = [tuple(piece for piece in segment if piece != ("", None)) for segment in segments]
    for segment in filled:
        if segment and not _fields_of(segment) and not clean("".join(text for text, _ in segment), RULES["portable"]):
            raise ConfigError("the path template has a part that no storage takes, such as '.' or '..'", hint=known)
    if not filled[-1] or not any(_fields_of(segment) for segment in filled):
        raise ConfigError("the path template must end with a file name and name at least one field", hint=known)
    return [segment for segment in filled if segment]


def _tokens(name: _Pieces) -> list[_Pieces]:
    """The file name's tokens, without a closing ``.{ext}``, which every name gets."""
    pieces = list(name)
    if len(pieces) > 1 and pieces[-1] == ("", "ext") and pieces[-2][1] is None and pieces[-2][0].endswith("."):
        pieces[-2:] = [(pieces[-2][0][:-1], None)]
    tokens: list[list[_Piece]] = [[]]
    for text, field in pieces:
        first, *more = text.split("_")
        tokens[-1].append((first, field if not more else None))
        tokens.extend([(word, None)] for word in more)
        if more:
            tokens[-1].append(("", field))
    filled = (tuple(piece for piece in token if piece != ("", None)) for token in tokens)
    return [token for token in filled if token]


def _directories(segments: list[_Pieces], rules: Rules) -> Render:
    """All directories in one: most items share theirs with thousands of others, so they are kept by what they depend on."""
    renders = tuple(_renderer(segment, rules, token=False) for segment in segments)
    fields = {field for segment in segments for field in _fields_of(segment)}
    free = tuple(FREE_FIELDS.get(field) or meta_field(field.removeprefix("meta.")) for field in fields - set(OWN_FIELDS))
    if not fields.isdisjoint(PER_ITEM_FIELDS):
        return lambda item: "".join([f"/{render(item)}" for render in renders])
    known: dict[Any, str] = {}

    def directories(item: Discovery) -> str:
        key: Any = (item.kind, item.occurred_at // DAY_MS)
        if free:
            key = (key, *[get(item) for get in free])
        path = known.get(key)
        if path is None:
            if len(known) >= _KNOWN_DIRECTORIES:
                known.clear()
            path = known[key] = "".join([f"/{render(item)}" for render in renders])
        return path

    return directories


def _renderer(pieces: _Pieces, rules: Rules, *, token: bool) -> Render:
    """How one directory or one token is made; a single field, the usual case, without detours."""
    renders: list[Render] = []
    for text, field in pieces:
        if text:
            renders.append(_literal_renderer(clean_literal(text, rules, token=token)))
        if field is not None:
            renders.append(_field_renderer(field, rules, token=token))
    if token and len(renders) == 1 and _fields_of(pieces):
        return renders[0]

    def whole(item: Discovery) -> str:
        text = unicodedata.normalize("NFC", "".join([render(item) for render in renders])).strip(EDGE)
        return text if token else whole_part(text, rules)

    return whole


def _literal_renderer(literal: str) -> Render:
    return lambda _: literal


def _field_renderer(field: str, rules: Rules, *, token: bool) -> Render:
    if field in OWN_FIELDS:
        return OWN_FIELDS[field]
    get = FREE_FIELDS.get(field) or meta_field(field.removeprefix("meta."))
    cleaner = clean_token if token else clean
    safe = SAFE.fullmatch

    def free(item: Discovery) -> str:
        text = get(item)
        return text if safe(text) else cleaner(text, rules)

    return free
