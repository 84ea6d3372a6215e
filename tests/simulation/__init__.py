"""The simulation: the real pipeline and fleet over a real SQLite file, in virtual time, against a made-up world.

A seed is a story: who the customers are, what their clouds permit, what goes wrong and when, who dies. The same seed tells the same story,
to the last event, so whatever goes wrong once can be looked at again: ``python -m simulation --seed 17``.

`loop` makes time a number and every order repeatable; `story` keeps what happened, and ends it at the first broken promise.
`cloud` is one customer's account with its `limits` and its `ledger`, `destination` the adapter that speaks to it, `source` where items are
born; `database` is what a process sees of the real one. `process` is an Archiver that may be drained, killed or frozen; `world` puts
everything together, `weather` is what befalls it. `checks` holds the ledgers, the sources and the database against each other;
`fairness` asks what an airline costs the others. `run` plays one seed, `__main__` many, `mutants` breaks the product on purpose, to see
that it is noticed.
"""
