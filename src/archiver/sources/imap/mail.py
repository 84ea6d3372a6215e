"""Whose a mail is, from when, about which number: by its headers, as Python's ``email`` reads them; pure."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping
from datetime import UTC, datetime
from email.parser import BytesHeaderParser
from email.policy import default
from email.utils import getaddresses, parsedate_to_datetime
from typing import Final

import msgspec

from archiver.model import Millis
from archiver.sources.replies import clean_name

__all__ = ["HEADERS", "Mail", "arrived_at", "identity_of", "number_in", "read_mail"]

HEADERS: Final = ("Date", "From", "To", "Delivered-To", "Subject", "Message-ID")
"""What is asked of each mail."""

_PARSER = BytesHeaderParser(policy=default)
_MARK_DIGITS = 8
_ID_DIGITS = 24
_LONGEST = 400
_BEGINNING: Final = datetime(1970, 1, 2, tzinfo=UTC)
_MESSAGE_ID = re.compile(r"<([^<>]+)>")
# With the signs that people write within a number; no date, no time.
_NUMBER = re.compile(r"(?<![\w./:@-])\+?(?:\(\d{1,5}\)|\d)(?:[ .-]{0,2}(?:\(\d{1,5}\)|\d)){4,20}(?![\w/:@])")
_DIGITS = range(7, 16)
_DATE = re.compile(r"\b\d{4}-\d\d-\d\d\b|\b\d\d?[./-]\d\d?[./-]\d{2,4}\b|\b\d\d?:\d\d(?::\d\d)?\b")
_TO = re.compile(r"\b(?:to|an|für|vers|à|para)\s*:?\s*\Z", re.IGNORECASE)
_SENT = re.compile(r"\b(?:sent|delivered|delivery|transmission|transmitted|outgoing|outbound|gesendet|versendet)\b", re.IGNORECASE)


class Mail(msgspec.Struct, frozen=True, kw_only=True):
    """What the headers of a mail tell.

    Attributes:
        id: By which the mail is known everywhere: its Message-ID, or a digest of its headers if it has none.
        mark: Tells mails from each other that were given the same Message-ID.
        message_id: With its brackets, as it is searched for; empty if it has none.
        at: When it was sent; if it does not tell, when it arrived.
        subject, sender, recipient: Texts; the last two are addresses.
    """

    id: str
    mark: str
    message_id: str
    at: Millis
    subject: str
    sender: str
    recipient: str


def read_mail(headers: bytes, arrived: Millis) -> Mail:
    """Reads the headers of a mail, however wrong they are.

    Args:
        headers: As the server gives them; see `HEADERS`.
        arrived: When it arrived at the server.
    """
    values = _values(headers)
    sent = _moment(values["date"])
    name, mark, message_id = _identity(values)
    return Mail(
        id=name,
        mark=mark,
        message_id=message_id,
        at=arrived if sent is None else sent,
        subject=values["subject"],
        sender=_address(values["from"]),
        recipient=_address(values["delivered-to"]) or _address(values["to"]),
    )


def identity_of(headers: bytes) -> tuple[str, str]:
    """The id and the mark of a mail; the same wherever the mail is moved or copied."""
    name, mark, _ = _identity(_values(headers))
    return name, mark


def _identity(values: Mapping[str, str]) -> tuple[str, str, str]:
    known = "\0".join(values[name] for name in ("date", "from", "subject"))
    mark = hashlib.sha256(known.encode()).hexdigest()
    found = _MESSAGE_ID.search(values["message-id"])
    if found and found[1].strip():
        return found[1].strip(), mark[:_MARK_DIGITS], found[0]
    return f"mail-{mark[:_ID_DIGITS]}", mark[:_MARK_DIGITS], ""


def number_in(subject: str) -> tuple[str, str]:
    """The number that a subject names, and the direction of the call or fax; each empty if it does not tell.

    Of several numbers the first counts: notices begin with whom they are about.
    """
    cleaned = _DATE.sub(lambda found: "/" * len(found[0]), subject)
    outbound = _SENT.search(subject) is not None
    for found in _NUMBER.finditer(cleaned):
        digits = re.sub(r"\D", "", found[0])
        if len(digits) in _DIGITS:
            number = f"+{digits}" if found[0].startswith("+") else digits
            outbound = outbound or _TO.search(cleaned[: found.start()]) is not None
            return number, "outbound" if outbound else "inbound"
    return "", "outbound" if outbound else "inbound"


def arrived_at(internal_date: str) -> Millis:
    """The moment of an INTERNALDATE, such as ``17-Jul-1996 02:44:25 -0700``; 0 if it is none."""
    try:
        return int(datetime.strptime(internal_date.strip(), "%d-%b-%Y %H:%M:%S %z").timestamp() * 1000)
    except ValueError:
        return 0


def _values(headers: bytes) -> dict[str, str]:
    message = _PARSER.parsebytes(headers)
    raw = {name.lower(): value for name, value in reversed(list(message.raw_items()))}
    values = {}
    for name in map(str.lower, HEADERS):
        try:
            text = str(message[name] or "")
        except Exception:  # noqa: BLE001  the parser of structured headers fails in many ways; what it cannot read is read as it is
            text = str(raw.get(name, ""))
        text = text.encode("utf-8", "replace").decode()  # bytes that are no text stand as halves of characters in it
        values[name] = clean_name(" ".join(text.split()))[:_LONGEST]
    return values


def _address(text: str) -> str:
    return next((address for _, address in getaddresses([text]) if address), "")


def _moment(text: str) -> Millis | None:
    try:
        moment = parsedate_to_datetime(text)
        moment = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
        return int(moment.timestamp() * 1000) if moment >= _BEGINNING else None
    except (ValueError, TypeError, IndexError, OverflowError):
        return None
