"""Who logs in where, and whose key is believed; a few connections, each with many files on it at a time."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress

import asyncssh

from archiver.destinations.sftp.errors import SSH_ERRORS, is_broken, no_connection, translate
from archiver.errors import ArchiverError, MisconfiguredError

__all__ = ["CALL_SECONDS", "Connections", "HostKeys", "Link", "Login"]

CALL_SECONDS = 600.0
"""For a chunk, or a whole small file: 14 KB/s. A server that is gone is noticed within a minute, whatever it was doing."""

_LOGIN_SECONDS = 30.0
_QUIET_SECONDS = 15.0  # without a word from the server, it is asked whether it is there; the fourth time in vain it is not
_FILES_EACH = 16  # on a connection at once; one more opens another connection
_MOST = 4
_KEEP_WHAT_IS_THERE = ("OpenSSH", "AsyncSSH")

logging.getLogger("asyncssh").setLevel(logging.WARNING)  # it tells of each connection, each log-in and each file


class HostKeys:
    """The keys by which the server is known.

    Args:
        text: Lines of a known_hosts file or of a public key, or fingerprints ``SHA256:…``; several are parted by semicolons or lines.

    Raises:
        ValueError: One of them is neither.
    """

    def __init__(self, text: str) -> None:
        self.fingerprints: set[str] = set()
        self.algorithms: list[str] = []
        for line in text.replace(";", "\n").splitlines():
            words = line.split()
            if not words:
                continue
            if words[0].startswith("SHA256:"):
                self.fingerprints.add(words[0].rstrip("="))
                continue
            # What is before the kind of key is the host, in a line of known_hosts; what is behind the key is a comment.
            kind = next((number for number, word in enumerate(words[1:]) if word.startswith("AAAA")), 0)
            key = asyncssh.import_public_key(" ".join(words[kind : kind + 2]))
            self.fingerprints.add(key.get_fingerprint())
            self.algorithms += [name.decode() for name in key.sig_algorithms if b"@" not in name and name != b"ssh-rsa"]

    def __bool__(self) -> bool:
        return bool(self.fingerprints)


class Login:
    """Where to, as whom, and with what. Shows no secret.

    Args:
        host: Name or number.
        port: Of SSH.
        username: Whose account.
        host_keys: By which the server is known.
        password: Or empty.
        key: Or None.
    """

    def __init__(  # noqa: PLR0913  two of them are the alternatives for one
        self, host: str, port: int, username: str, host_keys: HostKeys, *, password: str = "", key: asyncssh.SSHKey | None = None
    ) -> None:
        self.host = host
        self.port = port
        self.username = username
        self.host_keys = host_keys
        self._password = password
        self._key = key

    def __repr__(self) -> str:
        return f"{self.username}@{self.host}:{self.port}"

    async def connect(self) -> Link:
        """A new connection on which files can be put.

        Raises:
            MisconfiguredError: The server is not the one whose key we know, or none is known.
            ArchiverError: See `archiver.destinations.sftp.errors.no_connection`.
        """
        guest = _Guest(self.host_keys)
        connection = None
        try:
            async with asyncio.timeout(_LOGIN_SECONDS):
                connection = await asyncssh.connect(
                    self.host,
                    self.port,
                    options=asyncssh.SSHClientConnectionOptions(
                        config=[],  # nobody's ~/.ssh says anything here: no key, no agent, no known host
                        client_factory=lambda: guest,
                        known_hosts=([], [], []),
                        server_host_key_algs=self.host_keys.algorithms or (),
                        username=self.username,
                        password=self._password or None,
                        client_keys=None if self._key is None else [self._key],
                        agent_path=None,
                        gss_kex=False,
                        gss_auth=False,
                        compression_algs=None,
                        encryption_algs="^aes128-gcm@openssh.com",  # half of what the usual first choice costs, on processors of today
                        keepalive_interval=_QUIET_SECONDS,
                    ),
                )
                return Link(connection, await connection.start_sftp_client())
        except SSH_ERRORS as error:
            if connection is not None:
                connection.abort()
            # Its text may hold what the server says, and the server may say anything.
            raise guest.refusal(error) or no_connection(error) from None


class _Guest(asyncssh.SSHClient):
    """Looks at the server's key before it is told who we are."""

    def __init__(self, known: HostKeys) -> None:
        self._known = known
        self._shown = ""

    def validate_host_public_key(self, host: str, addr: str, port: int, key: asyncssh.SSHKey) -> bool:
        """Whether this is the server that we know."""
        del host, addr, port
        fingerprint = key.get_fingerprint()
        if fingerprint in self._known.fingerprints:
            return True
        self._shown = f"{key.get_algorithm()} {fingerprint}"
        return False

    def refusal(self, error: Exception) -> ArchiverError | None:
        """The error, if it was we who refused the server."""
        if not self._shown or not isinstance(error, asyncssh.HostKeyNotVerifiable):
            return None
        ask = "Ask its owner, over another way, whether this is its fingerprint (ssh-keyscan HOST | ssh-keygen -lf - shows all of them)"
        if not self._known:
            return MisconfiguredError(f"the SFTP server is not known; it shows {self._shown}", hint=f"{ask}; then set the option host_key.")
        return MisconfiguredError(
            f"the SFTP server is not the one that is known; it shows {self._shown}",
            hint=f"Somebody may be listening in between, or it got a new key. {ask} before the option host_key is changed.",
        )


class Link:
    """One connection.

    Args:
        connection: Of SSH.
        sftp: On it.

    Attributes:
        sftp: Whose calls are made.
        used: How many files are on it now.
        keeps: The server's rename is known to fail where something has the name already, in one step. Version 3 of the protocol asks for
            that, and some servers rename over it all the same.
        syncs: The server has been heard to refuse ``fsync@openssh.com`` if False.
    """

    def __init__(self, connection: asyncssh.SSHClientConnection, sftp: asyncssh.SFTPClient) -> None:
        self.sftp = sftp
        self.used = 0
        self.syncs = True
        self._connection = connection
        version = str(connection.get_extra_info("server_version", ""))
        self.keeps = any(name in version for name in _KEEP_WHAT_IS_THERE)

    @property
    def open(self) -> bool:
        """Whether it can be used still."""
        return not self._connection.is_closed()

    def abort(self) -> None:
        """Lets go of it at once; whoever uses it still hears that it broke."""
        self._connection.abort()

    async def close(self) -> None:
        """Says good-bye."""
        self.sftp.exit()
        self._connection.close()
        with suppress(*SSH_ERRORS):
            async with asyncio.timeout(_QUIET_SECONDS):
                await self._connection.wait_closed()


class Connections:
    """The connections of one lane.

    Args:
        login: Makes a new one.
    """

    def __init__(self, login: Login) -> None:
        self._login = login
        self._links: list[Link] = []
        self._one = asyncio.Lock()
        self._refusals = 0
        self._failure: ArchiverError | None = None

    def __repr__(self) -> str:
        return f"Connections({self._login!r})"

    @asynccontextmanager
    async def link(self) -> AsyncIterator[Link]:
        """A connection for one file.

        Raises:
            ArchiverError: There is none, and none can be made.
        """
        link = await self._take()
        link.used += 1
        try:
            yield link
        finally:
            link.used -= 1

    @asynccontextmanager
    async def call(self, link: Link, call: str, seconds: float | None = CALL_SECONDS) -> AsyncIterator[None]:
        """What is done over a connection: what goes wrong comes out as an error of our tree.

        Args:
            link: Over which.
            call: What is done, for the message: "write a file".
            seconds: How long it may take.
        """
        try:
            async with asyncio.timeout(seconds):
                yield
        except SSH_ERRORS as error:
            if is_broken(error):
                self._drop(link)
            raise translate(error, call) from None

    @asynccontextmanager
    async def use(self, call: str, seconds: float | None = CALL_SECONDS) -> AsyncIterator[Link]:
        """Both at once: a connection, and what is done over it."""
        async with self.link() as link, self.call(link, call, seconds):
            yield link

    async def close(self) -> None:
        """Lets go of all of them."""
        links, self._links = self._links, []
        for link in links:
            await link.close()

    async def _take(self) -> Link:
        refusals = self._refusals
        found = self._free()
        if found is not None:
            return found
        async with self._one:
            found = self._free()
            if found is not None:
                return found
            if self._failure is not None and self._refusals != refusals:  # it failed while we waited for our turn to try
                raise type(self._failure)(self._failure.message, hint=self._failure.hint)
            self._failure = None
            try:
                link = await self._login.connect()
            except ArchiverError as error:
                self._failure = error
                self._refusals += 1
                raise
            self._links.append(link)
            return link

    def _free(self) -> Link | None:
        """The one that has the least to do; None if another one is to be opened."""
        for link in [link for link in self._links if not link.open]:
            self._drop(link)
        least = min(self._links, key=lambda link: link.used, default=None)
        if least is None or (least.used >= _FILES_EACH and len(self._links) < _MOST):
            return None
        return least

    def _drop(self, link: Link) -> None:
        if link in self._links:
            self._links.remove(link)
        link.abort()
