"""What every object store has in common: a key that is written once, an answer that tells a hash, a big object that goes in parts.

```
put_many ──> destination ──> store.create ─────────────────────────> verified ──> receipts
                  │          store.begin ─> send … send ─> finish ──────┘
                  └─ something is there already ──> store.look ──> ours, or a conflict for a person
```

| module | what it knows |
|---|---|
| `destination` | the way of an item, whichever store it is; receipts |
| `parts` | one big item in parts, resumable at each |
| `store` | what a store must be able to do, and what it tells |
| `flow` | a stream as the body of one call, hashed as it passes; for stores that take no parts |
| `sums` | the hashes of what is sent, in the forms in which stores tell theirs |
| `calls` | one HTTP call: its turn, its time limit, what its refusal means |
| `errors` | what refusals mean; each store adds its own words as data |
| `targets` | the key of an item |

In: uploads for an adapter (s3, gcs, azure). Out: outcomes. Next room: the adapter, which knows its store's words.
"""

from archiver.destinations.objects.destination import FEATURES, ObjectDestination

__all__ = ["FEATURES", "ObjectDestination"]
