"""What each family of storages takes as one part of a path, and how a text is made to fit; pure."""

from __future__ import annotations

import re
import unicodedata
from types import MappingProxyType
from typing import Final, NamedTuple

from archiver.errors import ConfigError

__all__ = [
    "EDGE",
    "NOTHING",
    "PART_BYTES",
    "RESERVED",
    "RULES",
    "SAFE",
    "Rules",
    "clean",
    "clean_literal",
    "clean_part",
    "clean_token",
    "cut",
    "rules_of",
    "whole_part",
]

NOTHING: Final = "unknown"
"""What stands where a part would be empty."""
PART_BYTES: Final = 255
"""The most that ext4, NTFS, APFS and Dropbox take for one part of a path."""

_REMOVED = re.compile("[\x00-\x1f\x7f-\x9f\u00ad\u061c\u180e\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff\ufff9-\ufffb]")
"""Controls, overrides of the writing direction, and what has no width."""
EDGE = " .\u00a0\u1680\u2000\u2001\u2002\u2003\u2004\u2005\u2006\u2007\u2008\u2009\u200a\u202f\u205f\u3000"
"""What no part may begin or end with: Windows drops it at the end, and a leading dot hides a file."""
_DEVICES = r"con|prn|aux|nul|conin\$|conout\$|com[0-9¹²³]|lpt[0-9¹²³]"
RESERVED = re.compile(
    rf"(?:{_DEVICES}) *(?:\..*)?|(?:desktop\.ini|thumbs\.db|ds_store|dropbox|dropbox\.(?:attr|cache|device)|icon)", re.IGNORECASE
)
"""Names that Windows, a desktop or Dropbox keeps for itself (https://help.dropbox.com/organize/file-names), without their leading dots."""
SAFE: Final = re.compile(r"[0-9A-Za-z+#-]*", re.ASCII)
"""Values that every rule leaves as they are."""


class Rules(NamedTuple):
    """What one family of storages takes: the characters to replace with ``-``, and whether names are reserved."""

    replaced: re.Pattern[str]
    reserved: bool


RULES: Final = MappingProxyType(
    {
        "portable": Rules(re.compile('[<>:"/\\\\|?*\ud800-\udfff]'), reserved=True),
        # Dropbox counts characters outside the basic plane twice, and some of its clients refuse them.
        "dropbox": Rules(re.compile('[<>:"/\\\\|?*\ud800-\udfff\U00010000-\U0010ffff]'), reserved=True),
        # SharePoint keeps ~$ for its editors, a ~ at the beginning of a folder, and _vti_ for itself.
        "onedrive": Rules(re.compile('[<>:"/\\\\|?*~\ud800-\udfff]|_(?=vti_)', re.IGNORECASE), reserved=True),
        "posix": Rules(re.compile("[/\ud800-\udfff]"), reserved=False),
    }
)
"""Rules by name: ``portable`` (every storage, and Windows), ``dropbox``, ``onedrive``, ``posix``."""


def rules_of(name: str) -> Rules:
    """The rules of this name.

    Raises:
        ConfigError: There are none.
    """
    try:
        return RULES[name]
    except KeyError:
        raise ConfigError(f"there are no naming rules {name!r}", hint=f"There are: {', '.join(sorted(RULES))}.") from None


def clean_part(text: str, rules: str = "portable") -> str:
    """One part of a path made fit for a storage: NFC, nothing reserved, at most 255 bytes of UTF-8, never empty; idempotent.

    Raises:
        ConfigError: There are no such rules.
    """
    return whole_part(clean(text, rules_of(rules)), rules_of(rules))


def clean(text: str, rules: Rules) -> str:
    """A value made of what the storage takes; may be empty or too long. Idempotent."""
    text = unicodedata.normalize("NFC", _REMOVED.sub("", text))
    return rules.replaced.sub("-", text).strip(EDGE)


def clean_token(text: str, rules: Rules) -> str:
    """A value in a file name: as everywhere, and without the two characters that delimit."""
    return clean(text, rules).replace("_", "-").replace("~", "-")


def cut(text: str, most: int) -> str:
    """The longest beginning of at most so many bytes of UTF-8 that ends with a whole character."""
    encoded = text.encode()
    return text if len(encoded) <= most else encoded[: max(most, 0)].decode(errors="ignore")


def clean_literal(text: str, rules: Rules, *, token: bool) -> str:
    """Text between the fields of a template: as a value, but it may begin and end with a space or a dot."""
    text = rules.replaced.sub("-", unicodedata.normalize("NFC", _REMOVED.sub("", text)))
    return text.replace("_", "-").replace("~", "-") if token else text


def whole_part(text: str, rules: Rules) -> str:
    """Ends the cleaning of a whole directory name: cut, reserved names changed, never empty."""
    text = cut(text, PART_BYTES).rstrip(EDGE)
    if rules.reserved and RESERVED.fullmatch(text):
        stem, dot, tail = text.partition(".")
        text = cut(f"{stem.rstrip(' ')}_{dot}{tail}", PART_BYTES).rstrip(EDGE)
    return text or NOTHING
