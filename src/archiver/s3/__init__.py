"""What both ends need to speak to S3, and no other store has: the signature, a bucket's address, the fields of its XML.

In: options of an adapter, calls to be made. Out: addresses and headers. Next room: ``archiver.destinations.s3``, ``archiver.sources.s3``.
"""

__all__: list[str] = []
