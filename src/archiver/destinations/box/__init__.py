"""Box: one call for each small file, parts with a hash each for big ones, never over another file.

```
put_many ──> destination ──> api ──> Box            receipts
               │   folders ──┤                        ^
               │   parts ────┘                        │
               └──────────── sums, wire ──────────────┘
```

| module | what it knows |
|---|---|
| `adapter` | the options, as data; how an account is linked |
| `destination` | the way of an item; receipts |
| `folders` | the id of each folder, made once however many wait for it |
| `parts` | one big file, part by part, resumable |
| `sums` | what is computed of an item's bytes, and whether the storage says the same |
| `api` | one HTTP call: token, turn, time limits |
| `errors` | Box's language, translated: the only place that reads its words |
| `wire` | the shapes of answers, bodies and paths |

Facts come from Box's reference of its API; docs/box.md tells which.
"""

from archiver.destinations.box.adapter import ADAPTER, BoxAdapter
from archiver.destinations.box.destination import BoxDestination

__all__ = ["ADAPTER", "BoxAdapter", "BoxDestination"]
