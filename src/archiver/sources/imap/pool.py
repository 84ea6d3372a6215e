"""The connections over which parts are read: a few for each mailbox, and none while nobody reads."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from archiver.errors import UnavailableError
from archiver.sources.imap.connection import Connection
from archiver.sources.imap.login import Login

__all__ = ["Pool"]

_MOST = 3
"""Providers allow ten to twenty of an account, which its owner's devices share."""

_KEPT_SECONDS = 30.0


class Pool:
    """Connections of one mailbox.

    Args:
        login: Makes a new one.
    """

    def __init__(self, login: Login) -> None:
        self._login = login
        self._places = asyncio.Semaphore(_MOST)
        self._idle: list[Connection] = []
        self._used: set[Connection] = set()
        self._closed = False
        self._timer: asyncio.TimerHandle | None = None

    @asynccontextmanager
    async def connection(self) -> AsyncIterator[Connection]:
        """One that nobody else uses.

        Raises:
            ArchiverError: None can be made.
        """
        async with self._places:
            connection = self._take() or await Connection.open(self._login)
            self._used.add(connection)
            try:
                if self._closed:
                    raise UnavailableError("the mailbox is not read any more")
                yield connection
            finally:
                self._used.discard(connection)
                self._give_back(connection)

    def close(self) -> None:
        """Lets go of all of them, also of those that are used; harmless when called twice."""
        self._closed = True
        self._forget()
        for connection in self._used:
            connection.abort()

    def _take(self) -> Connection | None:
        while self._idle:
            connection = self._idle.pop()
            if connection.sound:
                return connection
            connection.abort()
        return None

    def _give_back(self, connection: Connection) -> None:
        if self._closed or not connection.sound:
            connection.abort()
            return
        self._idle.append(connection)
        if self._timer is not None:
            self._timer.cancel()
        self._timer = asyncio.get_running_loop().call_later(_KEPT_SECONDS, self._forget)

    def _forget(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        while self._idle:
            self._idle.pop().abort()
