"""Where the console listens, and under which names it may be asked.

It listens on loopback unless it is told otherwise, and elsewhere only with TLS or behind a proxy that has it: passwords never travel in
the open.
"""

from __future__ import annotations

import ipaddress
import re
from urllib.parse import urlsplit

import msgspec

from archiver.errors import ConfigError
from archiver.settings import Settings

__all__ = ["DEFAULT_ADDRESS", "Listening"]

DEFAULT_ADDRESS = "127.0.0.1:8470"
_ADDRESS = re.compile(r"(?:\[([0-9a-fA-F:]+)\]|([^\[\]:]+)):(\d{1,5})")


class Listening(msgspec.Struct, frozen=True, kw_only=True):
    """Where the console listens.

    Attributes:
        host: A name or address of this machine.
        port: 0 takes a free one.
        public: The address that people use, such as ``https://archive.example.com``; empty for the one listened on.
        proxies: Addresses of proxies whose word about the client's address and TLS is believed, separated by commas.
        certificate: The file with the certificate; empty without TLS of its own.
        private_key: The file with its key.
    """

    host: str
    port: int
    public: str = ""
    proxies: str = ""
    certificate: str = ""
    private_key: str = ""

    @classmethod
    def of(cls, settings: Settings) -> Listening:
        """What the settings say.

        Raises:
            ConfigError: The address cannot be, or would send passwords in the open.
        """
        found = _ADDRESS.fullmatch(settings.console)
        if found is None or int(found[3]) > 65535:
            raise ConfigError("console does not fit: expected host:port", hint=f"Such as {DEFAULT_ADDRESS}.")
        listening = cls(
            host=found[1] or found[2],
            port=int(found[3]),
            public=settings.console_url.rstrip("/"),
            proxies=settings.console_proxies,
            certificate=settings.console_certificate,
            private_key=settings.console_private_key,
        )
        listening._check()
        return listening

    def _check(self) -> None:
        if bool(self.certificate) != bool(self.private_key):
            raise ConfigError("console_certificate and console_private_key go together")
        if self.public:
            parts = urlsplit(self.public)
            if parts.scheme not in {"http", "https"} or not parts.hostname or parts.path or parts.query:
                raise ConfigError("console_url does not fit: expected https://host, without a path")
        if not self.is_loopback and not (self.certificate or self.proxies):
            hint = "Give console_certificate and console_private_key, or console_proxies for a proxy with TLS in front; or use 127.0.0.1."
            raise ConfigError("the console would send passwords in the open", hint=hint)
        if self.proxies and not self.public:
            raise ConfigError("console_proxies needs console_url", hint="The address that people use, such as https://archive.example.com.")

    @property
    def is_loopback(self) -> bool:
        """Whether only this machine can reach it."""
        try:
            return ipaddress.ip_address(self.host).is_loopback
        except ValueError:
            return self.host == "localhost"

    @property
    def secure(self) -> bool:
        """Whether browsers reach it by TLS."""
        return self.url.startswith("https:")

    @property
    def url(self) -> str:
        """The address that people use."""
        if self.public:
            return self.public
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{'https' if self.certificate else 'http'}://{host}:{self.port}"

    @property
    def hosts(self) -> frozenset[str]:
        """Values of the Host header that are ours; any other may be a name that somebody lets point to us."""
        names = {urlsplit(self.url).netloc.lower()}
        if self.is_loopback and not self.proxies:
            names |= {f"{name}:{self.port}" for name in ("127.0.0.1", "localhost", "[::1]")}
        return frozenset(names)

    @property
    def cookie(self) -> str:
        """The session cookie's name. Only with TLS may it begin with ``__Host-``; without, a port tells one console from another."""
        return "__Host-archiver" if self.secure else f"archiver-{self.port}"
