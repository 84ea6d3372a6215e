"""``archiver doctor``: what is wrong, and what to do about it."""

from __future__ import annotations

from archiver.cli.options import Options, settings_of
from archiver.cli.output import Output
from archiver.doctor.examination import examine
from archiver.doctor.findings import Finding, Verdict, finding_of
from archiver.errors import ConfigError

__all__ = ["doctor"]

_MARKS = {Verdict.FINE: "✓", Verdict.NOTE: "!", Verdict.FAULT: "✗", Verdict.SKIPPED: "–"}
_STYLES = {Verdict.FINE: "green", Verdict.NOTE: "yellow", Verdict.FAULT: "bold red", Verdict.SKIPPED: "dim"}


async def doctor(*, options: Options | None = None) -> int:
    """Look at everything that Archiver stands on, and say of each fault what to do about it. Changes nothing.

    It looks at the settings, the disk, the database and its schema, the key, names of hosts, this machine's clock, and at every
    connection, each of which is asked whether it lets us in. The exit code is 1 if anything does not work.

    ```
    archiver doctor
    archiver doctor --json
    ```
    """
    out = Output(options)
    try:
        settings = settings_of(options)
    except ConfigError as error:
        findings = [finding_of("settings", error)]
    else:
        findings = [Finding(about="settings", verdict=Verdict.FINE, what=f"they can be read; the home is {settings.home}")]
        findings += await examine(settings)
    for finding in findings:
        out.say(f"{_MARKS[finding.verdict]} {finding.about}: {finding.what}", style=_STYLES[finding.verdict])
        if finding.remedy:
            out.say(f"  → {finding.remedy}")
    faults = sum(finding.verdict is Verdict.FAULT for finding in findings)
    out.say()
    out.say("Everything works." if not faults else f"{faults} {'thing does' if faults == 1 else 'things do'} not work.")
    out.result(findings)
    return 1 if faults else 0
