"""A Google Drive on loopback: OAuth, files and folders by id, uploads of all three kinds, and the limits that the real one has.

    clients ──HTTP──> server ──> routes, uploads ──> users ──> drive
                        │  faults, quota              └──> ledger
                      grants

| module | what it knows |
|---|---|
| `server` | the way of a request: who asks, what it costs, what goes wrong, the answer |
| `routes` | metadata, lists, downloads, generated ids, shared drives, the account |
| `uploads` | simple, multipart and resumable uploads |
| `drive` | files and folders by id; names need not be unique |
| `query` | the language of ``q`` |
| `fields` | the language of ``fields`` |
| `quota` | quota units per minute, writes per second, bytes per day |
| `grants` | consent, tokens, scopes; links that die after a week while an application is only being tested |
| `users` | an account with all that is its own |
| `refusals` | errors as Google writes them |

Facts come from Google's reference of the Drive API v3 and its guides on uploads, errors and limits. Nothing outlives the process.
"""

from archiver.sandbox.google.quota import Limits
from archiver.sandbox.google.server import GoogleDrive
from archiver.sandbox.google.users import Login

__all__ = ["GoogleDrive", "Limits", "Login"]
