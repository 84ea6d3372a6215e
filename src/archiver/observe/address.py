"""Where something is served, as it stands in the settings."""

from __future__ import annotations

from archiver.errors import ConfigError

__all__ = ["address_of"]


def address_of(text: str, setting: str = "metrics") -> tuple[str, int]:
    """Host and port from ``host:port`` or ``[::1]:port``; port 0 takes a free one. ``setting`` is where it stands.

    Raises:
        ConfigError: It is neither.
    """
    host, colon, port = text.rpartition(":")
    host = host.removeprefix("[").removesuffix("]")
    if not colon or not host or not port.isascii() or not port.isdigit() or int(port) > 0xFFFF:
        raise ConfigError(f"{setting} must look like HOST:PORT", hint="Such as 127.0.0.1:9464, or 0.0.0.0:9464 inside a container.")
    return host, int(port)
