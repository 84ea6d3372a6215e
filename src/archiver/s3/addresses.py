"""Where a bucket is: in the host's name or in the path, at Amazon or at a store that speaks its language."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from archiver.errors import ConfigError
from archiver.http.addresses import option_url

__all__ = ["bucket_url"]

_BUCKET = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{1,61}[A-Za-z0-9]")


def bucket_url(adapter: str, options: Mapping[str, Any], region: str) -> str:
    """The address of a bucket, without a slash at the end.

    Args:
        adapter: For messages.
        options: ``bucket``, ``addressing``, and ``endpoint`` of a store other than Amazon's.
        region: Where it is.

    Raises:
        ConfigError: An option has a value that it cannot have.
    """
    bucket = options["bucket"].strip()
    rule = "Letters, digits, dots and hyphens, 3 to 63 of them."
    if not _BUCKET.fullmatch(bucket):
        raise ConfigError(f"{adapter}: the option 'bucket' is not the name of a bucket", hint=rule)
    if not re.fullmatch(r"[a-z0-9-]{1,40}", region):
        raise ConfigError(f"{adapter}: the option 'region' is not the name of a region", hint="Such as eu-central-1.")
    compatible = "endpoint" in options
    ending = "amazonaws.com.cn" if region.startswith("cn-") else "amazonaws.com"
    endpoint = option_url(adapter, "endpoint", options["endpoint"]) if compatible else f"https://s3.{region}.{ending}"
    addressing = options["addressing"].strip().lower()
    if addressing not in {"auto", "virtual", "path"}:
        raise ConfigError(f"{adapter}: the option 'addressing' must be auto, virtual or path")
    if addressing == "auto":
        # A certificate for *.s3.… does not cover a name with dots; a compatible store on its own host knows no other hosts.
        addressing = "path" if compatible or "." in bucket else "virtual"
    if addressing == "path":
        return f"{endpoint}/{bucket}"
    scheme, _, host = endpoint.partition("://")
    return f"{scheme}://{bucket.lower()}.{host}"
