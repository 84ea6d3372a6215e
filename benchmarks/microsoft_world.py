"""What both sides of the OneDrive contest upload to: the sandbox, and a tunnel for the side that knows Microsoft's hosts only.

Prints one line of JSON when it is ready, and ends when its standard input closes.
"""

from __future__ import annotations

import asyncio
import ssl
import sys

import msgspec

from archiver.sandbox.microsoft import Limits, OneDrive
from benchmarks.tunnel import MICROSOFT_HOSTS, Tunnel


async def main(chain: str, key: str) -> None:
    """Serves until nobody is there any more."""
    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    tls.load_cert_chain(chain, key)
    async with OneDrive(tls=tls, keep_content=False) as onedrive, Tunnel(onedrive.tls_url, MICROSOFT_HOSTS) as tunnel:
        login = onedrive.add_user("bench", Limits(units=None))
        ready = {"url": onedrive.url, "tls_url": onedrive.tls_url, "proxy": tunnel.url, **msgspec.structs.asdict(login)}
        sys.stdout.write(msgspec.json.encode(ready).decode() + "\n")
        sys.stdout.flush()
        await asyncio.to_thread(sys.stdin.buffer.read)


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))
