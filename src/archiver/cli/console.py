"""``archiver console``: the console alone, beside whoever archives."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine

import structlog

from archiver.app import Archiver
from archiver.cli.options import Options, settings_of
from archiver.cli.output import Output
from archiver.cli.signals import draining
from archiver.console.listening import DEFAULT_ADDRESS, Listening
from archiver.observe import log
from archiver.settings import Origin

__all__ = ["console", "open_console", "tell_console"]

_log = structlog.get_logger("archiver")


async def console(*, listen: str | None = None, options: Options | None = None) -> None:
    """Serve the console: how everything is, in a browser, until told to stop.

    It works beside `archiver run` on the same database, whichever process archives; `archiver run --console` does both in one, and then
    draws the pipeline as well. The very first time it prints a link that makes the first user.

    ```
    archiver console
    archiver console --listen 127.0.0.1:9000
    ```

    Args:
        listen: Where to listen, such as 127.0.0.1:8470, which is the default. Elsewhere than on this machine it needs TLS, or a proxy
            that has it: the settings console_certificate and console_private_key, or console_proxies and console_url.
    """
    out = Output(options, lossy=True)
    settings = settings_of(options, console=listen)
    if settings.origins.get("console", Origin.DEFAULT) is Origin.DEFAULT:
        settings = settings_of(options, console=DEFAULT_ADDRESS)
    from archiver.console.serving import ConsoleServer  # noqa: PLC0415  `archiver run` imports this module without it

    stop = asyncio.Event()
    async with Archiver.open(settings) as archiver:
        server = ConsoleServer(archiver, Listening.of(settings))
        log.configure(settings.log_level, settings.log_format)
        await tell_console(out, archiver, server.url)
        with draining(stop, lambda: out.say("Stopping.")):
            await server.serve(stop)
    out.end()


async def open_console(archiver: Archiver, out: Output) -> list[Coroutine[None, None, None]]:
    """What runs beside a process that archives, if its settings want a console; it listens already, and says where.

    Raises:
        ConfigError: The console cannot be where the settings want it.
    """
    if not archiver.settings.console:
        return []
    # Imported only where it is wanted: the server and the templates take a tenth of a second.
    from archiver.console.serving import ConsoleServer  # noqa: PLC0415  as above

    server = ConsoleServer(archiver, Listening.of(archiver.settings))
    await tell_console(out, archiver, server.url)
    return [server.serve()]


async def tell_console(out: Output, archiver: Archiver, url: str) -> None:
    """Says where the console is, and the very first time how to come in."""
    out.say(f"The console is at {url}")
    token = await archiver.door.first_link()
    if token is not None:
        out.say(f"Nobody can log in yet. This link makes the first user; it works once, for a day:\n  {url}/welcome/{token}")
