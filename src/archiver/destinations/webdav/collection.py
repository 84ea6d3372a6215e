"""The calls to a server of WebDAV: parts, folders, names, and what stands at an address."""

from __future__ import annotations

import asyncio
import hashlib
import re
import secrets
from collections.abc import Mapping
from contextlib import suppress

import aiohttp
from yarl import URL

from archiver.destinations.objects.calls import Answer, Call, Calls
from archiver.destinations.objects.errors import InTheWayError, NotThereError
from archiver.destinations.objects.flow import Flow
from archiver.destinations.objects.store import Target
from archiver.destinations.objects.targets import quoted
from archiver.destinations.port import CallKind, Context
from archiver.destinations.webdav.wire import PROPFIND, Entry, entries
from archiver.destinations.webdav.words import DIALECT, code_of
from archiver.errors import ArchiverError, ConflictError, MisconfiguredError
from archiver.http.progress import Progress
from archiver.http.replies import NETWORK_ERRORS, network_error

__all__ = ["PARTS", "Collection"]

PARTS = ".archiver-parts"
_ORPHAN_SECONDS = 24 * 3600  # a part is not gone on with
_PART = re.compile(r"([0-9a-f]{8,12})-[0-9a-f]{16}\.part")
_KNOWN_FOLDERS = 4096
_READ_BYTES = 1024 * 1024
_LIMITS = aiohttp.ClientTimeout(total=None, sock_connect=30.0)


class Collection:
    """A folder of a server and everything under it.

    Args:
        context: Pace, clock and the HTTP session.
        url: Of the folder, without a slash at the end.
        headers: Those that authorise.
    """

    def __init__(self, context: Context, url: str, headers: Mapping[str, str]) -> None:
        self.url = url
        self._clock = context.clock
        self._pace = context.pace
        self._http = context.http
        # Nothing that would have to be unpacked: a small answer could become a large one.
        self._headers = {**headers, "Accept-Encoding": "identity"}
        self._calls = Calls(context, DIALECT, self._authorise, code_of)
        self._first = asyncio.Lock()
        self._one = asyncio.Lock()
        self._seen = False
        self._folders: set[str] = set()

    def __repr__(self) -> str:
        return f"Collection({self.url!r})"

    async def ready(self) -> None:
        """Makes the place of parts once, and takes away what a killed process left there."""
        async with self._first:
            if self._seen:
                return
            if not await self.find(""):
                raise MisconfiguredError("there is no folder at the address", hint="Make it on the server, or change the option url.")
            await self._make_one(PARTS)
            for entry in await self.find(PARTS, depth=1):
                begun = _PART.fullmatch(entry.name)
                if begun and int(begun[1], 16) < self._clock.wall() - _ORPHAN_SECONDS:
                    await self.remove(f"{PARTS}/{entry.name}")
            self._seen = True

    async def put(self, target: Target, data: bytes | Flow) -> tuple[str, str]:
        """Writes a new part.

        Returns:
            Its key, and the SHA-256 that the server made of it while it wrote, hex, or an empty text if it makes none.
        """
        await self.ready()
        key = f"{PARTS}/{int(self._clock.wall()):08x}-{secrets.token_hex(8)}.part"
        call = Call(
            name="write a file",
            method="PUT",
            url=self._address(key),
            headers={
                "Content-Type": target.media_type,
                "X-OC-Mtime": str(max(0, target.occurred_at // 1000)),  # ownCloud, Nextcloud and rclone keep it
                "X-Hash": "sha256",  # Nextcloud answers with what it has read
            },
            body=[data] if isinstance(data, bytes) else [],
            flow=data if isinstance(data, Flow) else None,
        )
        try:
            answer = await self._calls.make(call)
        except NotThereError:  # somebody removed the place of parts
            self._seen = False
            raise
        except BaseException:
            await self.discard(key)
            raise
        return key, answer.headers.get("x-hash-sha256", "").lower()

    async def move(self, part: str, key: str) -> bool:
        """Gives a part its name.

        Returns:
            False if something has the name already; the part is there still.
        """
        for attempt in range(2):
            await self._make(key.rpartition("/")[0])
            try:
                answer = await self._move(part, key)
            except InTheWayError:
                return False
            except (NotThereError, MisconfiguredError):
                if attempt:
                    raise
                self._folders.clear()  # removed since; some say "forbidden" where a folder is missing
                continue
            if answer.status == 204:  # "replaced", in spite of what was asked
                raise MisconfiguredError(
                    "the WebDAV server writes over files although it is asked not to",
                    hint="It does not keep to RFC 4918, 9.9.3 and 10.6; nothing more is put there.",
                )
            break
        return True

    async def find(self, key: str, depth: int = 0) -> list[Entry]:
        """What stands at a key, and with a depth of 1 what is right below it; empty if nothing does."""
        call = Call(
            name="look at a file",
            method="PROPFIND",
            url=self._address(key),
            headers={"Depth": str(depth), "Content-Type": "application/xml; charset=utf-8"},
            body=[PROPFIND],
            kind=CallKind.LOOK,
            expected=frozenset({207}),
        )
        answer = await self._calls.there(call)
        return [] if answer is None else entries(answer.body)

    async def remove(self, key: str) -> None:
        """Takes a file away; harmless if there is none."""
        await self._calls.there(Call(name="delete a file", method="DELETE", url=self._address(key)))

    async def discard(self, part: str) -> None:
        """Takes a part away if that is possible now; else it is swept a day later."""
        with suppress(ArchiverError):
            await self.remove(part)

    async def digest(self, key: str) -> str:
        """The SHA-256 of a file, hex, which is read for it; empty if it is not there."""
        if self._http is None:
            return ""
        found = hashlib.sha256()
        async with self._pace.call(CallKind.TRANSFER):
            try:
                async with (
                    Progress() as progress,
                    self._http.get(
                        URL(self._address(key), encoded=True), headers=self._headers, timeout=_LIMITS, allow_redirects=False
                    ) as response,
                ):
                    progress.receives(response.content)
                    if response.status != 200:  # what `find` saw a moment ago is gone
                        return ""
                    async for piece in response.content.iter_chunked(_READ_BYTES):
                        found.update(piece)
            except NETWORK_ERRORS as error:
                raise network_error(error, DIALECT.provider, "read a file", DIALECT.options) from None
        return found.hexdigest()

    # -- calls ----------------------------------------------------------------------------------------------------------------------

    async def _move(self, part: str, key: str) -> Answer:
        call = Call(
            name="name a file",
            method="MOVE",
            url=self._address(part),
            headers={"Destination": self._address(key), "Overwrite": "F"},
            kind=CallKind.COMMIT,
        )
        return await self._calls.make(call)

    async def _make(self, folder: str) -> None:
        """Makes a folder and those above it, once however many wait for it."""
        async with self._one:
            if folder in self._folders:
                return
            parts = folder.split("/") if folder else []
            paths = ["/".join(parts[: number + 1]) for number in range(len(parts))]
            for path in paths:
                if path not in self._folders:
                    await self._make_one(path)
            if len(self._folders) > _KNOWN_FOLDERS:
                self._folders.clear()
            self._folders.update(paths)

    async def _make_one(self, folder: str) -> None:
        call = Call(
            name="make a folder",
            method="MKCOL",
            url=f"{self._address(folder)}/",
            kind=CallKind.COMMIT,
            expected=frozenset({201, 405}),  # made, or something is there already
        )
        if (await self._calls.make(call)).status == 405:
            found = await self.find(folder)
            if found and not found[0].folder:
                raise ConflictError("a file stands where a folder must be", hint="Move it away, then retry.")

    async def _authorise(self, call: Call) -> Mapping[str, str]:
        return {**call.headers, **self._headers}

    def _address(self, key: str) -> str:
        return f"{self.url}/{quoted(key)}" if key else f"{self.url}/"
