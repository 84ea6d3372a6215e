"""Objects, their generations, and what keeps them from being written over or removed."""

from __future__ import annotations

import base64
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any
from urllib.parse import quote

import msgspec

from archiver.sandbox.google.refusals import Refusal, refusal

__all__ = ["Bucket", "Conditions", "Described", "GcsObject", "moment"]


class Described(msgspec.Struct, kw_only=True, rename="camel"):
    """What a client says of an object that it makes."""

    name: str = ""
    content_type: str = ""
    md5_hash: str = ""
    storage_class: str = ""
    metadata: Mapping[str, str] = {}
    retention: Mapping[str, str] | None = None


class GcsObject(msgspec.Struct, frozen=True, kw_only=True):
    """One object.

    Attributes:
        place: The address of the service.
        bucket: Whose.
        said: What was said of it.
        generation: Grows with each object that is made.
        size: In bytes.
        md5: Of its bytes.
        sha256: Of its bytes, hex: where they are.
        made_at: When, in seconds since the epoch.
    """

    place: str
    bucket: str
    said: Described
    generation: int
    size: int
    md5: bytes
    sha256: str
    made_at: float

    def shown(self) -> dict[str, Any]:
        """As the JSON API shows it."""
        said, made = self.said, moment(self.made_at)
        path = f"/storage/v1/b/{self.bucket}/o/{quote(said.name, safe='')}"
        shown: dict[str, Any] = {
            "kind": "storage#object",
            "id": f"{self.bucket}/{said.name}/{self.generation}",
            "selfLink": f"{self.place}{path}",
            "mediaLink": f"{self.place}/download{path}?generation={self.generation}&alt=media",
            "name": said.name,
            "bucket": self.bucket,
            "generation": str(self.generation),
            "metageneration": "1",
            "contentType": said.content_type,
            "storageClass": said.storage_class or "STANDARD",
            "size": str(self.size),
            "md5Hash": base64.b64encode(self.md5).decode(),
            "etag": base64.b64encode(str(self.generation).encode()).decode(),
            "timeCreated": made,
            "updated": made,
        }
        if said.metadata:
            shown["metadata"] = said.metadata
        if said.retention is not None:
            shown["retention"] = said.retention
            shown["retentionExpirationTime"] = said.retention["retainUntilTime"]
        return shown


class Conditions(msgspec.Struct, frozen=True):
    """What must be true of an object before something is done.

    Attributes:
        generation: It must have this one, 0 for not being there; None for any.
    """

    generation: int | None = None

    def check(self, there: GcsObject | None) -> None:
        """Looks.

        Raises:
            Refusal: It is not so.
        """
        if self.generation is not None and self.generation != (0 if there is None else there.generation):
            raise refusal(412, "conditionNotMet", "At least one of the pre-conditions you specified did not hold.")


class Bucket:
    """One bucket.

    Args:
        name: Its name.
        place: The address of the service.
        retention: It was made with object retention.

    Attributes:
        objects: What is visible, by name.
        puts: How often each name was written.
    """

    def __init__(self, name: str, place: str, *, retention: bool = False) -> None:
        self.name = name
        self._place = place
        self.retention = retention
        self.objects: dict[str, GcsObject] = {}
        self.puts: dict[str, int] = {}
        self._generation = 1_790_000_000_000_000

    def may(self, said: Described, conditions: Conditions, now: float) -> None:
        """Whether an object may be made.

        Raises:
            Refusal: It may not.
        """
        if not said.name or len(said.name.encode()) > 1024 or "\r" in said.name or "\n" in said.name:
            raise refusal(400, "invalid", "Invalid object name.")
        if said.retention is not None and not self.retention:
            raise refusal(400, "invalid", "Object retention is not enabled on the bucket.")
        there = self.objects.get(said.name)
        conditions.check(there)
        if there is not None:
            self._locked(there, now)

    def put(self, said: Described, size: int, md5: bytes, sha256: str, now: float) -> GcsObject:
        """Makes an object that may be made.

        Raises:
            Refusal: Its bytes have not the hash that was said.
        """
        if said.md5_hash and said.md5_hash != base64.b64encode(md5).decode():
            raise refusal(400, "invalid", "Provided MD5 hash does not match the calculated MD5 hash.")
        self._generation += 1
        made = GcsObject(
            place=self._place, bucket=self.name, said=said, generation=self._generation, size=size, md5=md5, sha256=sha256, made_at=now
        )
        self.objects[said.name] = made
        self.puts[said.name] = self.puts.get(said.name, 0) + 1
        return made

    def find(self, name: str, generation: str = "") -> GcsObject:
        """An object.

        Raises:
            Refusal: There is none of this name, or of this generation.
        """
        found = self.objects.get(name)
        if found is None or generation not in {"", str(found.generation)}:
            raise _no_such(self.name, name)
        return found

    def remove(self, found: GcsObject, now: float) -> None:
        """Removes an object.

        Raises:
            Refusal: It is kept.
        """
        self._locked(found, now)
        del self.objects[found.said.name]

    def _locked(self, found: GcsObject, now: float) -> None:
        if found.said.retention is not None and datetime.fromisoformat(found.said.retention["retainUntilTime"]).timestamp() > now:
            raise refusal(403, "retentionPolicyNotMet", "Object is subject to retention and cannot be deleted or overwritten.")


def moment(seconds: float) -> str:
    """As RFC 3339 has it."""
    return datetime.fromtimestamp(seconds, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _no_such(bucket: str, name: str) -> Refusal:
    return refusal(404, "notFound", f"No such object: {bucket}/{name}")
