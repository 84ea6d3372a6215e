"""What a stage gets from its pipeline when it starts."""

from __future__ import annotations

import asyncio
import contextvars
from collections.abc import Callable, Coroutine
from dataclasses import dataclass
from typing import Any

from genstage.supervision import Warden
from genstage.turns import Turns

__all__ = ["Post", "Spawn"]

Spawn = Callable[[Coroutine[Any, Any, None]], "asyncio.Task[None] | None"]
"""Makes a supervised task of a coroutine; None when the pipeline is breaking off and nothing new may begin."""


@dataclass(frozen=True, slots=True)
class Post:
    """What a stage gets from its pipeline when it starts.

    Attributes:
        name: Unique within the pipeline.
        spawn: Makes supervised tasks.
        done: To be called once, when the stage has ended.
        turns: Where synchronous work waits for its turn.
        context: In which synchronous handlers run; that of whoever started the stage.
        warden: Decides whether a failure is the end.
        timeout: Seconds that one handler call may take; None: any time.
    """

    name: str
    spawn: Spawn
    done: Callable[[], None]
    turns: Turns
    context: contextvars.Context
    warden: Warden
    timeout: float | None = None
