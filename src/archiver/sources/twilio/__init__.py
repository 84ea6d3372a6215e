"""A Twilio account and its subaccounts: the calls, their recordings, SMS, and what came with MMS.

```
source ──> rounds ──> api ──HTTP──> Twilio
             │  book: who spoke in which call
             │  records: what each row means
             └─ cursor: how far each list is known
```

| module | what it knows |
|---|---|
| `settings` | the options |
| `api` | one call: its authorisation, its turn, what its refusal means |
| `budget` | how many calls may be under way at once; pure |
| `book` | the calls that recordings belong to |
| `records` | what a row is as discoveries; pure |
| `cursor` | how far each list is known |
| `rounds` | which list is looked at next; when a pass is complete |
| `source` | the methods of the port |

In: an account that lives. Out: discoveries and bytes. Nothing there is ever changed or deleted. docs/twilio.md says what is fetched.
"""

from archiver.sources.twilio.source import ADAPTER, TwilioAdapter, TwilioSource

__all__ = ["ADAPTER", "TwilioAdapter", "TwilioSource"]
