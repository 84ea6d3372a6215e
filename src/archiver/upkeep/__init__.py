"""The quiet services: what must be done now and then, and never in the way of an upload.

| module | what it does |
|---|---|
| `rounds` | runs the others, each at its interval; one that fails is tried again and stops nobody |
| `notices` | tells people of connections that need somebody: once each, in few messages, tried again apart |
| `webhook`, `mail` | the two ways on which people are told |
| `clearing` | forgets links that ended long ago |
| `expiry` | erases what a customer does not want kept for longer |
| `renewal` | renews the leave to use accounts that nobody uses, so that it does not end |

In: states of connections, as the database has them. Out: messages, renewed tokens. Next rooms: ``archiver.database``,
``archiver.oauth``. Everything here runs in the one process that leads: what it does twice after a hand-over is harmless.
"""

from archiver.upkeep.clearing import Clearing
from archiver.upkeep.expiry import Expiry
from archiver.upkeep.mail import Mail
from archiver.upkeep.notices import Channelled, Notices
from archiver.upkeep.renewal import Renewal
from archiver.upkeep.rounds import Quiet, Rounds
from archiver.upkeep.webhook import Webhook

__all__ = ["Channelled", "Clearing", "Expiry", "Mail", "Notices", "Quiet", "Renewal", "Rounds", "Webhook"]
