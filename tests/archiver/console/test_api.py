"""The API: what a program can do, and that its description is true, tried by schemathesis against a real process."""

from __future__ import annotations

import asyncio
import subprocess
import sys
from collections.abc import Iterator
from typing import Any

import pytest
import schemathesis
from hypothesis import HealthCheck, given, settings
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import content_type_conformance, response_schema_conformance, status_code_conformance

from archiver.app import Archiver
from archiver.console.api.openapi import description
from archiver.console.api.table import OPERATIONS
from archiver.people import Means, Rank, Who
from archiver.settings import load
from support.console import ConsoleWorld

CHECKS = [not_a_server_error, status_code_conformance, content_type_conformance, response_schema_conformance]


async def a_key(archiver: Archiver) -> str:
    """A key that may do everything."""
    return await archiver.door.add_key("test", Rank.ADMIN, by=Who(name="test", rank=Rank.ADMIN, means=Means.KEY, digest=""))


async def test_a_program_does_what_a_person_can(world: ConsoleWorld) -> None:
    """Adds a customer, makes a link, pauses and resumes it, sees it in the list and the audit log; errors say what to do."""
    key = await a_key(world.archiver)
    async with world.browser(Sec_Fetch_Site="", Authorization=f"Bearer {key}") as program:

        async def ask(method: str, path: str, body: Any = None, status: int = 200) -> Any:
            async with program.request(method, f"/api/v1{path}", json=body) as answer:
                assert answer.status == status, (path, await answer.text())
                return await answer.json(content_type=None) if status != 204 else None

        assert (await ask("POST", "/customers", {"name": "bakery"}))["name"] == "bakery"
        wanted = {"adapter": "folder", "options": {"path": str(world.home)}}
        assert "/connect/" in (await ask("POST", "/customers/bakery/links", wanted))["link"]
        assert (await ask("POST", "/customers/bakery/pause"))["state"] == "paused"
        assert [row["customer"]["name"] for row in (await ask("GET", "/customers?state=paused"))["customers"]] == ["bakery"]
        assert (await ask("POST", "/customers/bakery/resume"))["state"] == "active"
        assert (await ask("GET", "/snapshot"))["totals"]["customers"] == 1
        assert (await ask("POST", "/retry", {"reason": "RejectedError"})) == {"moved": 0}
        problem = await ask("POST", "/retry", {}, status=422)
        assert "say what" in problem["title"]
        assert (await ask("POST", "/customers", {"nam": "x"}, status=422))["status"] == 422
        assert (await ask("GET", "/nothing", status=404))["title"] == "there is no such page"
        actions = [line["action"] for line in await ask("GET", "/audit")]
        assert {"customers add", "connections link", "customers pause", "customers resume"} <= set(actions)
        made = (await ask("POST", "/keys", {"name": "other"}))["key"]
        assert made.startswith("arc_")
        await ask("DELETE", f"/keys/{made.split('_')[1]}", status=204)
        seen = str(await ask("GET", "/users")) + str(await ask("GET", "/keys"))
        for secret in ("argon2", "digest", "password", made):
            assert secret not in seen


def test_every_operation_is_described() -> None:
    """Under its own name, with a summary; nothing secret is in any shape."""
    paths = description()["paths"]
    names = [operation["operationId"] for path in paths.values() for operation in path.values()]
    assert len(names) == len(set(names)) == len(OPERATIONS)
    shapes = description()["components"]["schemas"]
    for name, shape in shapes.items():
        fields = set(shape.get("properties", {}))
        assert not fields & {"password", "digest", "pace"}, name
        assert "secrets" not in fields or name == "LinkWanted", name


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[str, str]]:
    """The console as a process of its own, and a key; a signal ends it with 0."""
    home = tmp_path_factory.mktemp("api") / "home"

    async def prepare() -> str:
        async with Archiver.open(load(environment={}, flags={"home": str(home)})) as archiver:
            await archiver.add_customer("bakery", [], [])
            return await a_key(archiver)

    key = asyncio.run(prepare())
    command = [sys.executable, "-m", "archiver", "console", "--listen", "127.0.0.1:0", "--home", str(home), "--json"]
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True) as process:
        assert process.stderr is not None
        line = process.stderr.readline()
        assert "works once" in process.stderr.readline(), "the first user is made by a link"
        yield line.split()[-1], key
        process.terminate()
        process.stderr.read()
    assert process.returncode == 0


def test_the_description_is_true(served: tuple[str, str]) -> None:
    """Whatever is sent: no error of ours, and every answer is one that is described."""
    url, key = served
    headers = {"Authorization": f"Bearer {key}"}
    tried = set()
    for found in schemathesis.openapi.from_url(f"{url}/api/v1/openapi.json", headers=headers).get_all_operations():
        operation = found.ok()

        @given(case=operation.as_strategy())
        @settings(max_examples=6, deadline=None, suppress_health_check=list(HealthCheck), derandomize=True, database=None)
        def conforms(case: schemathesis.Case) -> None:
            case.call_and_validate(checks=CHECKS, headers=headers)

        conforms()
        tried.add(operation.label)
    assert len(tried) == len(OPERATIONS)
