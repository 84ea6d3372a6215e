"""The name of last resort: of ASCII letters and digits only, for an item whose own name Dropbox refuses in spite of the naming rules; pure.

It is made of the item's path alone. So whoever tries again comes to the same one, and no two items share one.
"""

from __future__ import annotations

import hashlib
import re

__all__ = ["plain_path"]

_OTHER = re.compile(r"[^0-9A-Za-z]+")
_MOST = 60  # characters of a part


def plain_path(path: str) -> str:
    """A path that no rule of any storage refuses: ``/Fax/Zoë.pdf`` becomes ``/Fax/Zo~0123456789abcde.pdf``."""
    *folders, name = path.split("/")[1:]
    stem, _, extension = name.rpartition(".")
    digest = hashlib.blake2b(path.encode(errors="surrogatepass"), digest_size=8).hexdigest()[:15]
    tail = f".{_plain(extension)}" if stem else ""
    parts = [*(_plain(folder) for folder in folders), f"{_plain(stem or name)}~{digest}{tail}"]
    return "/" + "/".join(parts)


def _plain(part: str) -> str:
    return _OTHER.sub("-", part)[:_MOST].strip("-") or "x"
