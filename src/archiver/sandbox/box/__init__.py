"""A Box on loopback: files, folders and uploads as its API has them, OAuth with single-use tokens, and the limits that the real one has.

    clients ──HTTP──> server ──> routes, uploads ──> tree
                        │  faults, limits       └──> ledger
                      grants

| module | what it knows |
|---|---|
| `server` | the way of a request: who asks, what it costs, what goes wrong, the answer |
| `routes` | addresses; the account, files and folders, downloads |
| `uploads` | content in one call, and in the parts of a session |
| `tree` | items by id; a name once in a folder, whatever its case; the trash |
| `limits` | calls and uploads a minute, quota, sizes |
| `grants` | consent, access tokens, refresh tokens that work once |
| `users` | an account with all that is its own; the ledger |
| `refusals` | errors as Box writes them |

Facts come from Box's reference of its API and its guides on uploads, tokens and rate limits. Nothing outlives the process.
"""

from archiver.sandbox.box.limits import Limits
from archiver.sandbox.box.server import Box
from archiver.sandbox.box.users import Login

__all__ = ["Box", "Limits", "Login"]
