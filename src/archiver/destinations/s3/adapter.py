"""The options of a bucket, as data, and how they become a destination."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlsplit

from archiver.adapter import Option
from archiver.destinations.objects import FEATURES, ObjectDestination
from archiver.destinations.objects.targets import option_prefix
from archiver.destinations.port import Context
from archiver.destinations.s3.caution import Caution
from archiver.destinations.s3.headers import Writing
from archiver.destinations.s3.store import S3Store
from archiver.errors import ConfigError
from archiver.http.addresses import option_word
from archiver.s3.addresses import bucket_url
from archiver.s3.signing import Keys, Signer

__all__ = ["ADAPTER", "S3Adapter"]

_LOCKS = {"governance": "GOVERNANCE", "compliance": "COMPLIANCE"}


class S3Adapter:
    """Registers the destination ``s3``."""

    name = "s3"
    summary = "A bucket of Amazon S3 or of a store that speaks its language; Object Lock, resumable big objects."
    features = FEATURES
    options = (
        Option(name="bucket", help="The bucket; it must be there.", main=True),
        Option(name="prefix", help="What stands before every key, such as calls/2024.", default=""),
        Option(name="access_key", help="The id of the access key."),
        Option(name="secret_key", help="The access key itself.", secret=True),
        Option(name="session_token", help="Of temporary keys; they end within hours.", optional=True, secret=True),
        Option(name="region", help="Where the bucket is.", default="us-east-1", site=True),
        Option(
            name="endpoint", help="Of a store other than Amazon's: https, or this machine itself.", type="url", optional=True, site=True
        ),
        Option(name="addressing", help="Where the bucket's name stands: virtual (in the host), path, or auto.", default="auto"),
        Option(name="object_lock", help="governance or compliance: nobody removes an object before its time.", optional=True),
        Option(name="retain_days", help="For how many days each object is locked.", type="integer", optional=True),
        Option(name="encryption", help="AES256 or aws:kms; else what the bucket does by itself.", optional=True),
        Option(name="kms_key", help="The id of the key of aws:kms.", optional=True),
        Option(name="storage_class", help="Such as STANDARD_IA; else the store's own.", optional=True),
        Option(name="bucket_owner", help="The number of the account that must own the bucket.", optional=True),
        Option(name="checksums", help="no for a store that does not know SHA-256 checksums.", type="boolean", default=True),
    )

    def __init__(self) -> None:
        self._cautions: dict[str, Caution] = {}

    def open(self, options: dict[str, Any], context: Context) -> ObjectDestination:
        """Makes the destination; talks to nobody yet."""
        region = option_word(self.name, options, "region")
        url = bucket_url(self.name, options, region)
        keys = Keys(*(option_word(self.name, options, name) for name in ("access_key", "secret_key", "session_token")))
        if not keys.access_key or not keys.secret_key:
            raise ConfigError("s3 needs the options 'access_key' and 'secret_key'", hint="docs/object-storage.md tells how to make them.")
        trusted = (urlsplit(url).hostname or "").endswith((".amazonaws.com", ".amazonaws.com.cn"))
        caution = self._cautions.setdefault(url, Caution(trusted=trusted))
        store = S3Store(context, url, Signer(keys, region), _writing(options), caution)
        return ObjectDestination(store, context.clock, option_prefix(self.name, options))


def _writing(options: dict[str, Any]) -> Writing:
    words = {name: option_word("s3", options, name) for name in ("encryption", "kms_key", "storage_class", "bucket_owner", "object_lock")}
    lock, days = words["object_lock"].lower(), options.get("retain_days", 0)
    if lock and lock not in _LOCKS:
        raise ConfigError("s3: the option 'object_lock' must be governance or compliance")
    if bool(lock) != (days > 0):
        raise ConfigError("s3: the options 'object_lock' and 'retain_days' belong together", hint="Give both, or neither.")
    if words["encryption"] not in {"", "AES256", "aws:kms", "aws:kms:dsse"}:
        raise ConfigError("s3: the option 'encryption' must be AES256 or aws:kms")
    return Writing(
        checksums=options["checksums"],
        encryption=words["encryption"],
        kms_key=words["kms_key"],
        storage_class=words["storage_class"],
        lock_mode=_LOCKS.get(lock, ""),
        retain_days=days,
        owner=words["bucket_owner"],
    )


ADAPTER = S3Adapter()
