"""S3 on a real server, SeaweedFS, beside Amazon's own package boto3; and beside obstore, which is written in Rust."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from functools import partial
from typing import TYPE_CHECKING, Any

import boto3
import obstore
from botocore.config import Config
from obstore.store import S3Store

from benchmarks.contests import File, Theirs

if TYPE_CHECKING:
    from support.seaweed import Seaweed

__all__ = ["CONTEST", "S3Contest", "each_in_a_thread"]

_BUCKET = "bench"


def each_in_a_thread(put: Callable[[File], object], threads: int, files: Sequence[File]) -> Callable[[], None]:
    """One call for each file, so many at a time."""

    def run() -> None:
        with ThreadPoolExecutor(threads) as pool:
            for _ in pool.map(put, files):
                pass

    return run


class S3Contest:
    """See `benchmarks.contests.Contest`."""

    name = "s3"
    in_flight = 16

    def __init__(self) -> None:
        self._server: Seaweed | None = None
        self._keys: dict[str, str] = {}

    @contextmanager
    def server(self) -> Iterator[None]:
        """SeaweedFS, as the tests start it."""
        sys.path.insert(0, "tests")
        from support.seaweed import ACCESS_KEY, SECRET_KEY, Seaweed  # noqa: PLC0415  what the tests start, too

        self._keys = {"access_key": ACCESS_KEY, "secret_key": SECRET_KEY}
        with Seaweed() as self._server:
            self._server.bucket(_BUCKET)
            yield

    def options(self) -> Mapping[str, Any]:
        """A bucket of it."""
        return {"bucket": _BUCKET, "endpoint": self._url, **self._keys}

    def rivals(self) -> Mapping[str, Theirs]:
        """Both write as we do: never over what is there."""
        client = boto3.client(
            "s3",
            endpoint_url=self._url,
            aws_access_key_id=self._keys["access_key"],
            aws_secret_access_key=self._keys["secret_key"],
            region_name="us-east-1",
            config=Config(s3={"addressing_style": "path"}, max_pool_connections=self.in_flight, retries={"max_attempts": 1}),
        )
        store = S3Store(
            _BUCKET,
            endpoint=self._url,
            access_key_id=self._keys["access_key"],
            secret_access_key=self._keys["secret_key"],
            region="us-east-1",
            client_options={"allow_http": True},
            retry_config={"max_retries": 0},
        )

        def by_boto3(file: File) -> object:
            return client.put_object(Bucket=_BUCKET, Key=file.path[1:], Body=file.data, IfNoneMatch="*")

        def by_obstore(file: File) -> object:
            return obstore.put(store, file.path[1:], file.data, mode="create")

        return {name: partial(each_in_a_thread, put, self.in_flight) for name, put in (("boto3", by_boto3), ("obstore", by_obstore))}

    @property
    def _url(self) -> str:
        return "" if self._server is None else self._server.url


CONTEST = S3Contest
