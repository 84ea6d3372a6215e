"""OneDrive and SharePoint over Microsoft Graph: one call for each small file, upload sessions for big ones, never over another file.

```
put_many ──> destination ──> api ──> Graph          receipts
               │   chunks ──┘  └── allowance          ^
               └──────────── sums, wire ──────────────┘
```

| module | what it knows |
|---|---|
| `adapter` | the options, as data; how an account is linked |
| `destination` | the way of an item; receipts |
| `chunks` | one big file, fragment by fragment, resumable |
| `sums` | what is computed of an item's bytes, and whether the storage says the same |
| `quick_xor` | Microsoft's own hash |
| `api` | one HTTP call: token, turn, time limits |
| `allowance` | what Graph says is left of a minute |
| `errors` | Graph's language, translated: the only place that reads its words |
| `wire` | the shapes of answers, and addresses |

Facts come from Microsoft's reference of Graph and its guide on throttling; docs/onedrive.md tells which.
"""

from archiver.destinations.onedrive.adapter import ADAPTER, OneDriveAdapter
from archiver.destinations.onedrive.destination import OneDriveDestination

__all__ = ["ADAPTER", "OneDriveAdapter", "OneDriveDestination"]
