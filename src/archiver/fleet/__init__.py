"""Who serves which customer: `port` is the contract, `local` one process that serves all.

In: an assembly. Out: running tasks; only this room and ``genstage`` create any.
"""
