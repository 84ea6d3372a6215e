"""Discoveries of some mails: what came with each, and what is known of it.

A mail that cannot be taken apart (its structure cannot be understood, or a part travels in a way that nobody knows) is not lost: it is an
item as it is, whole, and its metadata says why.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Final

import msgspec

from archiver.model import Discovery, Kind
from archiver.sources.imap.contents import Place
from archiver.sources.imap.decoding import is_known
from archiver.sources.imap.mail import HEADERS, Mail, arrived_at, number_in, read_mail
from archiver.sources.imap.rules import kind_of, kind_of_mail
from archiver.sources.imap.settings import ImapSettings
from archiver.sources.imap.structure import Part, parts_of
from archiver.sources.imap.wire import Value, fields_of, parse, text_of

__all__ = ["ENVELOPE", "WITHOUT_STRUCTURE", "Shown", "discoveries_of", "shown_of"]

_ASKED = f"UID INTERNALDATE RFC822.SIZE BODY.PEEK[HEADER.FIELDS ({' '.join(map(str.upper, HEADERS))})]<0.65536>"
ENVELOPE: Final = f"({_ASKED} BODYSTRUCTURE)"
WITHOUT_STRUCTURE: Final = f"({_ASKED})"

_WHOLE: Final = Part(section="", media_type="message/rfc822", attached=True)
_CHARSET = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,39}")
_UNREADABLE = "its structure cannot be understood"
_UNKNOWN_ENCODING = "a part travels in an encoding that is not known"


class Shown(msgspec.Struct, frozen=True, kw_only=True):
    """A mail as the server shows it.

    Attributes:
        uid: Its number.
        mail: What its headers tell.
        size: Of the whole, as the server thinks.
        parts: What it has; None if that cannot be told.
    """

    uid: int
    mail: Mail
    size: int
    parts: Sequence[Part] | None


def shown_of(answers: Sequence[Sequence[bytes]]) -> dict[int, Shown]:
    """The mails that were shown, by their numbers; those whose answer cannot be understood are not among them."""
    shown: dict[int, Shown] = {}
    for fragments in answers:
        try:
            fields = fields_of(parse(fragments))
        except ValueError:
            continue
        headers = next((value for name, value in fields.items() if name.startswith("BODY[HEADER")), None)
        uid = text_of(fields.get("UID"))
        if uid.isdecimal() and isinstance(headers, bytes):
            shown[int(uid)] = _shown(int(uid), headers, fields)
    return shown


def _shown(uid: int, headers: bytes, fields: Mapping[str, Value]) -> Shown:
    try:
        parts = parts_of(fields.get("BODYSTRUCTURE"))
    except ValueError:
        parts = None
    size = text_of(fields.get("RFC822.SIZE"))
    arrived = arrived_at(text_of(fields.get("INTERNALDATE")))
    return Shown(uid=uid, mail=read_mail(headers, arrived), size=int(size) if size.isdecimal() else 0, parts=parts)


def discoveries_of(shown: Shown, folder: str, validity: int, settings: ImapSettings) -> list[Discovery]:
    """What a mail brings; nothing if no rule, and nothing usual, says what it is."""
    mail, place = shown.mail, Place(folder, validity, shown.uid, "", "", shown.size)
    told = {"from": mail.sender, "to": mail.recipient, "subject": mail.subject, "folder": folder}
    if shown.parts is None:
        kind = kind_of_mail(settings.rules, told)
        return [] if kind is None else [_discovery(mail, _WHOLE, kind, place, _UNREADABLE)]
    meant = [(part, kind) for part in shown.parts if (kind := kind_of(part, settings.rules, told)) is not None]
    strange = any(not is_known(part.encoding) for part, _ in meant)
    if meant and (settings.whole or strange):
        return [_discovery(mail, _WHOLE, meant[0][1], place, _UNKNOWN_ENCODING if strange else "")]
    return [_discovery(mail, part, kind, _at(place, part)) for part, kind in meant]


def _at(place: Place, part: Part) -> Place:
    return msgspec.structs.replace(place, section=part.section, encoding=part.encoding, octets=part.octets)


def _discovery(mail: Mail, part: Part, kind: Kind, place: Place, note: str = "") -> Discovery:
    number, direction = number_in(mail.subject)
    caller, called = (number or mail.sender, "") if direction == "inbound" else ("", number)
    known = {"subject": mail.subject, "mail_from": mail.sender, "folder": place.folder, "file_name": part.name, "note": note}
    return Discovery(
        kind=kind,
        external_id=mail.id,
        part=f"{part.section or 'mail'}-{mail.mark}",
        occurred_at=mail.at,
        locator=place.write(),
        media_type=f"{part.media_type}; charset={part.charset}" if _CHARSET.fullmatch(part.charset) else part.media_type,
        direction=direction,
        sender=caller,
        recipient=called,
        owner=mail.recipient,
        metadata={name: text for name, text in known.items() if text},
    )
