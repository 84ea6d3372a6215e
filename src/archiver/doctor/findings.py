"""What was found: frozen values for people and machines."""

from __future__ import annotations

from enum import StrEnum

import msgspec

from archiver.errors import (
    ArchiverError,
    ConfigError,
    DatabaseUnavailableError,
    MisconfiguredError,
    QuotaFullError,
    SchemaError,
    ThrottledError,
    UnavailableError,
)

__all__ = ["Finding", "Verdict", "finding_of"]


class Verdict(StrEnum):
    """How bad it is."""

    FINE = "fine"
    """As it should be."""
    NOTE = "note"
    """Works, but somebody should know."""
    FAULT = "fault"
    """Something does not work."""
    SKIPPED = "skipped"
    """Could not be looked at, since something before it does not work."""


class Finding(msgspec.Struct, frozen=True, kw_only=True):
    """One thing that was looked at.

    Attributes:
        about: What: ``settings``, ``database``, ``key``, ``disk``, ``clock``, ``dns``, or a connection such as ``acme: dropbox 7``.
        verdict: How bad it is.
        what: What was seen.
        remedy: What to do; empty if there is nothing to do.
        error: The error's class, for grouping; empty if there was none.
    """

    about: str
    verdict: Verdict
    what: str
    remedy: str = ""
    error: str = ""


_REMEDIES: tuple[tuple[type[ArchiverError], str], ...] = (
    (QuotaFullError, "The customer must make room, or buy some; it goes on by itself then."),
    (ThrottledError, "Nothing: it goes on by itself."),
    (MisconfiguredError, "Let the account, the folder or the bucket permit what is said above. Then: archiver customers resume CUSTOMER"),
    (UnavailableError, "Look at the network between here and there: firewall, proxy, certificate, their status page."),
    (SchemaError, "Install the version of Archiver that wrote it, or a newer one."),
    (DatabaseUnavailableError, "See that its server runs and can be reached from here, and that its disk has room."),
    (ConfigError, "Mend what is said above."),
)


def finding_of(about: str, error: ArchiverError, *, customer: str = "CUSTOMER") -> Finding:
    """An error as a finding: what it says itself is a better remedy than what its class says.

    Args:
        about: What was looked at.
        error: What came of it.
        customer: Whose it is, for commands to copy.
    """
    general = next((text for kind, text in _REMEDIES if isinstance(error, kind)), "Try again; if it stays so, look into the log.")
    hint = error.hint
    if isinstance(error, DatabaseUnavailableError) and "be tried again" in hint:
        hint = ""  # said to a program
    verdict = Verdict.NOTE if isinstance(error, ThrottledError) else Verdict.FAULT
    remedy = (hint or general).replace("CUSTOMER", customer)
    return Finding(about=about, verdict=verdict, what=error.message, remedy=remedy, error=type(error).__name__)
