"""The command itself: makes the world, runs the pipeline in it, tells the verdict."""

from __future__ import annotations

import asyncio
import shutil
import sys
import tempfile
from collections.abc import Coroutine, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated

from cyclopts import Parameter

from archiver.app import Archiver
from archiver.cli.demo.verdict import Verdict, all_deliveries, verdict_of
from archiver.cli.demo.world import Plan, World, open_world
from archiver.cli.options import Options
from archiver.cli.output import Output
from archiver.cli.progress import live
from archiver.cli.signals import draining
from archiver.console.listening import Listening
from archiver.console.serving import ConsoleServer
from archiver.errors import ConfigError
from archiver.observe import log
from archiver.people import Rank
from archiver.settings import Settings, load

__all__ = ["demo"]

_FEWEST = 100
_INTERRUPTED = 130  # what a shell calls a command that Ctrl-C ended
_HINT = """
Now with your own files:
  PROGRAM customers add me --from folder:PATH --to folder:PATH
  PROGRAM run

Into your own Dropbox (`PROGRAM destinations dropbox` tells how each option is given):
  export ARCHIVER_DROPBOX_REFRESH_TOKEN=…
  PROGRAM customers add me --from folder:PATH --to dropbox:/Archive --to-option app_key=…
  PROGRAM run"""


async def demo(
    *,
    items: int = Plan().items,
    keep: Path | None = None,
    console: str = "127.0.0.1:0",
    stay: Annotated[bool, Parameter(negative="", show_default=False)] = False,
    options: Options | None = None,
) -> int:
    """Show the whole line at work on made-up customers, within a minute.

    An airline with a great backlog and twenty quiet customers archive recordings, messages and faxes into a Dropbox on loopback,
    which has its limits on and lowers the airline's for a while. Four of the quiet ones have phone systems on loopback, whose calls
    are archived as they end. Then everything that arrived is compared byte by byte.
    Nothing of it touches your own database. A browser shows it while it runs: the first lines tell where.

    ```
    archiver demo
    archiver demo --items 1000 --keep ./demo --json
    ```

    Args:
        items: How many items there are altogether; 95 of a hundred are the airline's.
        console: Where the console listens; port 0 takes a free one.
        stay: Go on afterwards, until told to stop, so that the console can be looked at.
        keep: Keep the files, the database and what the Dropbox stored in this directory, which must be new or empty.
    """
    if items < _FEWEST:
        raise ConfigError(f"--items must be at least {_FEWEST}")
    out = Output(options)
    plan = Plan.of(items)
    with _directory(keep) as directory:
        flags = {"home": str(directory / "home"), "log_level": "warning", "console": console, "webhooks": "127.0.0.1:0"}
        settings = load(environment={}, flags=flags)
        async with open_world(plan, directory, lambda text: out.say(f"· {text}")) as world:
            verdict = await _archive(out, world, settings, stay=stay)
    if verdict is None:
        out.say("Stopped before its end, so there is nothing to judge.")
        return _INTERRUPTED
    _tell(out, verdict, keep)
    out.result(verdict)
    return 0 if verdict.good else 1


async def _archive(out: Output, world: World, settings: Settings, *, stay: bool) -> Verdict | None:
    """The run and its verdict; None if somebody stopped it."""
    stop, interrupted = asyncio.Event(), asyncio.Event()
    over = asyncio.Event() if stay else stop

    def interrupt() -> None:
        interrupted.set()
        out.say("Stopping.")

    async with Archiver.open(settings, serve=True) as archiver:
        await world.introduce(archiver)
        page = await _open_page(out, archiver)
        with live(out) as display, draining(stop, interrupt):
            events = log.configure(settings.log_level, settings.log_format, items=False)
            beside = [display.watch(archiver), world.unfold(archiver, over), *page]
            await archiver.run(stop, listener=events.listen, beside=beside)
            progress = await archiver.progress()
            display.show(progress)
        if interrupted.is_set() and not (stay and over.is_set()):
            return None
        deliveries = await all_deliveries(archiver)
    out.say("· comparing what arrived with what there was, byte by byte")
    result, ledger = await world.judge()
    for example in result.examples:
        out.say(f"  {example}", style="red")
    return verdict_of(result, ledger, deliveries, progress.seconds)


async def _open_page(out: Output, archiver: Archiver) -> list[Coroutine[None, None, None]]:
    """The console, and a link that lets whoever sees it in."""
    server = ConsoleServer(archiver, Listening.of(archiver.settings))
    out.say(f"· watch it in a browser: {server.url}/welcome/{await archiver.door.known('demo', Rank.ADMIN)}")
    return [server.serve()]


def _tell(out: Output, verdict: Verdict, keep: Path | None) -> None:
    out.say()
    out.say(
        f"{verdict.archived:,} of {verdict.items:,} items archived in {verdict.seconds:.1f} s: "
        f"{verdict.lost} lost, {verdict.duplicates} twice, {verdict.corrupt} damaged.",
        style="bold green" if verdict.good else "bold red",
    )
    out.say(
        f"{verdict.requests:,} calls, {verdict.throttled} of them refused with a 429; "
        f"the airline used {verdict.limit_utilisation:.0%} of what its Dropbox permitted."
    )
    out.say(
        f"95 % of the quiet customers' items were archived within {verdict.p95_dwell_quiet_s:.1f} s of being found, "
        f"of the airline's within {verdict.p95_dwell_airline_s:.0f} s."
    )
    if keep is not None:
        out.say(f"All of it is in {keep}: the files, the database, and what the Dropbox stored.")
    out.say(_HINT.replace("PROGRAM", _program()))


def _program() -> str:
    """How the reader can call us: after ``make demo`` the program is in a place that no shell looks into."""
    called = Path(sys.argv[0])
    return str(called) if called.name == "archiver" and shutil.which("archiver") is None else "archiver"


@contextmanager
def _directory(keep: Path | None) -> Iterator[Path]:
    if keep is None:
        with tempfile.TemporaryDirectory(prefix="archiver-demo-", ignore_cleanup_errors=True) as name:
            yield Path(name)
        return
    directory = keep.expanduser().absolute()
    directory.mkdir(parents=True, exist_ok=True)
    if any(directory.iterdir()):
        raise ConfigError(f"--keep {keep} is not empty", hint="Name a new directory.")
    yield directory
