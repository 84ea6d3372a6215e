"""What the toolkit itself raises; each text says what to do.

    GenStageError
    ├── DefinitionError        a stage's class cannot work: no handler, two handlers
    ├── SubscriptionError      terms that cannot work: min_demand >= max_demand, a key missing or too many
    ├── AnswerError            a handler returned something of the wrong shape
    │   ├── ExcessError        more than it was asked for, where no buffer may grow
    │   └── UnknownKeyError    events for a key that it was not asked for, or a partition that does not exist
    ├── HandlerCancelledError  a handler was cut short by a cancellation that was not meant for it
    └── StateError             called at the wrong time: not started, already started, from its own handler

An exception of a handler is never wrapped in one of these: it comes out of the pipeline as it is.
"""

from __future__ import annotations

__all__ = [
    "AnswerError",
    "DefinitionError",
    "ExcessError",
    "GenStageError",
    "HandlerCancelledError",
    "StateError",
    "SubscriptionError",
    "UnknownKeyError",
]


class GenStageError(Exception):
    """The root of the tree."""


class DefinitionError(GenStageError):
    """A stage's class cannot work as it is written."""


class SubscriptionError(GenStageError):
    """A subscription cannot be made on these terms; the producer is not hurt."""


class AnswerError(GenStageError):
    """A handler returned something of the wrong shape."""


class ExcessError(AnswerError):
    """A handler returned more than it was asked for, and the buffer has no room for the rest."""


class UnknownKeyError(AnswerError):
    """A keyed handler returned events for a key that it was not asked for, or a hash function named a partition that does not exist."""


class HandlerCancelledError(GenStageError):
    """A handler ended by a `CancelledError` that nobody sent to it."""


class StateError(GenStageError):
    """Something was called at the wrong time."""
