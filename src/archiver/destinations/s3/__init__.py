"""Amazon S3 and what speaks its language, over HTTP: an object is written once, a big one in parts.

| module | what it knows |
|---|---|
| `adapter` | the options, as data |
| `store` | the calls: put, head, parts; what the answers tell |
| `headers` | what each object is written with: encryption, Object Lock, checksums |
| `caution` | whether a compatible store really refuses to write over something |
| `signing` | Signature Version 4 |
| `words` | S3's codes, translated; the few fields of its XML that are read |

The way of an item is that of every object store: `archiver.destinations.objects`. Facts come from Amazon's API reference of S3.
"""

from archiver.destinations.s3.adapter import ADAPTER, S3Adapter

__all__ = ["ADAPTER", "S3Adapter"]
