"""Who gets which events: demand of all consumers and events of one producer in, deliveries out.

`Dispatcher` is the port, for dispatchers of one's own too. Each event goes

    DemandDispatcher     to one consumer: whoever asked for most, or (fair) everybody in turn
    BroadcastDispatcher  to every consumer that wants it
    PartitionDispatcher  to one consumer of the partition that a hash function names
    KeyedDispatcher      to one consumer of the key for which the producer gave it, since demand is told per key
"""

from genstage.dispatchers.broadcast import BroadcastDispatcher
from genstage.dispatchers.demand import DemandDispatcher
from genstage.dispatchers.keyed import KeyedDispatcher
from genstage.dispatchers.partition import Hash, PartitionDispatcher
from genstage.dispatchers.port import Deliveries, Discards, Dispatched, Dispatcher, as_list

__all__ = [
    "BroadcastDispatcher",
    "Deliveries",
    "DemandDispatcher",
    "Discards",
    "Dispatched",
    "Dispatcher",
    "Hash",
    "KeyedDispatcher",
    "PartitionDispatcher",
    "as_list",
]
