"""The command ``archiver``: one small module a command, imported when it is asked for. Commands ask the app, nothing else.

In: words on a command line. Out: text for people, or with ``--json`` one JSON document last on standard output; an exit code.

| exit code | meaning |
|---|---|
| 0 | done |
| 1 | it did not work |
| 2 | the command line cannot be understood |
| 70 | a bug; what it was working on is not lost |
| 75 | another process serves the database; try again later |
| 78 | the settings, an option or a key cannot work |
| 130, 143 | a second SIGINT or SIGTERM ended it at once |
"""

from __future__ import annotations

import asyncio
import inspect
import os
import sys
from collections.abc import Callable, Sequence
from typing import Any

from cyclopts import App, CycloptsError

from archiver import failpoints
from archiver.cli.failures import report as report_failure
from archiver.cli.failures import report_usage

__all__ = ["COMMANDS", "app", "main"]

COMMANDS = {
    "demo": ("archiver.cli.demo:demo", "Show the whole line at work on made-up customers, within a minute."),
    "run": ("archiver.cli.run:run", "Archive what every customer's sources have, and what comes, until told to stop."),
    "console": ("archiver.cli.console:console", "Serve the console alone: how everything is, in a browser."),
    "status": ("archiver.cli.status:status", "Show how far each customer's destinations are."),
    "top": ("archiver.cli.top:top", "Show how everything is, at one glance, second by second."),
    "doctor": ("archiver.cli.doctor:doctor", "Look at everything that Archiver stands on, and say what to do about each fault."),
    "customers add": ("archiver.cli.customers:add", "Add a customer: where its items come from, and where they go."),
    "customers list": ("archiver.cli.customers:list_all", "List every customer with its sources and destinations."),
    "customers pause": ("archiver.cli.customers:pause", "Serve a customer no more until it is resumed."),
    "customers edit": ("archiver.cli.keeping:edit", "Change a customer: its share, how long its archive is kept, what goes where."),
    "customers erase": ("archiver.cli.keeping:erase", "Erase what was archived for a customer, as far as it need not be kept."),
    "customers remove": ("archiver.cli.keeping:remove", "Remove a paused customer, and forget its credentials."),
    "customers resume": ("archiver.cli.customers:resume", "Serve a paused customer again."),
    "connect": ("archiver.cli.connecting:connect", "Connect a customer's storage or phone system, and try it."),
    "connections link": ("archiver.cli.connecting:link", "Make a link with which a customer connects a storage, once."),
    "connections withdraw": ("archiver.cli.connecting:withdraw", "End every link of a customer that was not used yet."),
    "keys show": ("archiver.cli.keys:show", "Show the ids of the keys that seal credentials, and what each has sealed."),
    "keys rotate": ("archiver.cli.keys:rotate", "Seal every credential anew with a fresh key; may be interrupted."),
    "keys retire": ("archiver.cli.keys:retire", "Take away the keys that nothing needs any more."),
    "import": ("archiver.cli.importing:import_items", "Read the sources once and write down what they have; uploads nothing."),
    "deliveries": ("archiver.cli.deliveries:deliveries", "List deliveries: where each one goes, how it is, and why."),
    "items list": ("archiver.cli.deliveries:deliveries", "List items; the same as deliveries."),
    "items show": ("archiver.cli.items:show", "Show what became of one item, and its receipt."),
    "retry": ("archiver.cli.retry:retry", "Let deliveries that were rejected or gone wait again."),
    "report": ("archiver.cli.report:report", "Show whether everything of a customer is archived, and if not, what is missing and why."),
    "verify": ("archiver.cli.verify:verify", "Look whether a customer's storages still have what was archived, without moving content."),
    "audit show": ("archiver.cli.audit:show", "Show who did what, and which batches were archived: the audit log, the newest first."),
    "audit verify": ("archiver.cli.audit:verify", "Check that nothing in the audit log was changed, and no receipt either."),
    "sources": ("archiver.cli.adapters:sources", "Show the places where items can come from."),
    "destinations": ("archiver.cli.adapters:destinations", "Show the storages that items can go to."),
    "settings": ("archiver.cli.settings:settings", "Show every setting, its value, and where the value came from."),
    "config show": ("archiver.cli.settings:settings", "Show the configuration; the same as settings."),
    "migrate": ("archiver.cli.migrate:migrate", "Bring the database's schema up to date."),
    "healthcheck": ("archiver.cli.healthcheck:healthcheck", "Ask the running process how it is, for containers."),
    "completion": ("archiver.cli.completion:completion", "Print what lets bash, zsh or fish complete commands."),
    "sandbox": ("archiver.cli.sandbox:sandbox", "Serve a Dropbox or a RingCentral on loopback, to try things with."),
    "version": ("archiver.cli.version:version", "Show the version of Archiver and of what it runs on."),
}
"""Each command: the function behind it, which is imported when it is asked for, and what the list of commands says of it."""
_GROUPS = {
    "audit": "Read and check the log of what was done.",
    "connections": "Let customers connect their storages.",
    "keys": "The keys that seal customers' credentials.",
    "customers": "Add, change, pause and remove the customers that are archived.",
    "config": "How Archiver is configured.",
    "items": "Single items, and what became of each.",
}


def app(words: Sequence[str] = ()) -> App:
    """The whole command line; only the module of the command that ``words`` ask for gets imported."""
    root = App(
        name="archiver",
        help="Copies call recordings, SMS and fax into each customer's own cloud storage, as fast as that storage takes them.\n\n"
        "`archiver demo` shows all of it at work; `archiver COMMAND --help` explains a command by an example.",
        help_format="markdown",
        version=_version,
    )
    groups: dict[str, App] = {}
    for place, (command, (target, summary)) in enumerate(COMMANDS.items()):
        group, _, name = command.rpartition(" ")
        if group and group not in groups:
            groups[group] = App(name=group, help=_GROUPS[group], sort_key=place)
            root.command(groups[group])
        # A summary keeps the list of commands from importing them all; the one that is asked for shows its own, longer text.
        asked = command.split() == list(words[: len(command.split())])
        groups.get(group, root).command(target, name=name, help=None if asked else summary, sort_key=place)
    return root


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs one command line.

    Args:
        arguments: The words; by default those of this process.

    Returns:
        The exit code.
    """
    words = list(sys.argv[1:] if arguments is None else arguments)
    try:
        command, bound, _ = app(words).parse_args(words, exit_on_error=False, print_error=False)
    except CycloptsError as error:
        return report_usage(error, as_json="--json" in words)
    try:
        failpoints.arm(os.environ)
        code = _run(command, bound)
        sys.stdout.flush()
    except BrokenPipeError:
        # Whoever read our output is gone, as with `| head`; the interpreter must not try to flush once more.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1
    except KeyboardInterrupt:
        return 130
    except Exception as error:  # noqa: BLE001  the outermost frame: everything becomes a line for people and an exit code
        return report_failure(error, as_json="--json" in words)
    return code


def _run(command: Callable[..., Any], bound: inspect.BoundArguments) -> int:
    if inspect.iscoroutinefunction(command):
        with asyncio.Runner(loop_factory=_loop_factory()) as runner:
            code = runner.run(command(*bound.args, **bound.kwargs))
    else:
        code = command(*bound.args, **bound.kwargs)
    return code if isinstance(code, int) else 0


def _loop_factory() -> Callable[[], asyncio.AbstractEventLoop] | None:
    """The fast event loop where it installs."""
    try:
        import uvloop  # noqa: PLC0415  not on every platform
    except ImportError:
        return None
    return uvloop.new_event_loop


def _version() -> str:
    from archiver.cli.version import installed_version  # noqa: PLC0415  only when asked for

    return installed_version()
