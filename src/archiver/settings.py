"""Settings: file < environment < flags, each value knowing where it came from.

A layer holds only what was set in it; the layers are merged, and what nobody set gets its default. Adding a setting is adding a field to
`Settings`: the name in ``archiver.toml``, the variable ``ARCHIVER_<NAME>``, the flag ``--<name>`` and the docs page come from it.
"""

from __future__ import annotations

import difflib
import os
import re
import tomllib
from collections.abc import Mapping
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any, Literal, get_type_hints

import msgspec

from archiver.errors import ConfigError

__all__ = ["Origin", "Secret", "SettingRow", "Settings", "default_home", "explain", "load"]

_PREFIX = "ARCHIVER_"
_UNITS = {"": 1, "b": 1, "kb": 1000, "mb": 1000**2, "gb": 1000**3, "k": 1024, "m": 1024**2, "g": 1024**3}
_UNITS |= {"kib": 1024, "mib": 1024**2, "gib": 1024**3}
# Not settings, but ours: where the file is, and what only tests read.
_OTHER_VARIABLES = {"ARCHIVER_CONFIG", "ARCHIVER_TESTING", "ARCHIVER_TEST_DATABASE_URL", "ARCHIVER_FAILPOINTS"}
_NEARLY = 0.8
"""From this likeness on, an unknown environment variable is taken for a misspelt setting; others belong to adapters."""


class Origin(StrEnum):
    """Where a value came from; later ones win."""

    DEFAULT = "default"
    FILE = "file"
    ENVIRONMENT = "environment"
    FLAG = "flag"


class Secret:
    """A text that never shows itself; only `reveal` gives it away."""

    __slots__ = ("_text",)

    def __init__(self, text: str) -> None:
        self._text = text

    def reveal(self) -> str:
        """The text itself."""
        return self._text

    def __bool__(self) -> bool:
        return bool(self._text)

    def __repr__(self) -> str:
        return "***" if self._text else "''"

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Secret) and self._text == other._text

    def __hash__(self) -> int:
        return hash(self._text)


def _field(text: str) -> msgspec.Meta:
    return msgspec.Meta(description=text)


class Settings(msgspec.Struct, frozen=True, kw_only=True):
    """Everything that can be set. Attributes are documented where they stand, and by ``archiver settings``.

    ``origins`` names where each value came from: setting → origin; those that nobody set are left out.
    """

    home: Annotated[Path, _field("The directory where Archiver keeps what is not told to be elsewhere.")]
    database: Annotated[str, _field("The database: the path of a SQLite file, or postgresql://…. Default: archiver.db in the home.")]
    key_file: Annotated[Path, _field("The file with the keys that seal credentials, mode 0600. Default: archiver.key beside the database.")]
    key: Annotated[Secret, _field("The keys themselves, base64, separated by commas, in place of a key file; the first one seals.")] = (
        Secret("")
    )
    kms_key: Annotated[str, _field("The key of AWS KMS (its ARN, id or alias) that wraps the keys of the key file; empty for none.")] = ""
    log_level: Annotated[
        Literal["debug", "info", "warning", "error"], _field("The least important lines that are logged: debug, info, warning or error.")
    ] = "info"
    log_format: Annotated[
        Literal["auto", "json", "text"],
        _field("How lines are logged: json, text, or auto, which is text on a terminal and json otherwise."),
    ] = "auto"
    log_items: Annotated[
        Literal["auto", "yes", "no"],
        _field("Whether each archived item is a log line: yes, no, or auto, which is where lines are JSON. What failed always is one."),
    ] = "auto"
    metrics: Annotated[
        str,
        _field("Where metrics and health are served, such as 127.0.0.1:9464; empty for nowhere. Nothing for the public."),
    ] = ""
    traces: Annotated[bool, _field("Send each try of each item as a span to an OpenTelemetry collector; needs the extra otel.")] = False
    console: Annotated[
        str, _field("Where the console is served, such as 127.0.0.1:8470; empty for nowhere. Elsewhere than on loopback it needs TLS.")
    ] = ""
    console_url: Annotated[
        str, _field("The console's address as people use it, such as https://archive.example.com, if it is another.")
    ] = ""
    console_certificate: Annotated[str, _field("The file with the console's TLS certificate.")] = ""
    console_private_key: Annotated[str, _field("The file with the certificate's private key.")] = ""
    console_proxies: Annotated[
        str, _field("Addresses of proxies with TLS in front of the console, separated by commas; they tell who asks.")
    ] = ""
    webhooks: Annotated[
        str,
        _field("Where phone systems may call this process when something happens, such as 127.0.0.1:8471; empty: they are only asked."),
    ] = ""
    webhooks_url: Annotated[
        str, _field("How they reach it, such as https://archive.example.com; of each process its own. Empty: at that address itself.")
    ] = ""
    uploads_in_flight: Annotated[int, msgspec.Meta(ge=1, description="Most items on their way at one time, over all lanes.")] = 2000
    bytes_in_flight: Annotated[
        int,
        msgspec.Meta(
            ge=1 << 24,
            description="Most bytes held in memory at one time, over all lanes, such as 32MiB; at least 16MiB, two chunks of a large file.",
        ),
    ] = 32 * 1024 * 1024
    drain_seconds: Annotated[
        float, msgspec.Meta(ge=0, description="How long uploads may still run after a stop was asked for, in seconds.")
    ] = 20.0
    sweep_seconds: Annotated[
        float, msgspec.Meta(gt=0, description="How often lanes are looked through for work that no hint told of, in seconds.")
    ] = 30.0
    worker_ttl_seconds: Annotated[
        float,
        msgspec.Meta(
            ge=1,
            description="Where workers share a PostgreSQL database: one that is not heard of for so long is taken for dead, in seconds.",
        ),
    ] = 15.0
    database_wait_seconds: Annotated[
        float,
        msgspec.Meta(
            ge=0,
            description="How long `archiver run` waits at its start for a database that is away, in seconds; 0 for not at all.",
        ),
    ] = 300.0
    notify_webhook: Annotated[
        Secret, _field("The web address that is told of connections which need somebody; https, or this machine. Empty for none.")
    ] = Secret("")
    notify_webhook_secret: Annotated[Secret, _field("What signs the calls of that address: a long random text, known to both.")] = Secret(
        ""
    )
    notify_smtp: Annotated[
        Secret, _field("The mail server that tells people: smtps://user:password@host, or smtp:// with STARTTLS. Empty for none.")
    ] = Secret("")
    notify_mail_from: Annotated[str, _field("The sender of such mail.")] = ""
    notify_mail_to: Annotated[str, _field("Who gets such mail; several with commas between.")] = ""
    debug: Annotated[bool, _field("Show tracebacks of errors.")] = False
    origins: Mapping[str, Origin] = {}

    @property
    def shown_database(self) -> str:
        """The database as it may be shown: without a password."""
        without = re.sub(r"(://[^:/@]*):.*@", r"\1:***@", self.database)
        return re.sub(r"((?:^|[?&])(?:ssl)?password=)[^&]*", r"\1***", without)

    def __repr__(self) -> str:
        fields = {name: getattr(self, name) for name in self.__struct_fields__} | {"database": self.shown_database}
        return f"Settings({', '.join(f'{name}={value!r}' for name, value in fields.items())})"


class SettingRow(msgspec.Struct, frozen=True, kw_only=True):
    """One setting as a person sees it; a secret's value is ``***``."""

    name: str
    value: str | int | float | bool
    origin: Origin
    variable: str
    help: str


_HINTS = {name: hint for name, hint in get_type_hints(Settings, include_extras=True).items() if name != "origins"}


def default_home(environment: Mapping[str, str]) -> Path:
    """``$XDG_DATA_HOME/archiver``, by default ``~/.local/share/archiver``."""
    base = environment.get("XDG_DATA_HOME", "")
    # The XDG specification: a relative path there is to be ignored.
    return (Path(base) if base.startswith("/") else Path.home() / ".local" / "share") / "archiver"


def load(*, config: Path | None = None, environment: Mapping[str, str] | None = None, flags: Mapping[str, Any] | None = None) -> Settings:
    """Reads the layers and merges them.

    Args:
        config: The settings file; by default the one that ``ARCHIVER_CONFIG`` names, else ``archiver.toml`` in the home if there is one.
        environment: By default the process's own.
        flags: Settings by name, only those that were given.

    Raises:
        ConfigError: A key is unknown or its value is not of its type, or a file that was named cannot be read. Names the key and the
            nearest known one, never a value.
    """
    environment = os.environ if environment is None else environment
    from_environment = _environment_layer(environment)
    from_flags = {name: _convert(name, value, f"--{name.replace('_', '-')}") for name, value in (flags or {}).items()}
    home = from_flags.get("home") or from_environment.get("home") or default_home(environment)
    from_file = _file_layer(config, environment, home)
    values: dict[str, Any] = {}
    origins: dict[str, Origin] = {}
    for origin, layer in ((Origin.FILE, from_file), (Origin.ENVIRONMENT, from_environment), (Origin.FLAG, from_flags)):
        values |= layer
        origins |= dict.fromkeys(layer, origin)
    values.setdefault("home", home)
    values.setdefault("database", str(values["home"] / "archiver.db"))
    beside = values["home"] if "://" in values["database"] else Path(values["database"]).parent
    values.setdefault("key_file", _credential(environment) or beside / "archiver.key")
    return Settings(**values, origins=origins)


def explain(settings: Settings) -> list[SettingRow]:
    """Every setting with its value and where it came from."""
    rows = []
    for name, hint in _HINTS.items():
        value = settings.shown_database if name == "database" else getattr(settings, name)
        rows.append(
            SettingRow(
                name=name,
                value=value if isinstance(value, str | int | float | bool) else repr(value) if isinstance(value, Secret) else str(value),
                origin=settings.origins.get(name, Origin.DEFAULT),
                variable=_PREFIX + name.upper(),
                help=next(meta.description for meta in hint.__metadata__ if meta.description),
            )
        )
    return rows


def _credential(environment: Mapping[str, str]) -> Path | None:
    """The key that systemd hands to the service (``LoadCredential=archiver.key:…``), if it does."""
    directory = environment.get("CREDENTIALS_DIRECTORY", "")
    path = Path(directory) / "archiver.key"
    return path if directory and path.exists() else None


def _environment_layer(environment: Mapping[str, str]) -> dict[str, Any]:
    layer = {}
    for variable, text in environment.items():
        if not variable.startswith(_PREFIX) or variable in _OTHER_VARIABLES:
            continue
        name = variable.removeprefix(_PREFIX).lower()
        if name in _HINTS:
            layer[name] = _convert(name, text, variable)
        elif nearest := difflib.get_close_matches(name, _HINTS, n=1, cutoff=_NEARLY):
            raise ConfigError(f"there is no setting {variable}", hint=f"Did you mean {_PREFIX}{nearest[0].upper()}?")
    return layer


def _file_layer(config: Path | None, environment: Mapping[str, str], home: Path) -> dict[str, Any]:
    named = config or (Path(environment["ARCHIVER_CONFIG"]) if environment.get("ARCHIVER_CONFIG") else None)
    path = (named or home / "archiver.toml").expanduser()
    try:
        table = tomllib.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        if named is None:
            return {}
        raise ConfigError(f"the settings file {path} does not exist", hint="Give another --config, or none.") from None
    except tomllib.TOMLDecodeError as error:
        # The parser's message ends with the place; what stands in the file is not repeated, it may be a secret.
        place = re.search(r"\(at [^)]*\)$", str(error))
        raise ConfigError(f"{path} is not TOML {place[0] if place else ''}".rstrip(), hint='Lines look like: log_level = "info"') from None
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(f"the settings file {path} cannot be read: {type(error).__name__}") from None
    layer = {}
    for name, value in table.items():
        if name not in _HINTS:
            nearest = difflib.get_close_matches(name, _HINTS, n=1)
            hint = f"Did you mean {nearest[0]}?" if nearest else f"There are: {', '.join(_HINTS)}."
            raise ConfigError(f"{path} has an unknown setting {name}", hint=hint)
        layer[name] = _convert(name, value, f"{name} in {path}")
    return layer


def _convert(name: str, value: Any, place: str) -> Any:
    """The value in the setting's own type; ``place`` is what the message calls the setting."""
    if name not in _HINTS:
        raise ConfigError(f"there is no setting {place}")
    hint = _HINTS[name]
    kind = hint.__origin__
    try:
        if name == "bytes_in_flight" and isinstance(value, str):
            value = _bytes(value)
        if kind is bool and isinstance(value, str):
            value = value.lower()
        converted = msgspec.convert(value, hint, strict=False, dec_hook=_decode)
    except (msgspec.ValidationError, ValueError) as error:
        # msgspec's messages name types and limits, not values; a literal's would show what was given, so it gets ours.
        known = f"one of {', '.join(kind.__args__)}" if hasattr(kind, "__args__") else str(error).split(" - at")[0]
        raise ConfigError(f"{place} does not fit: {known}") from None
    return os.path.expanduser(converted) if name == "database" else converted  # noqa: PTH111 - a URL must stay as it is


def _decode(kind: type, value: Any) -> Any:
    """Reads the types which msgspec does not know."""
    if not isinstance(value, str) or not value:
        raise ValueError("expected a text that is not empty")
    return Path(value).expanduser() if kind is Path else Secret(value)


def _bytes(text: str) -> int:
    """A number of bytes from a text such as ``32MiB``."""
    found = re.fullmatch(r"\s*(\d+)\s*([a-zA-Z]*)\s*", text)
    if not found or found[2].lower() not in _UNITS:
        raise ValueError("expected a number of bytes, such as 33554432 or 32MiB")
    return int(found[1]) * _UNITS[found[2].lower()]
