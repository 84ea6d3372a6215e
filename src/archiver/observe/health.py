"""How the process is, for whoever supervises it: whether to start it again, whether to count on it, and why, for people.

| asked | no means |
|---|---|
| `/livez` | start it again: its loop hangs, or nothing moves though something is under way |
| `/readyz` | do not count on it now: the database does not answer, or it drains |
| `/healthz` | both, with reasons |

A customer's broken connection is never a reason for no: it is told under ``attention``, and no new start would mend it.
"""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from archiver.observe.pulse import LAG_SECONDS, STALL_SECONDS
from archiver.snapshot import Snapshot

__all__ = ["Check", "Health", "health_of"]


class Check(msgspec.Struct, frozen=True, kw_only=True):
    """One thing that was looked at.

    Attributes:
        name: What.
        ok: Whether it is as it should be.
        detail: In words for a person.
    """

    name: str
    ok: bool
    detail: str


class Health(msgspec.Struct, frozen=True, kw_only=True):
    """How the process is.

    Attributes:
        status: ``ok``, ``attention`` (somebody should look, nothing is wrong with the process) or ``failing``.
        live: Whether it lives.
        ready: Whether it does its work.
        checks: What was looked at.
        attention: What a person should look at.
    """

    status: str
    live: bool
    ready: bool
    checks: Sequence[Check]
    attention: Sequence[str]


def health_of(snapshot: Snapshot | None, *, lag: float, stalled: float, draining: bool) -> Health:
    """Judges.

    Args:
        snapshot: How everything is; None if the database did not answer in time.
        lag: How far the event loop lags, in seconds.
        stalled: For how many seconds nothing has moved though something is under way.
        draining: Whether the process has been told to stop.
    """
    away = "does not answer" if snapshot is None else snapshot.away
    checks = (
        Check(name="loop", ok=lag < LAG_SECONDS, detail=f"lags {lag:.3f} s"),
        Check(
            name="progress", ok=stalled < STALL_SECONDS, detail=f"nothing moved for {stalled:.0f} s" if stalled else "nothing is held up"
        ),
        Check(name="database", ok=not away, detail=away or "answers"),
        Check(name="serving", ok=not draining, detail="stopping" if draining else "takes work"),
    )
    attention = () if snapshot is None else _attention(snapshot)
    live = all(check.ok for check in checks[:2])
    ready = live and all(check.ok for check in checks)
    status = "failing" if not ready else "attention" if attention else "ok"
    return Health(status=status, live=live, ready=ready, checks=checks, attention=attention)


def _attention(snapshot: Snapshot) -> Sequence[str]:
    """Sums only: whoever may ask for health need not know the customers."""
    totals = snapshot.totals
    told = [f"{_count(count, 'lane')} {state.replace('_', ' ')}" for state, count in sorted(totals.states.items()) if count]
    if totals.rejected:
        told.append(f"{_count(totals.rejected, 'delivery')} rejected")
    if snapshot.unreadable:
        told.append(f"{_count(len(snapshot.unreadable), 'customer')} with a source that cannot be read")
    return told


def _count(number: int, noun: str) -> str:
    plural = noun[:-1] + "ies" if noun.endswith("y") else noun + "s"
    return f"{number:,} {noun if number == 1 else plural}"
