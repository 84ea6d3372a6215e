"""A mailbox as a place where items are born: fax, voicemail and SMS that arrive by mail.

```
rounds ──(which mails come next)──> connection ──EXAMINE, FETCH, IDLE──> mail server
   │                                     ^
   └─> mail, structure, rules            └── contents ──(a part, decoded)──> bytes
       (what it is)
```

| module | what it knows |
|---|---|
| `settings` | the options |
| `login` | where to, as whom, over which TLS |
| `wire` | the language of IMAP: answers become values; pure |
| `words` | what refusals mean |
| `connection` | one connection: commands, and listening |
| `structure` | which parts a mail has; pure |
| `mail` | whose a mail is, from when, about which number; pure |
| `rules` | which kind a part is; pure |
| `decoding` | how bytes travel in mails; pure |
| `finding` | discoveries of some mails |
| `contents` | the bytes of a part, wherever its mail is now |
| `rounds` | what was looked at up to where |
| `source` | the methods of the port |

In: a mailbox that others fill. Out: discoveries and bytes. Mails are never marked, moved or deleted: folders are opened with EXAMINE.
"""

from archiver.sources.imap.source import ADAPTER, ImapAdapter, ImapSource

__all__ = ["ADAPTER", "ImapAdapter", "ImapSource"]
