"""What both sides of a tunnelled contest upload to: a cloud of the sandbox, and a tunnel for the side that knows its hosts only.

Prints one line of JSON when it is ready, and ends when its standard input closes. Nobody is throttled.
"""

from __future__ import annotations

import asyncio
import ssl
import sys
from collections.abc import Callable
from typing import Any, Final

import msgspec

from archiver.sandbox import box, google, microsoft
from benchmarks.tunnel import BOX_HOSTS, GOOGLE_HOSTS, MICROSOFT_HOSTS, Tunnel

_CLOUDS: Final[dict[str, tuple[Callable[..., Any], tuple[str, ...], Any]]] = {
    "box": (box.Box, BOX_HOSTS, box.Limits(calls=None, uploads=None)),
    "google": (google.GoogleDrive, GOOGLE_HOSTS, google.Limits(units=None, daily_bytes=None)),
    "microsoft": (microsoft.OneDrive, MICROSOFT_HOSTS, microsoft.Limits(units=None)),
}


async def main(cloud: str, chain: str, key: str) -> None:
    """Serves until nobody is there any more."""
    make, hosts, limits = _CLOUDS[cloud]
    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    tls.load_cert_chain(chain, key)
    async with make(tls=tls, keep_content=False) as sandbox, Tunnel(sandbox.tls_url, hosts) as tunnel:
        login = sandbox.add_user("bench", limits)
        ready = {"url": sandbox.url, "tls_url": sandbox.tls_url, "proxy": tunnel.url, **msgspec.structs.asdict(login)}
        sys.stdout.write(msgspec.json.encode(ready).decode() + "\n")
        sys.stdout.flush()
        await asyncio.to_thread(sys.stdin.buffer.read)


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))
