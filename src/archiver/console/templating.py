"""Templates and the words in them: numbers, sizes, times and states as people read them."""

from __future__ import annotations

import time
from importlib.resources import files

import jinja2

from archiver.model import Millis

__all__ = ["age", "ahead", "amount", "bytes_text", "clock_text", "date_text", "environment", "name_of", "rate", "words"]

_UNITS = ("B", "kB", "MB", "GB", "TB", "PB")
_SPANS = ((86400, "d"), (3600, "h"), (60, "min"))
_NAMES = {
    "dropbox": "Dropbox",
    "google_drive": "Google Drive",
    "onedrive": "OneDrive",
    "sharepoint": "SharePoint",
    "box": "Box",
    "s3": "S3",
    "gcs": "Google Cloud Storage",
    "azure": "Azure Blob Storage",
    "sftp": "SFTP",
    "webdav": "WebDAV",
    "ringcentral": "RingCentral",
    "twilio": "Twilio",
    "folder": "Folder",
    "memory": "Memory",
    "sqltable": "SQL table",
    "rclone": "rclone",
}


def environment() -> jinja2.Environment:
    """Everything that templates have; what they do not know is an error, and everything is escaped."""
    loader = jinja2.FunctionLoader(lambda name: (files("archiver.console") / "templates" / name).read_text(encoding="utf-8"))
    made = jinja2.Environment(
        loader=loader, autoescape=True, undefined=jinja2.StrictUndefined, trim_blocks=True, lstrip_blocks=True, auto_reload=False
    )
    made.filters |= {
        "age": age,
        "ahead": ahead,
        "amount": amount,
        "bytes": bytes_text,
        "clock": clock_text,
        "date": date_text,
        "name": name_of,
        "rate": rate,
        "words": words,
    }
    return made


def amount(number: float) -> str:
    """A number with its thousands apart: a narrow space, which no language takes for a point."""
    return f"{number:,.0f}".replace(",", "\u202f")


def rate(number: float) -> str:
    """A number per second: one digit after the point as long as it says something."""
    return "0" if not number else f"{number:.1f}" if number < 100 else amount(number)


def bytes_text(number: float) -> str:
    """A size in units of a thousand."""
    value = float(number)
    for unit in _UNITS:
        if value < 1000 or unit == _UNITS[-1]:
            return f"{value:.0f} {unit}" if unit == "B" or value >= 100 else f"{value:.1f} {unit}"
        value /= 1000
    raise AssertionError  # the last unit takes everything


def age(at: Millis | None, now: Millis) -> str:
    """How long ago something was."""
    return "–" if at is None else _span((now - at) / 1000)


def ahead(until: Millis, now: Millis) -> str:
    """How long something lasts still."""
    return _span(max(0.0, (until - now + 999) // 1000))


def _span(seconds: float) -> str:
    """A span in its largest unit, and in the next one where it says something."""
    seconds = max(0, int(seconds))
    for place, (size, unit) in enumerate(_SPANS):
        if seconds >= size:
            count, rest = divmod(seconds, size)
            smaller, name = _SPANS[place + 1] if place + 1 < len(_SPANS) else (1, "s")
            return f"{count} {unit}" + (f" {rest // smaller} {name}" if count < 10 and rest // smaller else "")
    return f"{seconds} s"


def clock_text(at: Millis) -> str:
    """A moment to the second, UTC."""
    return time.strftime("%Y-%m-%d %H:%M:%S UTC", time.gmtime(at / 1000))


def date_text(at: Millis) -> str:
    """A day, UTC."""
    return time.strftime("%Y-%m-%d", time.gmtime(at / 1000))


def name_of(adapter: str) -> str:
    """An adapter's name as its maker writes it."""
    return _NAMES.get(adapter) or adapter.replace("_", " ").title()


def words(text: str) -> str:
    """An identifier as words: ``reconnect_needed`` and ``SourceGoneError`` as people say it."""
    spaced = "".join(f" {letter}" if letter.isupper() and place else letter for place, letter in enumerate(text))
    return spaced.replace("_", " ").lower().removesuffix(" error")
