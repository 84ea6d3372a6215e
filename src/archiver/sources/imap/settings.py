"""What a mailbox is told: its options, and the record they become."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date
from typing import Any

import msgspec

from archiver.adapter import Option
from archiver.errors import ConfigError
from archiver.sources.imap.rules import Rule, rules_from

__all__ = ["OPTIONS", "ImapSettings", "settings_from"]

OPTIONS = (
    Option(name="host", help="The mail server.", main=True),
    Option(name="username", help="Whose mailbox; most often its address."),
    Option(name="password", help="Of the mailbox, or one for this application only.", optional=True, secret=True),
    Option(name="folders", help="The folders that are read, with commas between.", default="INBOX"),
    Option(name="rules", help="What mails mean: 'from:*@efax.com=fax,subject:*voice*=voicemail,type:audio/*=recording'.", optional=True),
    Option(name="take", help="attachments: each is an item; mails: each mail is one, whole.", default="attachments"),
    Option(name="since", help="Nothing that arrived before this date, such as 2026-01-31; everything by default.", optional=True),
    Option(name="security", help="tls, or starttls; none only for this machine itself.", default="tls"),
    Option(name="port", help="Of the mail server; 993, or 143 without tls from the beginning.", type="integer", optional=True),
    Option(name="ca_file", help="Certificates that vouch for the server, if it is not one of the public ones.", type="path", optional=True),
    Option(name="client_id", help="Of your application at Google or Microsoft, in place of a password.", optional=True),
    Option(name="client_secret", help="Of that application; some have none.", optional=True, secret=True),
    Option(name="refresh_token", help="What the owner of the mailbox allowed that application.", optional=True, secret=True),
    Option(name="token_url", help="Where it becomes leave to read; known for Google and Microsoft.", type="url", optional=True),
    Option(name="poll_interval", help="Seconds between two looks, also at servers that tell of news.", type="number", default=60.0),
    Option(name="reconcile_hours", help="After so many hours every mail is looked at again.", type="number", default=24.0),
    Option(name="watch", help="Go on with what comes; otherwise look once and end.", type="boolean", default=True),
)


class ImapSettings(msgspec.Struct, frozen=True, kw_only=True):
    """What is read of a mailbox, and how often.

    Attributes:
        folders: The names of the folders.
        rules: What parts mean; the first that fits counts, before what is usual.
        whole: A mail is one item, as it is.
        since: Nothing that arrived before this day; None for everything.
        poll_interval: Seconds between two looks.
        reconcile_seconds: After so long every mail is looked at again.
        watch: False looks once and ends.
    """

    folders: Sequence[str] = ("INBOX",)
    rules: Sequence[Rule] = ()
    whole: bool = False
    since: date | None = None
    poll_interval: float = 60.0
    reconcile_seconds: float = 86_400.0
    watch: bool = True


def settings_from(options: Mapping[str, Any]) -> ImapSettings:
    """Makes the record from checked options.

    Raises:
        ConfigError: A value cannot be; named, but not shown.
    """
    if options["poll_interval"] <= 0 or options["reconcile_hours"] <= 0:
        raise ConfigError("imap: 'poll_interval' and 'reconcile_hours' must be positive")
    folders = list(dict.fromkeys(filter(None, (name.strip() for name in options["folders"].split(",")))))
    if not folders or any(not name.isprintable() for name in folders):
        raise ConfigError("imap: the option 'folders' must name folders", hint="Such as INBOX,Fax.")
    if options["take"] not in {"attachments", "mails"}:
        raise ConfigError("imap: the option 'take' must be 'attachments' or 'mails'")
    return ImapSettings(
        folders=folders,
        rules=rules_from(options.get("rules", "")),
        whole=options["take"] == "mails",
        since=_day(options.get("since", "").strip()),
        poll_interval=options["poll_interval"],
        reconcile_seconds=options["reconcile_hours"] * 3600,
        watch=options["watch"],
    )


def _day(text: str) -> date | None:
    try:
        return date.fromisoformat(text) if text else None
    except ValueError:
        raise ConfigError("imap: the option 'since' is no date", hint="Such as 2026-01-31.") from None
