"""A bucket of S3, or of a store that speaks its language, as a place where items are born.

```
rounds ──(which keys come next)──> bucket ──list, read──> S3
   └──> pages of discoveries          └──> bytes
```

| module | what it knows |
|---|---|
| `settings` | the options |
| `bucket` | the two calls: list keys in their order, read an object |
| `objects` | what an object is, by its key; pure |
| `rounds` | what was listed up to where, and what is listed next |
| `source` | the methods of the port |

In: a bucket that somebody else writes. Out: discoveries and bytes. Nothing in the bucket is ever changed.
"""

from archiver.sources.s3.source import ADAPTER, S3Adapter, S3Source

__all__ = ["ADAPTER", "S3Adapter", "S3Source"]
