"""A Google Cloud Storage on loopback: buckets, generations and preconditions, uploads of all three kinds, retention, service accounts.

| module | what it knows |
|---|---|
| `server` | the way of a request: who asks, what goes wrong, the answer |
| `routes` | what is asked of objects |
| `uploads` | simple, multipart and resumable uploads |
| `bucket` | objects, their generations, and what keeps them from being written over or removed |
| `grants` | service accounts, and the tokens that they get for a signed statement |

Facts come from Google's reference of the JSON API, and its guides on resumable uploads, preconditions and object retention. Nothing
outlives the process.
"""

from archiver.sandbox.gcs.grants import ServiceKey
from archiver.sandbox.gcs.server import GoogleStorage

__all__ = ["GoogleStorage", "ServiceKey"]
