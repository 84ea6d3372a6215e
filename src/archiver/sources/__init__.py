"""Where items are born: `port` is the contract, every other module one adapter.

In: a connection's options. Out: discoveries for the collector, bytes for the Uploader.
"""
