"""Archiver copies customers' call recordings, SMS and fax into each customer's own cloud storage, as fast as that storage takes them.

```
 sources ──[Collector]──> Database ──> [Fetcher] ──> [Uploader] ──> Dropbox, Google Drive, Box, OneDrive, S3, SFTP, …
                             ^            ^   demand     │
                             │            └──────────────┤
                             └────── [Settlement] <──────┘  receipts
```

A bracketed noun is a stage and lives in `pipeline`; an unbracketed end is a room of its own:

``sources``       where items are born
``database``      what must be kept: items, deliveries, receipts
``destinations``  where items go
``pipeline``      the drawing itself: collector, fetcher, uploader, settlement; the pacer, and the share of each lane
``fleet``         who serves which customer

``model``         Customer, Connection, Item, Delivery, Receipt: frozen values
``lifecycle``     the states of a delivery and its legal moves
``outcome``       how one try to upload one item ended
``errors``        every error, with what follows from it
``adapter``       how a source or destination describes itself; ``registry`` finds them
``naming``        the path of an item in the customer's storage
``settings``      file < environment < flags
``vault``         customers' credentials, encrypted at rest
``connecting``    from a link that is sent to a connection that works; ``rotation`` changes the keys beneath it
``upkeep``        the quiet services: who is told, what is renewed; ``services`` makes them from the settings
``erasing``       for how long a customer is kept, and what goes
``oauth``         how accounts are linked, and tokens that are renewed once; ``http`` is what every call over HTTP needs
``app``           the composition root: settings in, a running Archiver out; ``views`` are its answers
``observe``       what others learn of a running Archiver: log, metrics, health, traces
``doctor``        what is wrong with it, and what to do
``cli``           the commands
``sandbox``       the world in a box: clouds on loopback that throttle, fail and keep a ledger
"""
