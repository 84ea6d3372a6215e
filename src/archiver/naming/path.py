"""The path itself: the file name that no other item can have, and the directories before it; pure."""

from __future__ import annotations

import hashlib
import re
import unicodedata

from archiver.model import Discovery, Kind
from archiver.naming.fields import KINDS, extension_of
from archiver.naming.rules import EDGE, NOTHING, PART_BYTES, RESERVED, clean_token, cut
from archiver.naming.templates import Template, compile_template

__all__ = ["item_path"]

_plain_id = re.compile(r"[a-z0-9][a-z0-9.-]*", re.ASCII).fullmatch
"""Ids that stay as they are; ``+`` and ``@`` join part and source to them."""
_reserved = RESERVED.fullmatch
_MANIFESTS = "Manifests/{year}/{id}.{ext}"
_BESIDE = "~meta"
"""Follows the id of what a sidecar is about: no hash has an m or a t."""
_SHORTENED = "~"
"""Follows an id whose extension was left out, so that it differs from the id that never had one."""


def item_path(discovery: Discovery, *, template: str, rules: str, source_tag: str = "") -> str:
    """The path of an item: a leading ``/``, ``/`` between the parts, times in UTC.

    Args:
        discovery: The item.
        template: Such as ``{kind}/{year}/{sender}_{id}.{ext}``, or the name of one of `TEMPLATES`.
        rules: The name of one of `RULES`; a destination's ``Features.name_rules``.
        source_tag: Tells a customer's several sources apart, so that equal ids of different sources do not meet.

    Raises:
        ConfigError: The template or the rules are unknown; see `check_template`.
    """
    if discovery.kind is Kind.MANIFEST:
        template = _MANIFESTS  # where a person looks for it, whatever the template says of the files
    compiled = compile_template(template, rules)
    ext = extension_of(discovery.media_type)
    digest_of = discovery
    if discovery.kind is Kind.SIDECAR and discovery.metadata.get("of") in KINDS:
        discovery = discovery.of_kind(Kind(discovery.metadata["of"]))  # beside what it is about
    shown, exact = _shown_id(discovery, compiled, source_tag, ext)
    if digest_of is not discovery:
        shown += _BESIDE
    tokens = [token for render in compiled.tokens if (token := render(discovery))]
    head = "_".join(tokens)
    if exact:
        stem = f"{shown}_{head}" if compiled.id_first and head else f"{head}_{shown}" if head else shown
        name = f"{stem}.{ext}"
        if _fits(name) and not (compiled.rules.reserved and _reserved(name)):
            return f"{compiled.directories(discovery)}/{name}"
    name = _hashed_name(head, shown, _digest(digest_of, source_tag), ext, compiled)
    return f"{compiled.directories(discovery)}/{name}"


def _fits(name: str) -> bool:
    return len(name) <= PART_BYTES if name.isascii() else len(name.encode()) <= PART_BYTES


def _shown_id(item: Discovery, compiled: Template, source_tag: str, ext: str) -> tuple[str, bool]:
    """The id as the file name shows it, and whether that tells kind, id, part and source exactly."""
    # An id that ends with the extension, as ids of files do, would say it twice.
    bare = item.external_id.removesuffix(f".{ext}")
    exact = _plain_id(bare) is not None
    if not exact:
        shown = clean_token(item.external_id, compiled.rules).removesuffix(f".{ext}").strip(EDGE) or NOTHING
    else:
        shown = bare if len(bare) == len(item.external_id) else f"{bare}{_SHORTENED}"
    if item.part or source_tag:
        for mark, text in (("+", item.part), ("@", source_tag)):
            if text:
                exact = exact and _plain_id(text) is not None
                shown = f"{shown}{mark}{clean_token(text, compiled.rules)}"
    if compiled.kind_in_id:
        shown = f"{KINDS[item.kind]}-{shown}"
    before, after = compiled.id_affix
    return f"{before}{shown}{after}", exact


def _digest(item: Discovery, source_tag: str) -> str:
    """60 bits of what names the item exactly, in hexadecimal: a million items that show one name collide once in two million cases."""
    exact = repr((item.kind.value, item.external_id, item.part, source_tag)).encode(errors="surrogatepass")
    return hashlib.blake2b(exact, digest_size=8).hexdigest()[:15]


def _hashed_name(head: str, shown: str, digest: str, ext: str, compiled: Template) -> str:
    """The file name of an item whose id alone does not name it: ``head_id~hash.ext``, the head cut first and the id last."""
    tail = f"~{digest}.{ext}"
    shown = cut(unicodedata.normalize("NFC", shown), PART_BYTES - len(tail))
    head = cut(head, PART_BYTES - len(tail) - len(shown.encode()) - 1).rstrip(EDGE)
    stem = f"{head}_{shown}" if head else shown
    if compiled.rules.reserved and _reserved(stem + tail):
        stem = stem.replace(".", "-").replace(" ", "-")
    return stem + tail
