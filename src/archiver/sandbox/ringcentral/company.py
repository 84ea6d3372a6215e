"""A made company: people, queues and menus, and what they called, wrote, said and faxed. The same seed makes the same."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator
from hashlib import sha256
from typing import Any

import msgspec

from archiver.sandbox.papers import SENTENCES, fax
from archiver.sandbox.ringcentral.office import Office
from archiver.sandbox.ringcentral.records import Extension, Message, Party
from archiver.sandbox.sounds import RATE, recording

__all__ = ["Archivable", "archivable", "fill", "picture", "silence"]

DAY = 86_400.0
_MP3_FRAME = b"\xff\xfb\x90\x64" + bytes(413)
"""A frame of silence: MPEG-1 layer III, 128 kbit/s, 44.1 kHz, 26 ms."""


class Archivable(msgspec.Struct, frozen=True):
    """One thing with bytes that an archive must have.

    Attributes:
        kind: ``recording``, ``voicemail``, ``fax``, ``sms``.
        id: Of the call or the message.
        part: Of the recording or the attachment.
        sha256: Of its bytes.
    """

    kind: str
    id: str
    part: str
    sha256: str


def silence(comment: str, frames: int = 40) -> bytes:
    """An MP3 file of silence whose tag makes its bytes its own."""
    text = b"\x03" + comment.encode()
    frame = b"TIT2" + len(text).to_bytes(4, "big") + b"\0\0" + text
    size = len(frame)
    head = b"ID3\x03\0\0" + bytes([size >> 21 & 127, size >> 14 & 127, size >> 7 & 127, size & 127])
    return head + frame + _MP3_FRAME * frames


def picture(number: int) -> bytes:
    """A GIF of one pixel, of one of sixteen million colours."""
    colour = (number * 7919 % (1 << 24)).to_bytes(3, "big")
    return b"GIF89a\x01\0\x01\0\x80\0\0" + colour + b"\0\0\0,\0\0\0\0\x01\0\x01\0\0\x02\x02D\x01\0;"


def fill(office: Office, *, extensions: int = 8, calls: int = 60, messages: int = 60, days: float = 14.0, seed: int = 1) -> None:  # noqa: PLR0913  how much of what
    """Gives an office people, and a history of so many calls and messages over the last days."""
    chance = random.Random(seed)  # noqa: S311  the same company again, not secrets
    people = [_hire(office, number) for number in range(extensions)]
    if len(office.extensions) == extensions:
        office.add_extension("0", "Main menu", type="IvrMenu")
        office.add_extension("", "Not yet here", status="NotActivated")
    now = office.now()
    for number in range(calls):
        _call(office, chance, chance.choice(people), number, now - days * DAY * (1 - number / max(calls, 1)))
    for number in range(messages):
        _MAKERS[number % len(_MAKERS)](office, chance, people[number % len(people)], now - days * DAY * (1 - number / max(messages, 1)))


def _hire(office: Office, number: int) -> Extension:
    kind = "Department" if number % 7 == 6 else "User"
    return office.add_extension(str(101 + number), f"{'Queue' if kind == 'Department' else 'Agent'} {101 + number}", type=kind)


def _call(office: Office, chance: random.Random, extension: Extension, number: int, start: float) -> None:
    other = f"555{chance.randrange(10_000_000):07}"
    # As real call logs have them: plain, formatted, masked, none at all.
    shown = (f"+1{other}", f"+1{other}", f"({other[:3]}){other[3:6]}-{other[6:]}", f"+1{other[:6]}XXXX", "")[number % 5]
    party, own = (
        Party(number=shown, name="" if number % 3 else "CALLER ID"),
        Party(extension_number=extension.number, extension_id=extension.id),
    )
    sound = recording(number, RATE + chance.randrange(RATE), f"call {number} of {extension.number}")
    second = recording(number + 1, RATE, f"transfer of call {number}")
    sounds = ((sound,), (sound,), (sound, second), (None,), ())[number % 5]
    inbound = number % 3 != 0
    sides = (party, own) if inbound else (own, party)
    made = office.add_call(
        extension,
        sounds,
        start=start,
        sender=sides[0],
        recipient=sides[1],
        direction="Inbound" if inbound else "Outbound",
        duration=12 if sounds == (None,) else chance.randrange(30, 900),
    )
    made.visible_at = made.modified_at = min(start + 60, office.now())


def _sms(office: Office, chance: random.Random, extension: Extension, at: float) -> Message:
    text = chance.choice(SENTENCES)
    outbound = chance.random() < 0.5
    message = _message(office, extension, "SMS", at, outbound=outbound, subject=text, conversation_id=chance.randrange(1, 1 << 40))
    office.attach(message, "Text", "text/plain", text.encode())
    return message


def _mms(office: Office, chance: random.Random, extension: Extension, at: float) -> None:
    message = _sms(office, chance, extension, at)
    office.attach(message, "MmsAttachment", "image/gif", picture(message.id), file_name="picture.gif")


def _voicemail(office: Office, chance: random.Random, extension: Extension, at: float) -> None:
    message = _message(office, extension, "VoiceMail", at)
    office.attach(message, "AudioRecording", "audio/mpeg", silence(f"voicemail {message.id}"), seconds=7)
    office.attach(message, "AudioTranscription", "text/plain", chance.choice(SENTENCES).encode())


def _received_fax(office: Office, chance: random.Random, extension: Extension, at: float) -> None:
    message = _message(office, extension, "Fax", at)
    office.attach(message, "RenderedDocument", "application/pdf", fax(chance, [f"FAX {message.id}"]))


def _sent_fax(office: Office, chance: random.Random, extension: Extension, at: float) -> None:
    message = _message(office, extension, "Fax", at, outbound=True)
    page = b"II*\0\x08\0\0\0" + f"a page of fax {message.id}".encode()
    office.attach(message, "RenderedDocument", "image/tiff", page, file_name="order.tif")
    del chance


def _page(office: Office, chance: random.Random, extension: Extension, at: float) -> None:
    message = _message(office, extension, "Pager", at, subject=chance.choice(SENTENCES))
    message.sender = Party(extension_number="101", name="Agent 101")


def _message(office: Office, extension: Extension, kind: str, at: float, *, outbound: bool = False, **more: Any) -> Message:
    other, own = Party(number=f"+1555{int(at) % 10_000_000:07}"), Party(number="+18005550100", name=extension.name)
    sides = (own, other) if outbound else (other, own)
    direction, status = ("Outbound", "Delivered") if outbound else ("Inbound", "Received")
    message = office.add_message(
        extension, kind, created_at=at, sender=sides[0], recipients=[sides[1]], direction=direction, status=status, **more
    )
    message.visible_at = message.modified_at = min(at + 5, office.now())
    return message


_MAKERS: tuple[Callable[[Office, random.Random, Extension, float], object], ...] = (
    _sms,
    _sms,
    _mms,
    _voicemail,
    _received_fax,
    _sent_fax,
    _page,
)
_KINDS = {"VoiceMail": "voicemail", "Fax": "fax"}


def archivable(office: Office) -> Iterator[Archivable]:
    """Everything with bytes that the office has now and that its user may read: what an archive is judged by."""
    now = office.now()
    for call, sound in office.recordings.values():
        if not sound.purged and call.visible_at <= now:
            yield Archivable("recording", call.id, sound.id, sha256(sound.content).hexdigest())
    for message in office.messages.values():
        if message.visible_at > now or message.availability == "Purged" or office.extensions[message.extension_id].forbidden:
            continue
        for attachment in message.attachments:
            if attachment.type != "Text" and attachment.ready_at <= now:
                kind = _KINDS.get(message.type, "sms")
                yield Archivable(kind, str(message.id), str(attachment.id), sha256(attachment.content).hexdigest())
