"""Which kind a part is."""

from __future__ import annotations

import pytest

from archiver.errors import ConfigError
from archiver.model import Kind
from archiver.sources.imap.rules import kind_of, kind_of_mail, rules_from
from archiver.sources.imap.structure import Part

AUDIO = Part(section="2", media_type="audio/x-wav", name="msg0001.WAV", attached=True)
PDF = Part(section="2", media_type="application/pdf", attached=True)
PICTURE = Part(section="2", media_type="image/png", attached=True)
TEXT = Part(section="1", media_type="text/plain")


@pytest.mark.parametrize(
    ("part", "subject", "kind"),
    [
        (AUDIO, "New voice message", Kind.VOICEMAIL),
        (AUDIO, "Call recording of today", Kind.RECORDING),
        (PDF, "anything", Kind.FAX),
        (PICTURE, "New eFax from 123", Kind.FAX),
        (PICTURE, "Our summer party", None),
        (TEXT, "New fax", None),
        (Part(section="3", media_type="application/pkcs7-signature", attached=True), "New fax", None),
    ],
)
def test_what_is_usual(part: Part, subject: str, kind: Kind | None) -> None:
    """Audio is voicemail or a recording, paper is fax, text and seals are nothing."""
    assert kind_of(part, [], {"subject": subject}) == kind


@pytest.mark.parametrize(
    ("rules", "part", "kind"),
    [
        ("from:*@EFAX.com=fax", PICTURE, Kind.FAX),
        ("from:*@efax.com=fax", TEXT, None),
        ("from:*@efax.com=sms", TEXT, Kind.SMS),
        ("subject:*fax*=ignore,type:*/pdf=fax", PDF, None),
        ("type:*/pdf=recording,subject:*fax*=ignore", PDF, Kind.RECORDING),
        ("name:msg*.wav=recording", AUDIO, Kind.RECORDING),
        ("folder:Junk=ignore", PDF, Kind.FAX),
    ],
)
def test_rules_go_before_what_is_usual(rules: str, part: Part, kind: Kind | None) -> None:
    """The first that fits counts; what is said of a mail is said of what came with it, and an SMS is the text itself."""
    mail = {"from": "fax@efax.com", "subject": "A FAX for you", "folder": "INBOX", "to": "me@acme.example"}
    assert kind_of(part, rules_from(rules), mail) == kind


def test_a_mail_that_cannot_be_taken_apart() -> None:
    """A rule of the mail says what it is, or that it is left out; else what its subject is about: it is not lost."""
    assert kind_of_mail(rules_from("subject:*spam*=ignore"), {"subject": "spam, spam"}) is None
    assert kind_of_mail(rules_from("type:*=sms,from:a@b=recording"), {"from": "a@b"}) == Kind.RECORDING
    assert [kind_of_mail([], {"subject": text}) for text in ("Voice mail", "recorded call", "hello")] == [
        Kind.VOICEMAIL,
        Kind.RECORDING,
        Kind.FAX,
    ]


@pytest.mark.parametrize("text", ["fax", "from:x", "from:=fax", "body:x=fax", "from:x=call_log", "from:x=nothing"])
def test_rules_that_are_none(text: str) -> None:
    """Each is named as the option."""
    with pytest.raises(ConfigError, match="'rules'"):
        rules_from(text)
