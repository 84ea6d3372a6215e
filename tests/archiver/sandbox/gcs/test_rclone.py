"""A client that we did not write: rclone, which brings Google's own client with it, must not notice that this is not Google."""

from __future__ import annotations

import asyncio
import os
import sys
from pathlib import Path

from archiver.sandbox.gcs import GoogleStorage


async def test_rclone_is_at_home(tmp_path: Path) -> None:
    """It signs in with a service account, copies small files and a big one in pieces, compares every byte, lists, hashes and deletes."""
    files = {"empty": b"", "a b/é & more [5].txt": b"hello", "big": os.urandom(20 * 1024 * 1024)}
    for name, data in files.items():
        (tmp_path / "in" / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "in" / name).write_bytes(data)
    async with GoogleStorage() as storage:
        storage.add_bucket("calls")
        (tmp_path / "key.json").write_text(storage.add_account("rclone").json)

        async def rclone(*arguments: str) -> str:
            flags = [
                "--config",
                "",
                "--gcs-service-account-file",
                str(tmp_path / "key.json"),
                "--gcs-endpoint",
                f"{storage.url}/storage/v1/",
            ]
            flags += ["--gcs-bucket-policy-only", "--gcs-no-check-bucket", "--retries", "1"]
            program = str(Path(sys.executable).with_name("rclone"))
            process = await asyncio.create_subprocess_exec(
                program, *arguments, *flags, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT
            )
            said, _ = await process.communicate()
            assert process.returncode == 0, said.decode()
            return said.decode()

        await rclone("copy", str(tmp_path / "in"), ":gcs:calls/of acme")
        assert storage.stored("calls") == {f"of acme/{name}": data for name, data in files.items()}
        assert storage.calls.count("uploads.put") > 1
        await rclone("check", "--download", str(tmp_path / "in"), ":gcs:calls/of acme")
        assert "5d41402abc4b2a76b9719d911017c592" in await rclone("hashsum", "md5", ":gcs:calls")
        await rclone("copy", str(tmp_path / "in"), ":gcs:calls/of acme")
        assert max(storage.buckets["calls"].puts.values()) == 1, "what was there already was written again"
        await rclone("delete", ":gcs:calls/of acme")
        assert storage.stored("calls") == {}
