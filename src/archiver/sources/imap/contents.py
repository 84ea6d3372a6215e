"""The bytes of a part: asked for in pieces, so that neither a big mail nor a slow destination holds memory or a connection."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Mapping
from typing import Final

import msgspec

from archiver.errors import MisconfiguredError, SourceGoneError, SourceNotReadyError, TransientError, UnavailableError
from archiver.sources.imap.connection import Connection, TooLongError
from archiver.sources.imap.decoding import PLAIN, decoder_of
from archiver.sources.imap.pool import Pool
from archiver.sources.imap.wire import Value, fields_of, parse
from genstage.clock import Clock

__all__ = ["Contents", "Place", "Walk"]

_PIECE_BYTES: Final = 1024 * 1024
_LOOK_AGAIN_SECONDS = 5.0
_KNOWN_SECONDS = 60.0  # after which nobody still holds a number of before


class Place(msgspec.Struct, frozen=True, array_like=True):
    """Where a part is; the locator of its item.

    Attributes:
        folder: Its name.
        validity, uid: The number of the mail, and for how long that means this mail.
        section: Of the part; empty for the whole mail.
        encoding: How its bytes travel.
        octets: How many they are, as the server thinks.
    """

    folder: str
    validity: int
    uid: int
    section: str
    encoding: str = ""
    octets: int = 0

    def write(self) -> str:
        """As a locator."""
        return msgspec.json.encode(self).decode()

    @classmethod
    def read(cls, locator: str) -> Place:
        """Undoes `write`.

        Raises:
            SourceGoneError: It was damaged.
        """
        try:
            return msgspec.json.decode(locator, type=cls)
        except msgspec.MsgspecError:
            raise SourceGoneError("the item's locator is damaged") from None


class Walk(msgspec.Struct, frozen=True):
    """That a folder was looked at whole.

    Attributes:
        validity: The UIDVALIDITY that it had.
        at: When that was first done, on the clock.
    """

    validity: int
    at: float


class Contents:
    """Reads what a locator points to.

    Args:
        pool: Gives connections.
        walked: Folders that were looked at whole.
        clock: Time.
    """

    def __init__(self, pool: Pool, walked: Mapping[str, Walk], clock: Clock) -> None:
        self._pool = pool
        self._walked = walked
        self._clock = clock

    async def stream(self, locator: str, offset: int) -> AsyncGenerator[bytes, None]:
        """The bytes from ``offset`` on, decoded, in chunks of at most 1 MiB.

        Raises:
            SourceGoneError: The folder has no such mail any more, or the mail no such part.
            SourceNotReadyError: The folder was made anew, and nobody has looked yet where the mail is now.
            ArchiverError: See `archiver.sources.imap.words`.
        """
        place = Place.read(locator)
        decoder = decoder_of(place.encoding)
        at, skip = (offset, 0) if place.encoding in PLAIN else (0, offset)  # of what is decoded, only the beginning is known
        ended = False
        while not ended:
            piece = await self._piece(place, at)
            at += len(piece)
            # A server may give less than was asked for; only where it thinks that this is the end, that is believed at once.
            ended = not piece or (len(piece) < _PIECE_BYTES and at >= place.octets > 0)
            data = decoder.feed(piece)
            if ended:
                data += decoder.finish()
            if skip:
                skip, data = max(0, skip - len(data)), data[skip:]
            for start in range(0, len(data), _PIECE_BYTES):
                yield data[start : start + _PIECE_BYTES]

    async def _piece(self, place: Place, at: int) -> bytes:
        for last in (False, True):
            try:
                async with self._pool.connection() as connection:
                    return await self._read(connection, place, at)
            except TooLongError:
                raise TransientError("the mail server gave more than it was asked for") from None
            except MisconfiguredError as error:
                raise TransientError(error.message, hint=error.hint) from None  # one folder must not hold up the others
            except UnavailableError:
                if last:  # a connection that was kept may have ended meanwhile; a new one has not
                    raise
        raise AssertionError  # pragma: no cover  the second try returns or raises

    async def _read(self, connection: Connection, place: Place, at: int) -> bytes:
        folder = await connection.examine(place.folder, anew=False)
        if folder.validity != place.validity:
            text = f"the folder was made anew, and with it the numbers of its mails (UIDVALIDITY {folder.validity})"
            walk = self._walked.get(place.folder)
            if walk is not None and walk.validity == folder.validity and self._clock.time() - walk.at > _KNOWN_SECONDS:
                raise SourceGoneError(text)  # if the mail were there, its item would have its new number
            raise SourceNotReadyError(text, retry_after=_LOOK_AGAIN_SECONDS)
        return await _piece_of(connection, place, at)


async def _piece_of(connection: Connection, place: Place, at: int) -> bytes:
    for fragments in await connection.fetch(str(place.uid), f"(UID BODY.PEEK[{place.section}]<{at}.{_PIECE_BYTES}>)"):
        try:
            fields = fields_of(parse(fragments))
        except ValueError:
            raise TransientError("the mail server gave an answer that cannot be understood") from None
        if fields.get("UID") != str(place.uid).encode():
            continue  # it tells of another mail by the way
        found: list[Value] = [value for name, value in fields.items() if name.startswith("BODY[")]
        if found and isinstance(found[0], bytes):
            return found[0]
        if found and at > 0:
            return b""
        if found:
            raise SourceGoneError(f"the mail {place.uid} has no part {place.section} any more")
    raise SourceGoneError(f"the folder has no mail {place.uid} any more (UIDVALIDITY {place.validity})")
