"""Azure Blob Storage over HTTP: a block blob is written once, a big one in blocks.

| module | what it knows |
|---|---|
| `adapter` | the options, as data |
| `store` | the calls: put, head, blocks; what the answers tell |
| `signing` | the shared key, and shared access signatures |
| `words` | Azure's codes, translated; the few fields of its XML that are read |

The way of an item is that of every object store: `archiver.destinations.objects`. Facts come from Microsoft's REST reference of the Blob
service.
"""

from archiver.destinations.azure.adapter import ADAPTER, AzureAdapter

__all__ = ["ADAPTER", "AzureAdapter"]
