"""Who gets which events: demand of all consumers and events of one producer in, deliveries out.

`Dispatcher` is the port; `DemandDispatcher` gives to whoever asked for most, `KeyedDispatcher` keeps demand per key.
"""

from genstage.dispatchers.demand import DemandDispatcher
from genstage.dispatchers.keyed import KeyedDispatcher
from genstage.dispatchers.port import Deliveries, Discards, Dispatched, Dispatcher

__all__ = ["Deliveries", "DemandDispatcher", "Discards", "Dispatched", "Dispatcher", "KeyedDispatcher"]
