"""What both sides of the Google Drive contest upload to: the sandbox, and a tunnel for the side that knows Google's hosts only.

Prints one line of JSON when it is ready, and ends when its standard input closes.
"""

from __future__ import annotations

import asyncio
import ssl
import sys

import msgspec

from archiver.sandbox.google import GoogleDrive, Limits
from benchmarks.tunnel import GOOGLE_HOSTS, Tunnel


async def main(chain: str, key: str) -> None:
    """Serves until nobody is there any more."""
    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    tls.load_cert_chain(chain, key)
    async with GoogleDrive(tls=tls, keep_content=False) as drive, Tunnel(drive.tls_url, GOOGLE_HOSTS) as tunnel:
        login = drive.add_user("bench", Limits(units=None, daily_bytes=None))
        ready = {"url": drive.url, "tls_url": drive.tls_url, "proxy": tunnel.url, **msgspec.structs.asdict(login)}
        sys.stdout.write(msgspec.json.encode(ready).decode() + "\n")
        sys.stdout.flush()
        await asyncio.to_thread(sys.stdin.buffer.read)


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))
