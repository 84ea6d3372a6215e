"""Renders the chart in deploy/helm with as much of Helm's language as its templates use, so that what comes out can be looked at.

No package index has Helm itself. Whatever is not known here fails, so the chart stays as plain as this is.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml

__all__ = ["rendered"]

_TAG = re.compile(r"(?P<space>\s*)\{\{(?P<trim>-?) (?P<words>[^{}]+?) \}\}")


def rendered(chart: Path, values: Mapping[str, Any]) -> list[dict[str, Any]]:
    """What the chart makes of its own values with these on top: every object, in the order of the files."""
    about = yaml.safe_load((chart / "Chart.yaml").read_text())
    scope = {
        "Values": _merged(yaml.safe_load((chart / "values.yaml").read_text()), values),
        "Release": {"Name": "release", "Namespace": "space"},
        "Chart": {"AppVersion": about["appVersion"]},
    }
    objects = []
    for template in sorted((chart / "templates").glob("*.yaml")):
        text = _Template(template.read_text()).render(scope)
        objects += [document for document in yaml.safe_load_all(text) if document is not None]
    return objects


def _merged(own: Any, given: Any) -> Any:
    if isinstance(own, Mapping) and isinstance(given, Mapping):
        return {**own, **{name: _merged(own.get(name), value) for name, value in given.items()}}
    return given


class _Template:
    """A template: texts, and tags between them."""

    def __init__(self, text: str) -> None:
        self._parts: list[tuple[bool, str]] = []  # whether it is a tag, and its words
        at = 0
        for found in _TAG.finditer(text):
            space = "" if found["trim"] else found["space"]
            self._parts += [(False, text[at : found.start()] + space), (True, found["words"])]
            at = found.end()
        self._parts.append((False, text[at:]))
        self._at = 0

    def render(self, scope: Mapping[str, Any]) -> str:
        """The text that comes out."""
        self._at = 0
        text = self._block(scope)
        assert self._at == len(self._parts), "an end too many"
        return text

    def _block(self, scope: Mapping[str, Any]) -> str:
        """Up to the tag that ends the block, which stays to be read."""
        text = ""
        while self._at < len(self._parts):
            is_tag, words = self._parts[self._at]
            word, _, rest = words.partition(" ")
            if is_tag and word in {"end", "else"}:
                break
            self._at += 1
            if not is_tag:
                text += words
            elif word == "if":
                text += self._if(rest, scope)
            elif word == "range":
                text += self._range(rest, scope)
            else:
                text += _value(words, scope)
        return text

    def _if(self, condition: str, scope: Mapping[str, Any]) -> str:
        negated, path = condition.startswith("not "), condition.removeprefix("not ")
        holds = bool(_found(path, scope)) is not negated
        then = self._block(scope)
        otherwise = ""
        if self._parts[self._at][1] == "else":
            self._at += 1
            otherwise = self._block(scope)
        self._at += 1
        return then if holds else otherwise

    def _range(self, words: str, scope: Mapping[str, Any]) -> str:
        named = re.fullmatch(r"(\$\w+), (\$\w+) := (\S+)", words)
        assert named, f"range {words}"
        begin = self._at
        text = ""
        for name, value in sorted(_found(named[3], scope).items()):
            self._at = begin
            text += self._block({**scope, named[1]: name, named[2]: value})
        self._at += 1
        return text


def _found(path: str, scope: Mapping[str, Any]) -> Any:
    value: Any = scope
    for name in [path] if path.startswith("$") else path.removeprefix(".").split("."):
        assert name in value, f"{path} has no value"
        value = value[name]
    return value


def _value(words: str, scope: Mapping[str, Any]) -> str:
    first, *pipes = words.split(" | ")
    value = yaml.safe_dump(_found(first.removeprefix("toYaml "), scope)).rstrip() if first.startswith("toYaml ") else _found(first, scope)
    for pipe in pipes:
        match pipe.split():
            case ["quote"]:
                value = '"' + str(value).replace('"', '\\"') + '"'
            case ["upper"]:
                value = str(value).upper()
            case ["nindent", width]:
                value = "".join("\n" + " " * int(width) + line for line in str(value).splitlines())
            case _:
                raise AssertionError(f"the chart uses {pipe}, which is not known here")
    return str(value)
