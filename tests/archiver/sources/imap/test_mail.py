"""What the headers of a mail tell."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from archiver.sources.imap.mail import arrived_at, identity_of, number_in, read_mail

ARRIVED = 1_790_000_000_000


def headers(**values: str) -> bytes:
    """A block of headers."""
    return "".join(f"{name.replace('_', '-')}: {value}\r\n" for name, value in values.items()).encode() + b"\r\n"


@pytest.mark.parametrize(
    ("subject", "number", "direction"),
    [
        ("New Fax Message from (650) 555-0100 on 10/12/2026 3:04 PM", "6505550100", "inbound"),
        ("New Voice Message from Wireless Caller (415) 555-0123 on 2026-10-12 15:04", "4155550123", "inbound"),
        ('eFax message from "16505550100" - 2 page(s), Caller-ID: 1-650-555-0199', "16505550100", "inbound"),
        ("FAX from +49 30 1234567 (3 pages)", "+49301234567", "inbound"),
        ("[PBX]: New message 3 in mailbox 1234", "", "inbound"),
        ("Your fax to +49 (0)30 7654321 was sent", "+490307654321", "outbound"),
        ("Fax an 030 7654321", "0307654321", "outbound"),
        ("Fax transmission report", "", "outbound"),
        ("Voicemail 2026-11-24 10:30:15", "", "inbound"),
        ("Fax 24.11.2026 von 0041 44 123 45 67", "0041441234567", "inbound"),
        ("", "", "inbound"),
    ],
)
def test_numbers_in_subjects(subject: str, number: str, direction: str) -> None:
    """Numbers as services write them; neither dates nor times nor mailboxes are numbers."""
    assert number_in(subject) == (number, direction)


def test_a_mail_as_it_should_be() -> None:
    """Names in other scripts, a date with a zone, whom it was delivered to."""
    mail = read_mail(
        headers(
            Date="Tue, 24 Nov 2026 10:30:00 +0100",
            From="=?utf-8?q?Fax_f=C3=BCr_alle?= <fax@service.example>",
            To="office@acme.example",
            Delivered_To="fax@acme.example",
            Subject="=?utf-8?b?R2VzcHLDpGNo?=",
            Message_ID="<abc.1@service.example>",
        ),
        ARRIVED,
    )
    assert (mail.id, mail.at) == ("abc.1@service.example", 1_795_512_600_000)
    assert (mail.sender, mail.recipient, mail.subject) == ("fax@service.example", "fax@acme.example", "Gespräch")


@pytest.mark.parametrize(
    "date", ["", "yesterday", "Tue, 99 Nov 2026 10:30:00", "Thu, 01 Jan 1970 00:00:00 +0000", "Tue, 24 Nov 99999 1:1:1 +0"]
)
def test_a_date_that_is_none(date: str) -> None:
    """When it arrived counts."""
    assert read_mail(headers(Date=date, Subject="x"), ARRIVED).at == ARRIVED


def test_who_a_mail_is() -> None:
    """Its Message-ID, wherever its lines are folded; without one its headers; and equal ids of different mails stay apart."""
    one = headers(Date="Tue, 24 Nov 2026 10:30:00 +0100", From="a@b", Subject="Fax number one", Message_ID="<same@device>")
    folded = one.replace(b"Subject: Fax number", b"Subject: Fax\r\n number")
    other = one.replace(b"10:30:00", b"10:31:00")
    assert identity_of(one) == identity_of(folded)
    assert identity_of(one)[0] == identity_of(other)[0] == "same@device"
    assert identity_of(one)[1] != identity_of(other)[1]
    bare = headers(Date="Tue, 24 Nov 2026 10:30:00 +0100", Subject="Fax")
    assert identity_of(bare)[0].startswith("mail-")
    assert identity_of(bare) != identity_of(bare.replace(b"Fax", b"Fix"))


@given(st.binary(max_size=300), st.binary(max_size=100), st.binary(max_size=100))
def test_no_header_is_too_wrong(junk: bytes, date: bytes, name: bytes) -> None:
    """Whatever stands there, a mail is read, always the same way, and what is known of it can be written down."""
    block = b"Date: " + date + b"\r\nMessage-ID: " + name + b"\r\nFrom: " + name + b"\r\nSubject: " + junk + b"\r\n" + junk
    mail = read_mail(block, ARRIVED)
    assert mail == read_mail(block, ARRIVED)
    assert mail.id
    for text in (mail.id, mail.subject, mail.sender, mail.recipient):
        text.encode()


def test_when_a_mail_arrived() -> None:
    """With its zone, and with the blank that stands for a digit."""
    assert arrived_at("17-Jul-1996 02:44:25 -0700") == 837_596_665_000
    assert arrived_at(" 7-Jul-1996 02:44:25 +0000") == 836_707_465_000
    assert arrived_at("never") == 0
