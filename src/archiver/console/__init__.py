"""The console: what the operator sees in a browser, and the same as JSON for programs.

In: requests of people and programs who have come in by ``archiver.people``. Out: pages that need no JavaScript but for their live part,
and ``/api/v1``. It asks only ``archiver.app``. The way of a request: `guard` (host, origin, headers) → `routes` (the table of everything
that can be asked, each with the rank it needs) → a page of `pages` or an answer of `api`. `hub` renders what is live, once a second for
all who look, and not at all if nobody does. `serving` is the server around it.
"""
