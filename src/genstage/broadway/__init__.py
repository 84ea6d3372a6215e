"""Messages from a source through your callbacks to their acknowledgement: what Broadway adds to GenStage.

    source ──> gate ──────> processors ─────> batchers ──────> acknowledgement
               keys, limits, handle_message,   handle_batch
               pauses, order retries

A layer above `genstage`, of its stages; imported by its users, not by ``genstage`` itself.

    message        Message, BatchInfo, statuses
    acknowledger   how a source learns what became of its messages
    options        one typed record for each layer
    handlers       the callbacks
    broadway       the class to subclass, open and talk to
    topology       its stages, and the order in which they end
    gate, bucket   who may begin: keys in turn, limits, pauses, order, retries (pure)
    batching       how messages become batches (pure)
    processing, batchers, endings, calls   the layers, and calls that fail one message only
    events         what a listener is told
"""

from genstage.broadway.acknowledger import NOOP, Ack, Acked, Acknowledger, CallerAcknowledger, NoopAcknowledger
from genstage.broadway.broadway import Broadway, BroadwayStats
from genstage.broadway.bucket import RateLimit
from genstage.broadway.calls import TimeLimitError
from genstage.broadway.message import DEFAULT, BatchInfo, Failed, Message, Raised, ack_immediately
from genstage.broadway.options import Batcher, Options, Processors, Retry, Splitter

__all__ = [
    "DEFAULT",
    "NOOP",
    "Ack",
    "Acked",
    "Acknowledger",
    "BatchInfo",
    "Batcher",
    "Broadway",
    "BroadwayStats",
    "CallerAcknowledger",
    "Failed",
    "Message",
    "NoopAcknowledger",
    "Options",
    "Processors",
    "Raised",
    "RateLimit",
    "Retry",
    "Splitter",
    "TimeLimitError",
    "ack_immediately",
]
