"""What the machine itself must give: room on the disk, names of hosts, and the right time."""

from __future__ import annotations

import asyncio
import os
import shutil
import socket
import time
from collections.abc import Callable, Iterable, Sequence
from email.utils import parsedate_to_datetime
from pathlib import Path

import aiohttp
from yarl import URL

from archiver.doctor.findings import Finding, Verdict

__all__ = ["check_clock", "check_disk", "check_names", "hosts_of"]

_FEW_BYTES = 1_000_000_000
_FEW_SHARE = 0.1
_SKEW_SECONDS = 60.0
"""Providers refuse signed tokens and signatures whose time is farther off; S3 allows a quarter of an hour, most OAuth servers a minute."""
_PATIENCE_SECONDS = 5.0

DiskUsage = Callable[[Path], tuple[int, int, int]]


def check_disk(directory: Path, usage: DiskUsage = shutil.disk_usage) -> Finding:
    """Whether we may write into a directory and how much room its disk has; a directory that is not there yet is looked at by its parent.

    Args:
        directory: Where the database and the keys are.
        usage: Tells total, used and free bytes.
    """
    there = next((place for place in (directory, *directory.parents) if place.exists()), Path("/"))
    if not there.is_dir() or not os.access(there, os.W_OK | os.X_OK):
        whose = "is no directory" if not there.is_dir() else "may not be written by this user"
        remedy = f"Give it to the user that runs Archiver (chown), or name another home with --home. It is {directory}."
        return Finding(about="disk", verdict=Verdict.FAULT, what=f"{there} {whose}", remedy=remedy)
    total, _, free = usage(there)
    seen = f"{free / 1e9:,.1f} GB of {total / 1e9:,.1f} GB are free where {directory} is"
    if free < 50_000_000:
        remedy = "Make room there: nothing can be written down, so nothing is archived. It goes on by itself then."
        return Finding(about="disk", verdict=Verdict.FAULT, what=f"the disk is full: {seen}", remedy=remedy)
    if free < _FEW_BYTES or free < _FEW_SHARE * total:
        return Finding(about="disk", verdict=Verdict.NOTE, what=f"little room: {seen}", remedy="Make room there before it is full.")
    return Finding(about="disk", verdict=Verdict.FINE, what=seen)


def hosts_of(urls: Iterable[str]) -> Sequence[URL]:
    """The origins of these addresses, each once; what is none is left out."""
    origins: dict[URL, None] = {}
    for text in urls:
        try:
            url = URL(text)
        except ValueError:
            continue
        if url.scheme in {"http", "https"} and url.host:
            origins[url.origin()] = None
    return list(origins)


async def check_names(origins: Sequence[URL]) -> list[Finding]:
    """Whether the name of each host has an address."""
    findings = []
    for origin in origins:
        host = origin.host or ""
        try:
            async with asyncio.timeout(_PATIENCE_SECONDS):
                await asyncio.get_running_loop().getaddrinfo(host, origin.port, type=socket.SOCK_STREAM)
        except (OSError, TimeoutError) as error:
            why = "no answer" if isinstance(error, TimeoutError) else str(error.strerror or error)
            remedy = "Look at the name's spelling, at /etc/resolv.conf, and whether a firewall or network policy lets DNS through."
            what = f"the name {host} has no address: {why}"
            findings.append(Finding(about="dns", verdict=Verdict.FAULT, what=what, remedy=remedy))
        else:
            findings.append(Finding(about="dns", verdict=Verdict.FINE, what=f"{host} has an address"))
    return findings


async def check_clock(origins: Sequence[URL], http: aiohttp.ClientSession, now: Callable[[], float] = time.time) -> Finding:
    """Whether this machine's clock agrees with the ones of the hosts, by the Date header of whatever they answer.

    Args:
        origins: Whom to ask, one after the other until one answers.
        http: For asking.
        now: This machine's time.
    """
    for origin in origins:
        before = now()
        try:
            async with asyncio.timeout(_PATIENCE_SECONDS), http.head(origin, allow_redirects=False) as reply:
                date = reply.headers.get("Date", "")
            theirs = parsedate_to_datetime(date).timestamp()
        except (OSError, TimeoutError, aiohttp.ClientError, ValueError, TypeError):
            continue
        after = now()
        # Their second began somewhere between our asking and our hearing.
        skew = before - (theirs + 1.0) if before > theirs + 1.0 else min(0.0, after - theirs)
        return _skew(skew, origin.host or "")
    if not origins:
        return Finding(about="clock", verdict=Verdict.SKIPPED, what="no connection has a host whose clock could be asked")
    return Finding(about="clock", verdict=Verdict.SKIPPED, what="no host answered with its time")


def _skew(skew: float, host: str) -> Finding:
    if abs(skew) < _SKEW_SECONDS:
        return Finding(about="clock", verdict=Verdict.FINE, what=f"agrees with {host} to within {max(1.0, abs(skew)):.0f} s")
    which = "ahead of" if skew > 0 else "behind"
    what = f"this machine's clock is {abs(skew):,.0f} s {which} that of {host}"
    remedy = "Let it follow a time server (systemd-timesyncd, chrony): providers refuse tokens and signatures of another time."
    return Finding(about="clock", verdict=Verdict.FAULT, what=what, remedy=remedy)
