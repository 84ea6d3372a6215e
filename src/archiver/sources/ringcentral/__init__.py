"""RingCentral over HTTP: the company's call log with the recordings of every leg, and the message store of every extension.

```
source ──> rounds ──> calls ────> api ──> budget
             │        messages ──┘ │
             cursor   records      └──> RingCentral
```

| module | what it knows |
|---|---|
| `settings` | the options, as data |
| `source` | the four methods of a source |
| `rounds` | what is looked at next; what a page is; when a pass is complete |
| `calls` | the call log: full passes in slices, synchronisation between them |
| `messages` | one extension's message store |
| `exporting` | all message stores at once, at the first pass of a large company |
| `records` | what a row or a message is as discoveries; pure |
| `parties` | numbers and names as they come: plain, formatted, masked; pure |
| `cursor` | how far each stream has come, and which is not complete |
| `contents` | the bytes behind an address |
| `api` | one HTTP call: token, turn, what a refusal means |
| `budget` | the limits as the headers tell them; pure |
| `webhooks` | being called: subscriptions, and what they tell |
| `errors` | RingCentral's language, translated: the only place that reads its words |
| `wire` | the shapes of answers |

docs/ringcentral.md says how to connect an account, and what is fetched.
"""

from archiver.sources.ringcentral.adapter import ADAPTER, RingCentralAdapter
from archiver.sources.ringcentral.source import RingCentralSource

__all__ = ["ADAPTER", "RingCentralAdapter", "RingCentralSource"]
