"""Dropbox, in the sandbox without limits, beside Dropbox's own package. Both speak plain HTTP, so that TLS decides nothing."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from functools import partial
from typing import Any

import requests
from dropbox import Dropbox
from dropbox.files import WriteMode

from archiver.sandbox import Account
from archiver.sandbox.remote import SandboxProcess
from benchmarks.contests import File, Theirs
from benchmarks.contests.s3 import each_in_a_thread

__all__ = ["CONTEST", "DropboxContest"]


class _Plain(requests.adapters.HTTPAdapter):
    """Sends what was meant for https over http: the package knows no other scheme."""

    def send(self, request: requests.PreparedRequest, *arguments: Any, **named: Any) -> requests.Response:
        assert request.url is not None
        request.url = request.url.replace("https://", "http://", 1)
        return super().send(request, *arguments, **named)


class DropboxContest:
    """See `benchmarks.contests.Contest`."""

    name = "dropbox"
    in_flight = 8

    def __init__(self) -> None:
        self._url = ""
        self._account: Account | None = None

    @contextmanager
    def server(self) -> Iterator[None]:
        """The sandbox in a process of its own; it keeps hashes only."""
        with asyncio.Runner() as runner:
            sandbox = SandboxProcess(keep_content=False)
            runner.run(sandbox.start())
            try:
                self._account = runner.run(sandbox.add_account("bench"))
                self._url = sandbox.url
                yield
            finally:
                runner.run(sandbox.close())

    def options(self) -> Mapping[str, Any]:
        """The account, linked for good."""
        account = self._linked
        return {
            "root": "/ours",
            "api_url": self._url,
            "app_key": account.app_key,
            "app_secret": account.app_secret,
            "refresh_token": account.refresh_token,
        }

    def rivals(self) -> Mapping[str, Theirs]:
        """One ``files/upload`` for each file, as everybody writes it; the package hashes what it sends, as we do."""
        session = requests.Session()
        adapter = _Plain(pool_maxsize=self.in_flight)
        session.mount("https://", adapter)
        client = Dropbox(self._linked.access_token, session=session, max_retries_on_error=0, max_retries_on_rate_limit=0)
        client._host_map = dict.fromkeys(client._host_map, self._url.partition("://")[2])  # noqa: SLF001  its only way to another host

        def put(file: File) -> object:
            return client.files_upload(file.data, f"/theirs{file.path}", mode=WriteMode.add)

        return {"dropbox SDK": partial(each_in_a_thread, put, self.in_flight)}

    @property
    def _linked(self) -> Account:
        assert self._account is not None
        return self._account


CONTEST = DropboxContest
