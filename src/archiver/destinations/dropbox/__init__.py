"""Dropbox over HTTP: three calls carry up to a thousand files, whatever their number.

```
put_many ──> appends ──────────> commits ──────────> receipts
             sessions from one   one at a time per
             start_batch, bytes  account; whoever has
             in append_batch     the turn takes all
```

| module | what it knows |
|---|---|
| `adapter` | the options, as data |
| `destination` | the way of a batch; receipts |
| `appends` | many small files in one body; the caps of header and body |
| `chunks` | one big file, chunk by chunk, resumable |
| `commits` | files made visible: grouped without lingering, one call at a time |
| `plain` | the name of last resort |
| `sessions` | upload sessions that were asked for in advance, and closed ones that wait for their commit |
| `api` | one HTTP call: token, turn, time limits; in what Dropbox's OAuth differs |
| `errors` | Dropbox's language, translated: the only place that reads its words |
| `wire` | the shapes of arguments and answers |
| `content_hash` | Dropbox's hash of a file |

Facts come from the public API description (dropbox-api-spec, ``files.stone``) and the developer guides; docs/dropbox.md tells which.
"""

from archiver.destinations.dropbox.adapter import ADAPTER, DropboxAdapter
from archiver.destinations.dropbox.destination import DropboxDestination

__all__ = ["ADAPTER", "DropboxAdapter", "DropboxDestination"]
