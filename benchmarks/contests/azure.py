"""Azure Blob Storage in Microsoft's own emulator, Azurite, beside rclone, which brings Microsoft's client with it; and beside obstore."""

from __future__ import annotations

import sys
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import obstore

from benchmarks.contests import File, Theirs, UnavailableError
from benchmarks.contests.folder import rclone, written
from benchmarks.contests.s3 import each_in_a_thread

if TYPE_CHECKING:
    from support.azurite import Azurite

__all__ = ["CONTEST", "AzureContest"]

_CONTAINER = "bench"


class AzureContest:
    """See `benchmarks.contests.Contest`."""

    name = "azure"
    in_flight = 8

    def __init__(self) -> None:
        self._place = Path()
        self._server: Azurite | None = None
        self._account = ("", "")

    @contextmanager
    def server(self) -> Iterator[None]:
        """Azurite, as the tests start it."""
        sys.path.insert(0, "tests")
        from support.azurite import ACCOUNT, ACCOUNT_KEY, Azurite, why_not  # noqa: PLC0415  what the tests start, too

        if reason := why_not():
            raise UnavailableError(reason)
        self._account = (ACCOUNT, ACCOUNT_KEY)
        with tempfile.TemporaryDirectory(prefix="archiver-bench-") as place, Azurite() as self._server:
            self._place = Path(place)
            rclone("mkdir", f":azureblob:{_CONTAINER}", *self._flags)
            yield

    def options(self) -> Mapping[str, Any]:
        """A container of it."""
        account, key = self._account
        return {"container": _CONTAINER, "account": account, "account_key": key, "endpoint": self._url}

    def rivals(self) -> Mapping[str, Theirs]:
        """One copy of a folder; one call for each file."""
        assert self._server is not None
        store = self._server.store(_CONTAINER)

        def copy(files: Sequence[File]) -> Callable[[], None]:
            source = written(self._place / "source", files)
            flags = ["--no-traverse", "--transfers", str(self.in_flight), "--checkers", "4", *self._flags]
            return lambda: rclone("copy", str(source), f":azureblob:{_CONTAINER}/theirs", *flags)

        def put(file: File) -> object:
            return obstore.put(store, file.path[1:], file.data, mode="create")

        return {"rclone": copy, "obstore": partial(each_in_a_thread, put, self.in_flight)}

    @property
    def _url(self) -> str:
        return "" if self._server is None else self._server.url

    @property
    def _flags(self) -> list[str]:
        account, key = self._account
        return ["--azureblob-account", account, "--azureblob-key", key, "--azureblob-endpoint", self._url]


CONTEST = AzureContest
