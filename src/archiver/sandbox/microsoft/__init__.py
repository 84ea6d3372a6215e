"""A OneDrive, and SharePoint libraries, on loopback: Microsoft Graph as far as files go, OAuth, and the limits that the real one has.

    clients ──HTTP──> server ──> routes, uploads ──> drive
                        │  faults, budget       └──> ledger
                      grants

| module | what it knows |
|---|---|
| `server` | the way of a request: who asks, what it costs, what goes wrong, the answer |
| `routes` | addresses, the account, drives, items, folders, downloads |
| `uploads` | content in one call, and in the fragments of a session |
| `drive` | items by id and by path; a name once in a folder, whatever its case |
| `hashes` | QuickXorHash, SHA-1, SHA-256 |
| `budget` | resource units a minute, and the headers that tell of them |
| `grants` | consent, access tokens, refresh tokens that are renewed with each use |
| `users` | an account with all that is its own |
| `refusals` | errors as Graph writes them |

Facts come from Microsoft's reference of Graph, its guide on throttling, and its page on names. Nothing outlives the process.
"""

from archiver.sandbox.microsoft.budget import Limits
from archiver.sandbox.microsoft.server import OneDrive
from archiver.sandbox.microsoft.users import Login

__all__ = ["Limits", "Login", "OneDrive"]
