"""The export of all message stores, over HTTP."""

from __future__ import annotations

import io
import zipfile
from typing import Any

import msgspec

from archiver.sandbox.ringcentral import RingCentral
from support.phone_client import ACCOUNT, PhoneClient

REPORT = "/message-store-report"


async def ask(client: PhoneClient, **body: Any) -> tuple[int, Any]:
    """Asks for an export."""
    headers = {"Authorization": f"Bearer {client.token}"}
    async with client.http.post(f"{client.phones.url}{ACCOUNT}{REPORT}", json=body, headers=headers) as response:
        return response.status, msgspec.json.decode(await response.read())


async def test_an_export_from_its_asking_to_its_files(phones: RingCentral, client: PhoneClient) -> None:
    """Accepted, in progress, completed; then files: what the stores list, and what is attached, by account, extension and message."""
    ann, bob = phones.office.extensions.values()
    fax = phones.office.add_message(ann, "Fax")
    phones.office.attach(fax, "RenderedDocument", "application/pdf", b"%PDF one")
    phones.office.add_message(bob, "SMS", subject="hello")
    phones.exports.file_bytes = 4
    status, task = await ask(client, dateFrom="2020-01-01T00:00:00Z")
    assert (status, task["status"]) == (202, "Accepted")
    assert (await client.get(f"{REPORT}/{task['id']}/archive")).status == 404
    phones.clock.advance(6)
    assert (await client.get(f"{REPORT}/{task['id']}")).json["status"] == "InProgress"
    phones.clock.advance(60)
    assert (await client.get(task["uri"])).json["status"] == "Completed"
    files = (await client.get(f"{REPORT}/{task['id']}/archive")).json["records"]
    lists, contents = [zipfile.ZipFile(io.BytesIO((await client.get(file["uri"])).body)) for file in files]
    stores = {name.split("/")[3]: msgspec.json.decode(lists.read(name))["records"] for name in lists.namelist()}
    assert {extension: [record["type"] for record in records] for extension, records in stores.items()} == {
        str(ann.id): ["Fax"],
        str(bob.id): ["SMS"],
    }
    assert [(name.split("/")[6], contents.read(name)) for name in contents.namelist()] == [(str(fax.id), b"%PDF one")]
    answer = await client.get(files[0]["uri"])
    assert answer.headers["X-Rate-Limit-Group"] == "heavy"


async def test_what_is_refused(phones: RingCentral, client: PhoneClient) -> None:
    """A third task at the same time, a user who may not, a task and a file that are not there."""
    for _ in range(2):
        assert (await ask(client))[0] == 202
    assert (await ask(client))[0] == 400
    assert (await client.get(f"{REPORT}/nothing")).status == 404
    phones.clock.advance(60)
    task = next(iter(phones.exports.tasks))
    assert (await client.get(f"{REPORT}/{task}/archive/9")).status == 404
    phones.exports.allowed = False
    assert (await ask(client))[0] == 403
