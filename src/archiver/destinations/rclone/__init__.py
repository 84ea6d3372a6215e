"""Any of the seventy or so kinds of storage that rclone knows, through one rclone that runs beside this process and ends with it.

```
put_many ──> look ──> upload a part ──> move ──> look, with a hash ──> receipt
               │       (an object store shows nothing half: to its name at once)
               └ something has the name: ours already, or a conflict
```

| module | what it knows |
|---|---|
| `adapter` | the options, as data |
| `section` | a customer's section of rclone.conf: what may stand in it, and what may not |
| `destination` | the way of an item; receipts |
| `remote` | the calls for one customer's storage |
| `daemon` | the rclone that runs: started, asked, started anew, ended |
| `child` | how it begins, so that it cannot outlive us |
| `words` | what refusals mean |

Facts come from rclone's manual of its remote control (rclone.org/rc) and from rclone 1.75 itself; docs/rclone.md tells the rest.
"""

from archiver.destinations.rclone.adapter import ADAPTER, RcloneAdapter
from archiver.destinations.rclone.destination import RcloneDestination

__all__ = ["ADAPTER", "RcloneAdapter", "RcloneDestination"]
