"""Google Drive over HTTP: names need not be unique there, so every file is made under an id that was promised before.

```
put_many ──> folders ──> looking ──────────> destination ──> receipts
             one id per   one search tells     one call per small file,
             path         what is there        `chunks` for big ones
```

| module | what it knows |
|---|---|
| `adapter` | the options, as data; how an account is linked |
| `destination` | the way of a batch; receipts |
| `entry` | a file between the two |
| `folders` | the id of each folder; one creation however many want it |
| `looking` | one search for many files, by name and by key |
| `ids` | ids that Google has promised |
| `chunks` | one big file, chunk by chunk, resumable |
| `api` | one HTTP call: token, turn, time limits |
| `errors` | Google's language, translated: the only place that reads its words |
| `wire` | the shapes of arguments and answers |

Facts come from Google's reference of the Drive API v3 and its guides; docs/google-drive.md tells which.
"""

from archiver.destinations.google_drive.adapter import ADAPTER, GoogleDriveAdapter
from archiver.destinations.google_drive.destination import GoogleDriveDestination

__all__ = ["ADAPTER", "GoogleDriveAdapter", "GoogleDriveDestination"]
