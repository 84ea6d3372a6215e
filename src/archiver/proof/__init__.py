"""What a person can prove: that everything was archived, that it still is, and who did what.

In: the Database, and a destination that is looked at. Out: values for commands and console. Next room: ``archiver.app``.

| module | what it answers |
|---|---|
| `acting` | who does what is done now |
| `auditing` | writes the audit log, and holds its chain to what it must be |
| `completeness` | whether everything that the sources have is archived; what is missing, and why |
| `verification` | whether a storage still has what its receipts say |
| `manifests` | for each day a list of its files with their hashes, as a source of items |
| `prover` | the two, by a customer's name |
| `discretion` | what must not stand in a log |
"""
