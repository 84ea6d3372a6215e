"""The calls for one customer's storage: each by the lane's pace, each refusal translated."""

from __future__ import annotations

import asyncio
import json
import re
import secrets
from collections.abc import Callable, Mapping
from contextlib import suppress
from datetime import datetime
from typing import Any
from urllib.parse import quote

import msgspec

from archiver.destinations.objects.errors import is_of_pace
from archiver.destinations.objects.flow import Flow
from archiver.destinations.port import CallKind, Context, Upload
from archiver.destinations.rclone.daemon import Daemon, Told
from archiver.destinations.rclone.section import Section, read_section
from archiver.destinations.rclone.words import NotFoundError, error_of
from archiver.errors import ArchiverError, MisconfiguredError, TransientError, UnavailableError
from archiver.http.body import Body

__all__ = ["PARTS", "Entry", "Remote", "Way", "part_name"]

PARTS = ".archiver-parts"
_PART = re.compile(r"([0-9a-f]{8,12})-[0-9a-f]{16}\.part")
_ORPHAN_SECONDS = 24 * 3600
_HASHES = ("sha256", "sha1", "md5")  # the best first
_EARLY_SECONDS = 120.0  # before a token's end somebody may have replaced it
_UNPACED = {kind: {"pacer_min_sleep": "0s"} for kind in ("drive", "dropbox", "webdav")}
"""Rclone would hold calls back by itself, such as 100 a second to every server of WebDAV; the lane's pacer knows better."""
_KNOWN_FOLDERS = 4096
_SLOWEST = 100_000  # bytes a second of a storage that takes everything only after we have sent it


class Way(msgspec.Struct, frozen=True, kw_only=True):
    """What a storage can do.

    Attributes:
        staged: Files are written under another name and moved; else nothing half is visible there anyway.
        hash: The kind of hash that it tells; empty if it tells none that we know.
        tells_room: How full it is.
    """

    staged: bool
    hash: str
    tells_room: bool


class Entry(msgspec.Struct, frozen=True, kw_only=True):
    """What stands at a path.

    Attributes:
        size: None if the storage does not tell.
        hash: As `Receipt.remote_hash`; empty if it tells none.
        id: The storage's, or empty.
    """

    size: int | None
    hash: str
    id: str


class Remote:
    """One storage, told to rclone under a name of its own.

    Args:
        context: Pace, clock, and where a token is kept that the storage replaces.
        take: Gives the rclone that runs.
        section: What is told to it.
        path: The folder, or the bucket and what follows.
        trusted: See `read_section`.
    """

    def __init__(self, context: Context, take: Callable[[], Daemon], section: Section, path: str, *, trusted: bool) -> None:
        self.kind = section.kind
        self.whose = section.whose
        self.path = path
        self._context = context
        self._take = take
        self._trusted = trusted
        self._section = section
        self._first = asyncio.Lock()
        self._daemon: Daemon | None = None
        self._generation = 0
        self._name = ""
        self._way: Way | None = None
        self._swept = False
        self._one_folder = asyncio.Lock()
        self._folders: set[str] = set()

    def __repr__(self) -> str:
        return f"Remote({self.kind!r}, {self.path!r})"

    @property
    def daemon(self) -> Daemon | None:
        """What was taken, to be given back; None if nothing was."""
        return self._daemon

    async def ready(self) -> Way:
        """Tells rclone of the storage, as often as rclone has forgotten it, and asks what it can do."""
        async with self._first:
            if self._daemon is None:
                self._daemon = self._take()
            generation = await self._daemon.start()
            if self._way is None or generation != self._generation:
                await self._tell(self._daemon, generation)
                self._way = await self._ask_way()
            if self._way.staged and not self._swept:
                await self._sweep()
                self._swept = True
            return self._way

    async def write(self, key: str, data: bytes) -> None:
        """Writes a file from bytes that are held."""
        folder, head, tail, headers = _framed(key)
        body = Body([head, data, tail])
        body.headers.update(headers)
        # So much is held before it is decided that the size is known; a file of known size costs fewest calls.
        limits = {"_config": json.dumps({"StreamingUploadCutoff": len(data) + 1})}
        await self._make("operations/uploadfile", {"remote": folder, **limits}, "write a file", CallKind.TRANSFER, key=key, body=body)

    async def send(self, key: str, upload: Upload, wanted: str) -> Flow:
        """Writes a file from a stream.

        Returns:
            The stream, with its hashes.
        """
        folder, head, tail, headers = _framed(key)
        flow = Flow(upload, {wanted}, head, tail)
        flow.headers.update(headers)
        seconds = 300.0 + (upload.delivery.item.size or 0) / _SLOWEST
        try:
            await self._make(
                "operations/uploadfile", {"remote": folder}, "write a file", CallKind.TRANSFER, key=key, body=flow, seconds=seconds
            )
        except ArchiverError:
            if flow.failure is not None:
                raise flow.failure from None
            raise
        return flow

    async def make_folder(self, folder: str) -> None:
        """Makes a folder once, however many wait for it: rclone would let each of them make it, and some servers refuse all but one."""
        async with self._one_folder:
            if folder and folder not in self._folders:
                await self._make("operations/mkdir", {"remote": folder}, "make a folder", CallKind.COMMIT, key=folder)
                if len(self._folders) >= _KNOWN_FOLDERS:
                    self._folders.clear()
                self._folders.add(folder)

    async def move(self, part: str, key: str) -> None:
        """Gives a part its name, unless something has it: then nothing happens, and nobody is told."""
        values = {"srcRemote": part, "dstRemote": key, "_config": {"IgnoreExisting": True}}
        await self._make("operations/movefile", values, "name a file", CallKind.COMMIT, key=key, two=True)

    async def find(self, key: str, hashed: str = "") -> Entry | None:
        """What stands at a path; None if no file does.

        Args:
            key: The path.
            hashed: Which hash to ask for.
        """
        options: dict[str, Any] = {"filesOnly": True, "noModTime": True, "noMimeType": True}
        if hashed:
            options |= {"showHash": True, "hashTypes": [hashed]}
        try:
            told = await self._make("operations/stat", {"remote": key, "opt": options}, "look at a file", CallKind.LOOK, key=key)
        except NotFoundError:
            return None
        item = told.values.get("item")
        if not isinstance(item, dict):
            return None
        size, name, hashes = item.get("Size"), item.get("ID"), item.get("Hashes")
        value = hashes.get(hashed) if isinstance(hashes, dict) else None
        return Entry(
            size=size if isinstance(size, int) and size >= 0 else None,
            hash=f"{hashed}:{value.lower()}" if isinstance(value, str) and value else "",
            id=name if isinstance(name, str) else "",
        )

    async def digest(self, key: str) -> str:
        """The SHA-256 of a file, hex, for which rclone reads it."""
        values = {"remote": key, "hashType": "sha256", "download": True}
        told = await self._make("operations/hashsumfile", values, "read a file", CallKind.TRANSFER, key=key, seconds=24 * 3600)
        found = told.values.get("hash")
        return found.lower() if isinstance(found, str) else ""

    async def remove(self, key: str) -> None:
        """Takes a file away; harmless if there is none."""
        with suppress(NotFoundError):
            await self._make("operations/deletefile", {"remote": key}, "delete a file", CallKind.COMMIT, key=key)

    async def discard(self, part: str) -> None:
        """Takes a part away if that is possible now; else it is swept a day later."""
        with suppress(ArchiverError):
            await self.remove(part)

    async def check_folder(self) -> None:
        """Whether the folder or the bucket is there."""
        await self.ready()
        await self._check_folder()

    async def _check_folder(self) -> None:
        try:
            await self._one("operations/stat", {"remote": ""}, "find the folder", CallKind.LOOK)
        except NotFoundError:
            raise MisconfiguredError("there is no folder at the path", hint="Make it, or change the option path.") from None

    async def room(self) -> tuple[int | None, int | None]:
        """Bytes that are used, and bytes that are free; None where the storage does not tell."""
        told = await self._make("operations/about", {}, "ask for room", CallKind.LOOK)
        used, free = told.values.get("used"), told.values.get("free")
        return used if isinstance(used, int) else None, free if isinstance(free, int) else None

    async def keep_token(self, *, always: bool = False) -> None:
        """Rclone renews tokens by itself; what it has changed is kept where the section is.

        Raises:
            DatabaseUnavailableError: It cannot be kept now.
        """
        ends = _end_of(self._section.values.get("token", ""))
        due = self._context.clock.wall() >= ends - _EARLY_SECONDS
        if self._daemon is None or not self._name or self._generation != self._daemon.generation or not (due or always):
            return
        try:
            told = await self._daemon.call("config/get", {"name": self._name}, name="look at a token")
        except ArchiverError:  # it died, and with it what it was given; that undoes no file
            return
        ours = {"type", *_UNPACED.get(self.kind, {})} - self._section.values.keys()
        values = {name: value for name, value in told.values.items() if name not in ours and isinstance(value, str)}
        if told.error or not values or values == self._section.values:
            return
        changed = msgspec.structs.replace(self._section, values=values)
        if self._context.secrets is not None:
            kept = (await self._context.secrets.read()).get("config", "")
            if not await self._context.secrets.replace("config", kept, changed.text):
                # Somebody gave another section meanwhile, and that one counts.
                changed = read_section((await self._context.secrets.read()).get("config", ""), trusted=self._trusted)
                self._generation = 0
        self._section = changed

    async def close(self) -> None:
        """Lets rclone forget the storage."""
        if self._daemon is not None and self._name and self._daemon.pid:
            with suppress(ArchiverError):
                await self.keep_token(always="token" in self._section.values)
            await self._forget(self._daemon)
        self._daemon, self._generation, self._way = None, 0, None

    # -- calls ----------------------------------------------------------------------------------------------------------------------

    async def _tell(self, daemon: Daemon, generation: int) -> None:
        await self._forget(daemon)
        name = f"a{secrets.token_hex(8)}"
        options = {"nonInteractive": True, "noObscure": True}  # no questions; passwords stand there as in rclone.conf
        told = await daemon.call(
            "config/create",
            {"name": name, "type": self.kind, "parameters": {**_UNPACED.get(self.kind, {}), **self._section.values}, "opt": options},
            name="tell of a storage",
        )
        if told.error:
            raise self._error("understand the section", told.error)
        self._name, self._generation = name, generation

    async def _forget(self, daemon: Daemon) -> None:
        name, self._name = self._name, ""
        if name and self._generation == daemon.generation:
            with suppress(ArchiverError):
                await daemon.call("config/delete", {"name": name}, name="forget a storage")

    async def _ask_way(self) -> Way:
        told = await self._one("operations/fsinfo", {}, "ask what it can do", CallKind.LOOK)
        features, hashes = told.values.get("Features"), told.values.get("Hashes")
        can: Mapping[str, Any] = features if isinstance(features, dict) else {}
        tells = hashes if isinstance(hashes, list) else []
        if can.get("BucketBased") and not self.path.strip("/"):
            raise MisconfiguredError("there is no bucket in the option path", hint="Such as: path=BUCKET/calls")
        staged = bool(can.get("PartialUploads") or not can.get("BucketBased"))
        if staged and not (can.get("Move") or can.get("Copy")):
            if can.get("PartialUploads"):
                raise MisconfiguredError("the storage shows files that are half written, and cannot move them")
            staged = False
        return Way(staged=staged, hash=next((kind for kind in _HASHES if kind in tells), ""), tells_room=bool(can.get("About")))

    async def _sweep(self) -> None:
        """Takes away the parts that a killed process left a day ago; and says if the folder is missing, which rclone would make."""
        options = {"filesOnly": True, "noModTime": True, "noMimeType": True}
        try:
            told = await self._one("operations/list", {"remote": PARTS, "opt": options}, "look for parts", CallKind.LOOK)
        except NotFoundError:
            await self._check_folder()
            return
        found = told.values.get("list")
        for entry in found if isinstance(found, list) else []:
            begun = _PART.fullmatch(str(entry.get("Name"))) if isinstance(entry, dict) else None
            if begun and int(begun[1], 16) < self._context.clock.wall() - _ORPHAN_SECONDS:
                with suppress(NotFoundError):
                    await self._one("operations/deletefile", {"remote": f"{PARTS}/{begun[0]}"}, "delete a file", CallKind.COMMIT)

    async def _make(self, path: str, values: Mapping[str, Any], name: str, kind: CallKind, **more: Any) -> Told:
        await self.ready()
        return await self._one(path, values, name, kind, **more)

    async def _one(  # noqa: PLR0913  what a call is, and how it is sent
        self,
        path: str,
        values: Mapping[str, Any],
        name: str,
        kind: CallKind,
        *,
        key: str = "",
        body: Body | None = None,
        seconds: float = 300.0,
        two: bool = False,
    ) -> Told:
        daemon = self._daemon
        if daemon is None:
            raise TransientError("the destination was closed meanwhile")
        place = f"{self._name}:{self.path}"
        where = {"srcFs": place, "dstFs": place} if two else {"fs": place}
        async with self._context.pace.call(kind):
            told = await daemon.call(path, {**values, **where}, name=name, body=body, seconds=seconds)
            error = self._error(name, told.error, key) if told.error else None
            if error is not None and (is_of_pace(error) or isinstance(error, UnavailableError)):
                if is_of_pace(error) and type(error) is not TransientError:
                    # Rclone would now hold calls back by itself; under another name it knows of nothing.
                    self._generation = 0
                raise error
        if error is not None:
            raise error
        return told

    def _error(self, call: str, text: str, key: str = "") -> ArchiverError:
        ours = {key, key.rpartition("/")[0], key.rpartition("/")[2], self.path, self._name, *self._section.values.values()}
        hidden = {word for word in ours if len(word) > 2}
        return error_of(call, text, kind=self.kind, hidden=hidden, now=self._context.clock.wall())


def part_name(now: float) -> str:
    """A new part's path; it tells when it was begun."""
    return f"{PARTS}/{int(now):08x}-{secrets.token_hex(8)}.part"


def _framed(key: str) -> tuple[str, bytes, bytes, dict[str, str]]:
    """A file as a form of one field: its folder, what stands before and after its bytes, and the headers."""
    folder, _, name = key.rpartition("/")
    boundary = secrets.token_hex(16)
    head = f"--{boundary}\r\nContent-Disposition: form-data; name=\"file\"; filename*=utf-8''{quote(name, safe='')}\r\n\r\n"
    return folder, head.encode(), f"\r\n--{boundary}--\r\n".encode(), {"Content-Type": f"multipart/form-data; boundary={boundary}"}


def _end_of(token: str) -> float:
    """When a token ends; endless if there is none, and at once if that cannot be told."""
    if not token:
        return float("inf")
    try:
        told = json.loads(token)
        return datetime.fromisoformat(str(told.get("expiry", ""))).timestamp()
    except (ValueError, AttributeError, OverflowError, RecursionError):
        return 0.0
