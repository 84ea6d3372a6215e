"""The Database: what must be kept.

In: births from the collector, settlements from the pipeline. Out: waiting deliveries for the Fetcher, counters for people.
`port` is the contract; `sqlite` the embedded implementation, `postgres` that of a fleet, `engine` what both are built from.
"""
