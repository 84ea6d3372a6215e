"""SFTP: a part beside the archive, a rename that replaces nothing, and a server whose key is known before anything is sent.

```
put_many ──> connections ──> files: part ─> bytes ─> size ─> rename ──> receipts
             host key,       streams: the same, in chunks that a kill   │
             log in          does not lose                              └─ something is there ──> its bytes are read and compared
```

| module | what it knows |
|---|---|
| `adapter` | the options, as data |
| `destination` | the way of an item; receipts |
| `streams` | one big item, chunk by chunk, resumable |
| `files` | parts, folders, names, and what stands at a path |
| `connections` | who logs in where, whose host key is believed, and how many connections there are |
| `errors` | what SSH and SFTP say, translated: the only place that reads their words |

Facts come from draft-ietf-secsh-filexfer-02 (version 3 of the protocol) and OpenSSH's PROTOCOL file; docs/sftp.md tells the rest.
"""

from archiver.destinations.sftp.adapter import ADAPTER, SftpAdapter
from archiver.destinations.sftp.destination import SftpDestination

__all__ = ["ADAPTER", "SftpAdapter", "SftpDestination"]
