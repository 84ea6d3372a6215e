"""A sandbox in a process of its own, and the hands to it: for demos, benchmarks and scenarios that kill what they test.

The process ends with the one that started it, however that one ends: its standard input is a pipe from here.
"""

from __future__ import annotations

import asyncio
import sys
from asyncio.subprocess import PIPE, Process
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import aiohttp
import msgspec

from archiver.sandbox.account import DEFAULT_QUOTA_BYTES, Account
from archiver.sandbox.content import ContentStore
from archiver.sandbox.faults import Fault
from archiver.sandbox.ledger import Ledger, decode_ledger
from archiver.sandbox.limits import Limits

__all__ = ["SandboxProcess", "SandboxRefusedError"]

READY_SECONDS = 20.0


class SandboxRefusedError(Exception):
    """The sandbox did not start, or did not do what it was asked through ``/sandbox/…``."""


class SandboxProcess:
    """``async with SandboxProcess() as sandbox`` serves at ``sandbox.url`` until the block ends.

    Args:
        state: A directory that outlives the process, so that another one can go on; None keeps nothing.
        keep_content: False keeps hashes only.
        port: Where; 0 takes a free one.
        command: Further flags of ``python -m archiver.sandbox``.
        launcher: Words before the command, such as ``("taskset", "-c", "1")``.
    """

    def __init__(
        self,
        *,
        state: Path | None = None,
        keep_content: bool = True,
        port: int = 0,
        command: tuple[str, ...] = (),
        launcher: tuple[str, ...] = (),
    ) -> None:
        self.url = ""
        self.tls_url = ""
        self.directory = Path()
        self._keep_content = keep_content
        flags = ["--port", str(port), "--until-stdin-closes", *command]
        flags += [] if state is None else ["--state", str(state)]
        flags += [] if keep_content else ["--no-content"]
        self._command = [*launcher, sys.executable, "-m", "archiver.sandbox", *flags]
        self._process: Process | None = None
        self._http: aiohttp.ClientSession | None = None

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        await self.close()

    async def start(self) -> None:
        """Starts the process and waits until it serves.

        Raises:
            SandboxRefusedError: It ended, or was not ready in time.
        """
        self._process = await asyncio.create_subprocess_exec(
            *self._command,
            stdin=PIPE,
            stdout=PIPE,
            start_new_session=True,  # a Ctrl-C on our terminal is ours, not the cloud's: it ends when we do
        )
        self._http = aiohttp.ClientSession()
        try:
            async with asyncio.timeout(READY_SECONDS):
                line = await self._process.stdout.readline() if self._process.stdout else b""
        except TimeoutError:
            line = b""
        if not line:
            await self.kill()
            raise SandboxRefusedError("the sandbox's process did not start; what it said is on standard error")
        ready = msgspec.json.decode(line, type=dict[str, Any])
        self.url, self.tls_url, self.directory = ready["url"], ready["tls_url"], Path(ready["directory"])

    async def close(self) -> None:
        """Asks the process to end, and waits; harmless when called twice."""
        if self._process is not None and self._process.returncode is None:
            self._process.terminate()
        await self._gone()

    async def kill(self) -> None:
        """Kills the process, as a power cut would."""
        if self._process is not None and self._process.returncode is None:
            self._process.kill()
        await self._gone()

    async def add_account(
        self, name: str, limits: Limits | None = None, *, quota_bytes: int = DEFAULT_QUOTA_BYTES, team: str = ""
    ) -> Account:
        """Adds an account with an authorisation."""
        new = {"name": name, "limits": msgspec.to_builtins(limits or Limits()), "quota_bytes": quota_bytes, "team": team}
        return msgspec.json.decode(await self._ask("POST", "accounts", new), type=Account)

    async def set_limits(self, name: str, **changes: Any) -> None:
        """Changes some of an account's limits, at once."""
        await self._ask("PATCH", f"accounts/{name}", {"limits": changes})

    async def change_account(self, name: str, **changes: Any) -> None:
        """Changes an account: any of the fields of `archiver.sandbox.admin.AccountChange`."""
        await self._ask("PATCH", f"accounts/{name}", changes)

    async def add_fault(self, *faults: Fault) -> None:
        """Sets what goes wrong from now on."""
        await self._ask("POST", "faults", [msgspec.to_builtins(fault) for fault in faults])

    async def clear_faults(self) -> None:
        """Heals everything."""
        await self._ask("DELETE", "faults")

    async def advance(self, seconds: float) -> None:
        """Pushes the sandbox's clock forward."""
        await self._ask("POST", "clock", {"advance": seconds})

    async def stats(self) -> dict[str, Any]:
        """A summary by account, cheap however much is stored."""
        return msgspec.json.decode(await self._ask("GET", "stats"), type=dict[str, Any])

    async def ledger(self) -> Ledger:
        """What was stored and asked so far."""
        return decode_ledger(await self._ask("GET", "ledger"))

    def contents(self) -> ContentStore:
        """The bytes that were stored, for an audit."""
        return ContentStore(self.directory / "content", keep=self._keep_content)

    async def _ask(self, method: str, page: str, body: Mapping[str, Any] | list[Any] | None = None) -> bytes:
        if self._http is None:
            raise SandboxRefusedError("the sandbox's process was not started")
        data = None if body is None else msgspec.json.encode(body)
        async with self._http.request(method, f"{self.url}/sandbox/{page}", data=data) as response:
            answer = await response.read()
        if response.status >= 400:
            raise SandboxRefusedError(answer.decode(errors="replace"))
        return answer

    async def _gone(self) -> None:
        if self._process is not None:
            if self._process.stdin is not None:
                self._process.stdin.close()
            await self._process.wait()
            self._process = None
        if self._http is not None:
            await self._http.close()
            self._http = None
