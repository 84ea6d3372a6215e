"""Google Cloud Storage over its JSON API: an object is written once, a big one in a resumable upload.

| module | what it knows |
|---|---|
| `adapter` | the options, as data |
| `store` | the calls: insert, get, resumable uploads; what the answers tell |
| `tokens` | service accounts, and the access tokens that they get |
| `words` | Google's reasons, translated |
| `wire` | the shapes of metadata and answers |

The way of an item is that of every object store: `archiver.destinations.objects`. Facts come from Google's reference of the JSON API and
its guides on resumable uploads and request preconditions.
"""

from archiver.destinations.gcs.adapter import ADAPTER, GcsAdapter

__all__ = ["ADAPTER", "GcsAdapter"]
