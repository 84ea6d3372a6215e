"""WebDAV: a part beside the archive, a move that replaces nothing, and a look at what came of it.

```
put_many ──> PUT a part ──> MOVE, Overwrite: F ──> PROPFIND ──> receipt
             a stream is     │ 409: MKCOL
             hashed on it    └ 412: PROPFIND, or GET: ours already, or a conflict
```

| module | what it knows |
|---|---|
| `adapter` | the options, as data |
| `destination` | the way of an item; receipts |
| `collection` | the calls: parts, folders, names, and what stands at an address |
| `wire` | the shapes of answers |
| `words` | what refusals mean |

Facts come from RFC 4918, and for checksums and times from the manuals of ownCloud and Nextcloud; docs/webdav.md tells the rest.
"""

from archiver.destinations.webdav.adapter import ADAPTER, WebDavAdapter
from archiver.destinations.webdav.destination import WebDavDestination

__all__ = ["ADAPTER", "WebDavAdapter", "WebDavDestination"]
