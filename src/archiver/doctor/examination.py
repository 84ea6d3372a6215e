"""The examination: what is looked at, in the order in which one thing stands on the other."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

import aiohttp

from archiver import registry
from archiver.app import Archiver
from archiver.doctor.findings import Finding, Verdict, finding_of
from archiver.doctor.machine import check_clock, check_disk, check_names, hosts_of
from archiver.engines import Standing, standing_of
from archiver.errors import ArchiverError, ConfigError, ReconnectNeededError
from archiver.model import Connection, Role
from archiver.settings import Settings

__all__ = ["examine"]


async def examine(settings: Settings) -> list[Finding]:
    """Looks at everything, and changes nothing: neither is a database made, nor its schema brought up to date, nor anything uploaded."""
    findings = [check_disk(directory) for directory in _directories(settings)]
    standing, finding = await _database(settings)
    findings.append(finding)
    if standing is None or not standing.current:
        why = "the database cannot be read as it is"
        return [*findings, *(Finding(about=about, verdict=Verdict.SKIPPED, what=why) for about in ("key", "dns", "clock", "connections"))]
    async with Archiver.open(settings) as archiver:
        findings.append(await _key(archiver))
        connections = [(view.customer.name, connection) for view in await archiver.customers() for connection in view.connections]
        origins = hosts_of(url for _, connection in connections for url in _urls(connection))
        findings += await check_names(origins)
        async with aiohttp.ClientSession() as http:
            findings.append(await check_clock(origins, http))
        for customer, connection in connections:
            findings.append(await _connection(archiver, customer, connection))
        if not connections:
            what = "there are no customers yet"
            remedy = "Add one: archiver customers add NAME --from folder:PATH --to folder:PATH"
            findings.append(Finding(about="connections", verdict=Verdict.NOTE, what=what, remedy=remedy))
    return findings


def _directories(settings: Settings) -> Sequence[Path]:
    """Where we write: the home, and where the database is if that is a file elsewhere."""
    path = settings.database.removeprefix("sqlite:///")
    places = [settings.home] if "://" in path else [Path(path).parent, settings.key_file.parent]
    return list(dict.fromkeys(places))


async def _database(settings: Settings) -> tuple[Standing | None, Finding]:
    try:
        standing = await standing_of(settings)
    except ArchiverError as error:
        return None, finding_of("database", error)
    where = settings.shown_database
    if standing.current:
        return standing, Finding(about="database", verdict=Verdict.FINE, what=f"{where} answers; its schema is {standing.wanted}")
    if not standing.found:
        what = f"{where} is empty: nothing was ever written"
        return standing, Finding(about="database", verdict=Verdict.NOTE, what=what, remedy="Make its tables: archiver migrate")
    if standing.known:
        what = f"{where} has the older schema {standing.found}; this version wants {standing.wanted}"
        remedy = "Make a copy of it (docs/guides/backup.md), then: archiver migrate"
        return standing, Finding(about="database", verdict=Verdict.FAULT, what=what, remedy=remedy)
    what = f"{where} has schema {standing.found}, which this version does not know: a newer Archiver wrote it"
    remedy = "Install that version again, or a newer one; or name another --database."
    return standing, Finding(about="database", verdict=Verdict.FAULT, what=what, remedy=remedy, error="SchemaError")


async def _key(archiver: Archiver) -> Finding:
    try:
        sealed = await archiver.check_key()
    except ArchiverError as error:
        return finding_of("key", error)
    if not sealed:
        return Finding(about="key", verdict=Verdict.FINE, what="no credentials are kept yet")
    return Finding(about="key", verdict=Verdict.FINE, what="it opens the credentials that are kept")


def _urls(connection: Connection) -> Iterator[str]:
    """The addresses that a connection's adapter calls, as far as its options name them."""
    try:
        adapter = (registry.source if connection.role is Role.SOURCE else registry.destination)(connection.adapter)
    except ConfigError:
        return  # told where the connection is looked at
    for option in adapter.options:
        if option.type == "url" and not option.secret:
            value = connection.options.get(option.name, option.default)
            if isinstance(value, str):
                yield value


async def _connection(archiver: Archiver, customer: str, connection: Connection) -> Finding:
    about = f"{customer}: {connection.role} {connection.adapter} {connection.id}"
    try:
        account = await archiver.look(connection)
    except ReconnectNeededError as error:
        source = " --role source" if connection.role is Role.SOURCE else ""
        command = f"archiver connect {customer} {connection.adapter} --again {connection.id}{source}"
        remedy = f"Let the customer connect it again: {command}"
        return Finding(about=about, verdict=Verdict.FAULT, what=error.message, remedy=remedy, error=type(error).__name__)
    except ArchiverError as error:
        return finding_of(about, error, customer=customer)
    except Exception as error:  # noqa: BLE001  an adapter's bug must not hide what else there is to see; its text may hold a secret
        remedy = "Please report it; ARCHIVER_DEBUG=1 archiver customers add shows where it is."
        return Finding(about=about, verdict=Verdict.FAULT, what="the adapter failed", remedy=remedy, error=type(error).__name__)
    if connection.state != "active":
        what = f"it works, but is {connection.state}: {connection.reason}"
        return Finding(about=about, verdict=Verdict.NOTE, what=what, remedy=f"Let it go on: archiver customers resume {customer}")
    return Finding(about=about, verdict=Verdict.FINE, what=f"it lets us in ({account.name})" if account.name else "it lets us in")
