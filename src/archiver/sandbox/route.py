"""What a route is: how its argument travels, what decodes it, how many files it commits, and who answers it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Literal

import msgspec

from archiver.sandbox.account import AccountState
from archiver.sandbox.refusals import Reply, Union, union
from archiver.sandbox.world import World

__all__ = ["Call", "Route"]


class Call(msgspec.Struct, kw_only=True):
    """One call that was authenticated and admitted.

    Attributes:
        world: Everything.
        account: Whom it is for.
        route: Such as ``files/upload``.
        token: The access token that it came with.
        body: The content; empty where the argument is the body.
        corrupt: What it stores gets one bit wrong.
        failing: The error tag for entries of a batch, and which of them (empty: all); None fails none.
        ready_at: When a commit that was begun now is through the namespace's lock.
    """

    world: World
    account: AccountState
    route: str
    token: str
    body: bytes
    corrupt: bool = False
    failing: tuple[str, frozenset[int]] | None = None
    ready_at: float = 0

    def scripted_error(self, index: int = 0) -> Union | None:
        """The error which this entry of a batch (or the only one) gets by a script or for the namespace's lock, or None."""
        if self.failing is None:
            return None
        tag, entries = self.failing
        return union(tag) if not entries or index in entries else None


class Route(msgspec.Struct, frozen=True, kw_only=True):
    """One route.

    Attributes:
        style: ``rpc`` has its argument as the body, the others in the header ``Dropbox-API-Arg`` or the parameter ``arg``.
        argument: Its type; None for Void.
        answer: Gives the reply, or raises a `archiver.sandbox.refusals.Refusal`.
        files: How many files a call commits under the namespace's lock; None for routes that commit nothing.
        waits: The reply waits for the lock (the asynchronous batch route does not).
    """

    style: Literal["rpc", "upload", "download"]
    argument: type[Any] | None
    answer: Callable[[Call, Any], Reply]
    files: Callable[[Any], int] | None = None
    waits: bool = True
