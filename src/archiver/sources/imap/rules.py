"""Which kind a part of a mail is: by the rules of the options, then by what is usual; pure."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from fnmatch import translate
from functools import lru_cache
from typing import Final

import msgspec

from archiver.errors import ConfigError
from archiver.model import Kind
from archiver.sources.imap.structure import Part

__all__ = ["FIELDS", "Rule", "kind_of", "kind_of_mail", "rules_from"]

FIELDS: Final = ("from", "to", "subject", "folder", "type", "name")
"""What a rule may look at: four fields of the mail, two of the part."""

_OF_PART = frozenset({"type", "name"})
_IGNORE = "ignore"
_HELP = "Like 'from:*@efax.com=fax,subject:*voice*=voicemail,folder:Junk=ignore'; kinds: recording, voicemail, fax, sms, ignore."
_KINDS: Final = (Kind.RECORDING, Kind.VOICEMAIL, Kind.FAX, Kind.SMS)
_PAPER: Final = frozenset({"application/pdf", "image/tiff", "image/tif", "application/postscript"})
_SEALS: Final = frozenset({"application/pgp-signature", "application/pkcs7-signature", "application/x-pkcs7-signature"})
_RECORDED = re.compile(r"\brecord", re.IGNORECASE)
_VOICE = re.compile(r"voice", re.IGNORECASE)
_FAX = re.compile(r"\be?fax|facsimile|telefax", re.IGNORECASE)


class Rule(msgspec.Struct, frozen=True):
    """A rule of the options.

    Attributes:
        field: One of `FIELDS`.
        pattern: With ``*`` and ``?``, without regard to case.
        kind: What fits; None for what is left out.
    """

    field: str
    pattern: str
    kind: Kind | None

    def fits(self, value: str) -> bool:
        """Whether a value of its field fits."""
        return _compiled(self.pattern).match(value) is not None


@lru_cache(maxsize=1024)
def _compiled(pattern: str) -> re.Pattern[str]:
    return re.compile(translate(pattern), re.IGNORECASE)


def rules_from(text: str) -> list[Rule]:
    """The rules of an option.

    Raises:
        ConfigError: One is none.
    """
    rules = []
    for pair in filter(None, (pair.strip() for pair in text.split(","))):
        condition, _, kind = (part.strip() for part in pair.rpartition("="))
        field, _, pattern = (part.strip() for part in condition.partition(":"))
        if field not in FIELDS or not pattern or kind not in {*_KINDS, _IGNORE}:
            raise ConfigError("imap: the option 'rules' has one that is none", hint=_HELP)
        rules.append(Rule(field, pattern, None if kind == _IGNORE else Kind(kind)))
    return rules


def kind_of(part: Part, rules: Sequence[Rule], mail: Mapping[str, str]) -> Kind | None:
    """What a part is; None if it is no item.

    Args:
        part: The part.
        rules: Of the options; the first that fits counts.
        mail: The fields of the mail that rules look at: ``from``, ``to``, ``subject``, ``folder``.
    """
    if part.media_type in _SEALS:
        return None
    for rule in rules:
        if rule.field == "type":
            value = part.media_type
        elif rule.field == "name":
            value = part.name
        else:
            value = mail.get(rule.field, "")
        if rule.fits(value):
            # What is said of a mail is said of what came with it; only an SMS is the text itself.
            meant = rule.field in _OF_PART or part.attached or (rule.kind is Kind.SMS and part.media_type == "text/plain")
            if rule.kind is None or meant:
                return rule.kind
    return _usual(part, mail.get("subject", ""))


def kind_of_mail(rules: Sequence[Rule], mail: Mapping[str, str]) -> Kind | None:
    """What a mail is that cannot be taken apart: what a rule says, else what its subject is about, so that it is not lost.

    Args:
        rules: Of the options.
        mail: As for `kind_of`.

    Returns:
        None if a rule leaves it out.
    """
    for rule in rules:
        if rule.field not in _OF_PART and rule.fits(mail.get(rule.field, "")):
            return rule.kind
    subject = mail.get("subject", "")
    if _RECORDED.search(subject):
        return Kind.RECORDING
    return Kind.VOICEMAIL if _VOICE.search(subject) else Kind.FAX


def _usual(part: Part, subject: str) -> Kind | None:
    if part.media_type.startswith("audio/"):
        return Kind.RECORDING if _RECORDED.search(subject) else Kind.VOICEMAIL
    if part.media_type in _PAPER or (part.attached and part.media_type.startswith("image/") and _FAX.search(subject)):
        return Kind.FAX
    return None
