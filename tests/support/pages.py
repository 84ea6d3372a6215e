"""Renders the reference pages of docs/ from the code they describe; ``make docs`` writes them, a test holds them to it."""

from __future__ import annotations

import ast
import importlib
import inspect
import re
from collections.abc import Iterator
from enum import StrEnum
from pathlib import Path

from archiver import errors, lifecycle, model, outcome
from archiver.cli import COMMANDS
from archiver.cli.options import Options
from archiver.pipeline import events
from archiver.settings import explain, load

DOCS = Path(__file__).parent.parent.parent / "docs"
_MADE = "<!-- Made by `make docs` from the code; change it there. -->\n"

_SETTINGS = f"""\
# Settings

{_MADE}
A flag beats the environment, which beats the file `archiver.toml` in the home (or the one that `--config` or `ARCHIVER_CONFIG`
names). The home is `$XDG_DATA_HOME/archiver`, by default `~/.local/share/archiver`. `archiver settings` shows every value and where
it came from. An unknown key is an error that names the nearest known one.

TABLE

Only the commands that use a setting take it as a flag; `key` is never a flag, since others can read command lines. Sizes may have
units (`32MiB`, `64 MB`), durations are seconds.

```toml
# archiver.toml
log_format = "json"
uploads_in_flight = 500
bytes_in_flight = "64MiB"
```

Secret options of sources and destinations are not settings. They are sealed in the database when a customer is added, and come from
`ARCHIVER_<ADAPTER>_<OPTION>`, such as `ARCHIVER_DROPBOX_REFRESH_TOKEN`, or from a hidden prompt. `archiver destinations dropbox`
names them.

## The key

Credentials are sealed with AES-256-GCM. The key file is made, mode 0600, when the first credential is sealed; without it the
credentials are lost, so keep a copy elsewhere. It holds one key a line, base64: the first one seals, all of them open. To change the
key, put a new one in front and keep the old one. A file that others may read is refused.
"""

_EVENTS = """\
Every event is one log line; its fields carry no content, no phone numbers and no paths. `archiver run` itself logs `Serving`,
`Draining` and `Stopped`."""


def pages() -> dict[str, str]:
    """Every made page by file name."""
    return {"commands.md": commands_page(), "settings.md": settings_page(), "reference.md": reference_page()}


def commands_page() -> str:
    """Every command with its text, its example and its flags."""
    parts = [
        "# Commands",
        _MADE,
        "`archiver --help` lists the commands, `archiver COMMAND --help` explains one. Every command takes these:",
        _table(["flag", "meaning"], [(f"`--{name.replace('_', '-')}`", text) for name, text in _options()]),
        inspect.cleandoc(importlib.import_module("archiver.cli").__doc__ or "").split("\n\n", 2)[2].replace("| exit code", "\n| exit code"),
    ]
    for command, (target, _) in COMMANDS.items():
        module, _, name = target.partition(":")
        function = getattr(importlib.import_module(module), name)
        text, _, arguments = (inspect.getdoc(function) or "").partition("\nArgs:\n")
        parts += [f"## archiver {command}", _unwrapped(text)]
        rows = [(_flag(function, *line), line[1]) for line in _arguments(arguments)]
        parts += [_table(["argument", "meaning"], rows)] if rows else []
    return "\n\n".join(part.strip() for part in parts) + "\n"


def settings_page() -> str:
    """Every setting with its variable, its default and its meaning."""
    settings = load(environment={"ARCHIVER_HOME": "/HOME"})
    rows = []
    for row in explain(settings):
        default = "" if row.name in {"home", "key"} else f"`{row.value}`"
        rows.append((f"`{row.name}`", f"`{row.variable}`", default.replace("/HOME", "<home>"), row.help))
    return _SETTINGS.replace("TABLE", _table(["setting", "variable", "default", "meaning"], rows))


def reference_page() -> str:
    """States, outcomes, events and errors: the words that appear in the database, in logs and in commands."""
    parts = ["# Words that appear in logs, commands and the database", _MADE]
    parts += ["## States of a delivery", _members(lifecycle, lifecycle.DeliveryState)]
    parts += ["## States of a connection", _members(model, model.ConnectionState)]
    parts += ["## States of a customer", _table(["state"], [(f"`{state}`",) for state in model.CustomerState])]
    parts += ["## Outcomes of one try", _classes(outcome)]
    parts += ["## Events", _EVENTS, _classes(events)]
    rows = [
        (f"`{name}`", f"`{error.__mro__[1].__name__}`", error.scope, error.exit_code if error.scope == "process" else "", _sentence(error))
        for name, error in inspect.getmembers(errors, inspect.isclass)
        if issubclass(error, errors.ArchiverError)
    ]
    parts += ["## Errors", _table(["error", "is a", "reaches", "exit code", "meaning"], rows)]
    return "\n\n".join(part.strip() for part in parts) + "\n"


def _options() -> Iterator[tuple[str, str]]:
    tree = ast.parse(inspect.getsource(Options))
    yield from _documented(tree)


def _documented(tree: ast.AST) -> Iterator[tuple[str, str]]:
    """Names that are assigned and followed by a string that explains them."""
    body = next(node for node in ast.walk(tree) if isinstance(node, ast.ClassDef)).body
    for node, following in zip(body, [*body[1:], None], strict=True):
        target = node.target if isinstance(node, ast.AnnAssign) else node.targets[0] if isinstance(node, ast.Assign) else None
        if isinstance(target, ast.Name):
            text = following.value.value if isinstance(following, ast.Expr) and isinstance(following.value, ast.Constant) else ""
            yield target.id, _plain(str(text))


def _members(_module: object, enum: type[StrEnum]) -> str:
    tree = ast.parse(inspect.getsource(enum))
    return _table(["state", "meaning"], [(f"`{enum[name]}`", text) for name, text in _documented(tree)])


def _classes(module: object) -> str:
    found = [
        (name, thing)
        for name, thing in vars(module).items()
        if inspect.isclass(thing) and thing.__module__ == getattr(module, "__name__", "")
    ]
    return _table(["name", "meaning"], [(f"`{name}`", _sentence(thing)) for name, thing in found])


def _sentence(thing: type) -> str:
    return _plain((inspect.getdoc(thing) or "").split("\n\n")[0])


def _plain(text: str) -> str:
    """One line, with Markdown's code marks."""
    return " ".join(text.split()).replace("``", "`")


def _arguments(text: str) -> Iterator[tuple[str, str]]:
    for line in re.split(r"\n(?=    ?\S)", "\n" + text):
        name, colon, meaning = line.strip().partition(": ")
        if colon:
            yield name, " ".join(meaning.split())


def _flag(function: object, name: str, _text: str) -> str:
    parameter = inspect.signature(function).parameters[name]  # type: ignore[arg-type]
    if parameter.kind in (parameter.POSITIONAL_ONLY, parameter.VAR_POSITIONAL):
        return f"`{name.upper()}`"
    return f"`--{name.strip('_').replace('_', '-')}`"


def _unwrapped(text: str) -> str:
    """Joins the lines of paragraphs, but not of code."""
    parts = re.split(r"(```.*?```)", text.strip(), flags=re.DOTALL)
    return "".join(part if part.startswith("```") else re.sub(r"(?<!\n)\n(?!\n)", " ", part) for part in parts).replace(" ```", "\n```")


def _table(columns: list[str], rows: list[tuple[object, ...]]) -> str:
    lines = [columns, ["---"] * len(columns), *rows]
    return "\n".join("| " + " | ".join(str(cell) for cell in line) + " |" for line in lines)


if __name__ == "__main__":
    for name, text in pages().items():
        (DOCS / name).write_text(text)
