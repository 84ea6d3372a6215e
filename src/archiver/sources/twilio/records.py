"""What Twilio's rows are as discoveries; pure. Fields are those of its API of 2010-04-01.

| what | kind | external id | part |
|---|---|---|---|
| a call | `call_log` | the call's SID | a digest of what the row says |
| a recording | `recording` | the call's SID; its own if it names no call | the recording's SID |
| the text of a message | `sms` | the message's SID | `text` |
| the same with all its fields | `sms` | the message's SID | `json-` and a digest of what it says |
| what came with it | `sms` | the message's SID | the attachment's SID |

A row is fetched when what it tells no longer changes by itself: a call that has ended, a recording that is completed, a message that was
sent or has come. A message whose delivery is told later is an item of its own; the price, which comes later too, makes none.
"""

from __future__ import annotations

import email.utils
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, Final
from urllib.parse import quote

import msgspec

from archiver.model import Discovery, Kind, Millis
from archiver.sources.inline import canonical, carried, digest
from archiver.sources.replies import clean_name
from archiver.sources.twilio.api import VERSION, Row
from archiver.sources.twilio.settings import Sound

__all__ = ["CONTENTS", "DATES", "Reader", "Readiness", "digest_of", "has_media", "iso", "media_path", "millis_of", "readiness_of"]

CONTENTS: Final = 1
"""The budget that bytes are paid from; what travels within its locator costs nothing."""
DATES: Final[Mapping[Kind, str]] = {Kind.CALL_LOG: "start_time", Kind.RECORDING: "date_created", Kind.SMS: "date_sent"}
"""The field by which each list is in order, the newest first, and can be cut."""

_VOLATILE = frozenset({"price", "price_unit", "date_updated", "uri", "subresource_uris", "media_url", "queue_time", "annotation"})
_NEVER = frozenset({"absent", "deleted"})
"""Recordings that have no sound, or not any more."""
_WAITING: Final[Mapping[Kind, frozenset[str]]] = {
    Kind.CALL_LOG: frozenset({"queued", "ringing", "in-progress"}),
    Kind.RECORDING: frozenset({"in-progress", "paused", "stopped", "processing"}),
    Kind.SMS: frozenset({"accepted", "scheduled", "queued", "sending", "receiving"}),
}


class Readiness(msgspec.Struct, frozen=True):
    """Whether a row may be fetched.

    Attributes:
        ready: It may.
        comes: It will: what it is about is still going on.
    """

    ready: bool
    comes: bool


def readiness_of(kind: Kind, row: Row) -> Readiness:
    """Whether a row may be fetched, by its status; one that Twilio invents later may."""
    status = str(row.get("status") or "")
    waits, never = status in _WAITING[kind], kind is Kind.RECORDING and status in _NEVER
    return Readiness(ready=not waits and not never, comes=waits)


def millis_of(text: Any) -> Millis:
    """A time as Twilio writes it (RFC 2822) as milliseconds since the epoch; 0 if it is none: the row is found all the same."""
    try:
        return max(0, round(email.utils.parsedate_to_datetime(str(text)).timestamp() * 1000))
    except (ValueError, OverflowError):
        return 0


def iso(at: Millis) -> str:
    """A moment as a parameter."""
    return datetime.fromtimestamp(max(0, at) // 1000, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def digest_of(row: Row) -> str:
    """What a row says, without what changes by itself."""
    return digest(row, _VOLATILE)


def has_media(row: Row) -> bool:
    """Whether something came with a message."""
    count = str(row.get("num_media") or "0")
    return count.isdecimal() and int(count) > 0


def media_path(account: str, row: Row) -> str:
    """Where what came with a message is listed."""
    return f"{_path(account, 'Messages', row)}/Media.json"


class Reader(msgspec.Struct, frozen=True, kw_only=True):
    """Makes discoveries of rows.

    Attributes:
        sound: How recordings are fetched.
        since: Nothing older is wanted.
        names: What accounts are called, by their SIDs.
    """

    sound: Sound = Sound()
    since: Millis = 0
    names: Mapping[str, str] = {}

    def call(self, account: str, row: Row) -> Iterator[Discovery]:
        """A row of the calls."""
        at = millis_of(row.get("start_time") or row.get("date_created"))
        if at >= self.since and _sid(row):
            yield carried(
                canonical(row),
                kind=Kind.CALL_LOG,
                external_id=_sid(row),
                part=digest_of(row),
                occurred_at=at,
                media_type="application/json",
                metadata={**self._about(account), **_told(row, "status", "duration", "parent_call_sid", "caller_name", "forwarded_from")},
                **_parties(row),
            )

    def recording(self, account: str, row: Row, call: Row) -> Iterator[Discovery]:
        """A recording, and of whom by the call that it belongs to."""
        at = millis_of(row.get("start_time") or row.get("date_created"))
        if at < self.since or not _sid(row):
            return
        # What is encrypted is not made into anything else by Twilio.
        form = "wav" if row.get("encryption_details") else self.sound.format
        both = self.sound.dual_channel and row.get("channels") == 2
        known: dict[str, Any] = {
            "kind": Kind.RECORDING,
            "occurred_at": at,
            "locator": f"{_path(account, 'Recordings', row)}.{form}{'?RequestedChannels=2' if both else ''}",
            "media_type": "audio/mpeg" if form == "mp3" else "audio/x-wav",
            "budget": CONTENTS,
            "metadata": {
                **self._about(account),
                **_told(row, "call_sid", "conference_sid", "duration", "channels", "encryption_details"),
                **_told(call, "caller_name"),
                "recording_id": _sid(row),
                "recording_type": clean_name(str(row.get("source") or "")),
            },
            **_parties(call),
        }
        call_sid = clean_name(str(row.get("call_sid") or ""))
        yield Discovery(external_id=call_sid or _sid(row), part=_sid(row) if call_sid else "", **known)

    def message(self, account: str, row: Row, attachments: Sequence[Row]) -> Iterator[Discovery]:
        """A message: its text, all that is known of it, and what came with it."""
        at = millis_of(row.get("date_sent") or row.get("date_created"))
        if at < self.since or not _sid(row):
            return
        known: dict[str, Any] = {
            "kind": Kind.SMS,
            "external_id": _sid(row),
            "occurred_at": at,
            "metadata": {**self._about(account), **_told(row, "status", "num_media", "error_code", "messaging_service_sid")},
            **_parties(row),
        }
        yield carried(_readable(row), part="text", media_type="text/plain", **known)
        yield carried(canonical(row), part=f"json-{digest_of(row)}", media_type="application/json", **known)
        for each in attachments:
            if _sid(each):
                yield Discovery(
                    part=_sid(each),
                    locator=f"{_path(account, 'Messages', row)}/Media/{quote(_sid(each), safe='')}",
                    media_type=_media_type(each),
                    budget=CONTENTS,
                    **known,
                )

    def _about(self, account: str) -> dict[str, Any]:
        return {"account_sid": account, "owner_name": clean_name(self.names.get(account, ""))}


def _parties(row: Row) -> dict[str, str]:
    """Who to whom; the line is the side that is the account's own."""
    word = str(row.get("direction") or "")
    direction = "inbound" if word.startswith("inbound") else "outbound" if word.startswith(("outbound", "trunking-originating")) else ""
    sender, recipient = clean_name(str(row.get("from") or "")), clean_name(str(row.get("to") or ""))
    owner = recipient if direction == "inbound" else sender if direction else ""
    return {"direction": direction, "sender": sender, "recipient": recipient, "owner": owner}


def _readable(row: Row) -> bytes:
    """A message as a person reads it; the same row makes the same text."""
    lines = [
        f"From: {clean_name(str(row.get('from') or 'unknown'))}",
        f"To: {clean_name(str(row.get('to') or 'unknown'))}",
        f"Date: {row.get('date_sent') or row.get('date_created') or 'unknown'}",
        f"Direction: {row.get('direction') or 'unknown'}",
        "",
        str(row.get("body") or ""),
        "",
    ]
    return "\n".join(lines).encode(errors="replace")


def _told(row: Row, *names: str) -> dict[str, Any]:
    """Of these fields those that say something."""
    return {name: _clean(row[name]) for name in names if row.get(name) not in (None, "")}


def _clean(value: Any) -> Any:
    match value:
        case str():
            return clean_name(value)
        case Mapping():
            return {clean_name(str(name)): _clean(item) for name, item in value.items()}
        case list():
            return [_clean(item) for item in value]
        case _:
            return value


def _path(account: str, of: str, row: Row) -> str:
    return f"{VERSION}/Accounts/{quote(account, safe='')}/{of}/{quote(_sid(row), safe='')}"


def _sid(row: Row) -> str:
    """What names a row; empty if nothing does."""
    return clean_name(str(row.get("sid") or ""))


def _media_type(row: Row) -> str:
    told = clean_name(str(row.get("content_type") or "")).partition(";")[0].strip()
    return told if "/" in told else "application/octet-stream"
