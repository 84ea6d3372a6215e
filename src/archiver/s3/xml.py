"""The few fields of S3's XML that are read; it is flat enough to need no parser."""

from __future__ import annotations

import html
import re

__all__ = ["field"]


def field(body: bytes, name: str) -> str:
    """The text of the first element of a name; empty if there is none."""
    found = re.search(rf"<{name}>([^<]*)</{name}>".encode(), body)
    return html.unescape(found[1].decode(errors="replace")).strip() if found else ""
