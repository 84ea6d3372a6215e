"""``archiver audit``: who did what, and whether anybody has changed what was written down of it."""

from __future__ import annotations

import time
from typing import Annotated

import msgspec
from cyclopts import Parameter

from archiver.app import Archiver
from archiver.cli.failures import UsageError
from archiver.cli.options import Options, settings_of
from archiver.cli.output import Output, moment_text
from archiver.proof.auditing import Anchor

__all__ = ["show", "verify"]

_HASH = 64  # characters of a hash
_DETAIL = 60  # characters of a line's detail in the table; all of it is in the JSON


async def show(
    *,
    before: int | None = None,
    limit: int = 20,
    batches: Annotated[bool, Parameter(negative="")] = False,
    options: Options | None = None,
) -> None:
    """Show who did what, when, on what, from where and how it ended; the newest first.

    Each batch of deliveries that came to an end is a line as well, by `archiver` itself; `--batches` shows those, too.

    ```
    archiver audit show
    archiver audit show --before 120 --limit 100 --json
    ```

    Args:
        before: Go on before the line with this number.
        limit: How many at most.
        batches: With the lines that tell of a batch of deliveries.
    """
    out = Output(options)
    async with Archiver.open(settings_of(options)) as archiver:
        page = await archiver.auditor.newest(before=before, limit=limit, batches=batches)
    if page:
        out.table(
            ["line", "at", "who", "from", "what", "on", "result", "detail"],
            [
                (line.number, moment_text(line.at), line.actor, line.origin, line.action, line.subject, line.result, _short(line.detail))
                for line in page
            ],
            right=frozenset({"line"}),
        )
        if len(page) == limit and page[-1].number > 1:
            out.say(f"Older ones: --before {page[-1].number}")
    else:
        out.say("Nothing was done yet.")
    out.result([{**msgspec.structs.asdict(line), "detail": msgspec.Raw(line.detail.encode())} for line in page])


async def verify(*, kept: Annotated[list[str] | None, Parameter(negative="")] = None, options: Options | None = None) -> int:
    """Check that nothing in the audit log was changed, taken out or put in, and that receipts are what they were.

    It ends with the number and the hash of the last line. Whoever keeps them elsewhere, as every manifest in the customers' storages
    does, can later tell that nothing was cut off or written anew: `--kept NUMBER:HASH`.

    The exit code is 1 if something is not what it must be; the first such line is named.

    ```
    archiver audit verify
    archiver audit verify --kept 1200:5f0c…
    ```

    Args:
        kept: A line that was kept elsewhere, NUMBER:HASH; may be given several times.
    """
    out = Output(options)
    anchors = [_anchor(text) for text in kept or ()]
    began = time.monotonic()
    async with Archiver.open(settings_of(options)) as archiver:
        chain = await archiver.auditor.check(anchors)
    if chain.broken is not None:
        out.say(f"Line {chain.broken} is broken: {chain.why}.", style="bold red")
    else:
        out.say(f"{chain.lines:,} lines and {chain.receipts:,} receipts are as they were written ({time.monotonic() - began:.1f} s).")
    if chain.head is not None:
        out.say(f"Keep this elsewhere: {chain.head.number}:{chain.head.hash}")
    out.result(chain)
    return 0 if chain.broken is None else 1


def _anchor(text: str) -> Anchor:
    number, colon, digest = text.partition(":")
    if not colon or not number.isdecimal() or len(digest) != _HASH:
        raise UsageError("a line that was kept is NUMBER:HASH", hint="As `archiver audit verify` says it at its end.")
    return Anchor(int(number), digest.lower())


def _short(detail: str) -> str:
    text = "" if detail == "{}" else detail
    return text if len(text) <= _DETAIL else f"{text[: _DETAIL - 1]}…"
