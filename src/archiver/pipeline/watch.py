"""A source that is watched. Between two looks nobody waits in it: its iterator stands still after the page that said that it rests."""

from __future__ import annotations

import logging
from collections.abc import AsyncGenerator, Callable

from archiver.model import Connection, Customer
from archiver.sources.port import Page

__all__ = ["Watch"]

_log = logging.getLogger(__name__)


def _nobody() -> None:
    """Is told nothing."""


class Watch:
    """One source of a customer that is served, from when its collecting begins until it ends.

    Args:
        customer: Whose.
        source: Which.

    Attributes:
        failures: So many looks in a row were in vain.
        pages: What it is read by; None before the first look, and after one that failed.
        on_passed: Told at each end of a complete pass: what may follow in the same look is mostly waiting.
    """

    __slots__ = ("customer", "failures", "on_passed", "pages", "source")

    def __init__(self, customer: Customer, source: Connection) -> None:
        self.customer = customer
        self.source = source
        self.failures = 0
        self.pages: AsyncGenerator[Page, None] | None = None
        self.on_passed: Callable[[], None] = _nobody

    async def close(self) -> None:
        """Lets go of the iterator; harmless when there is none. A bug in one adapter must not stop everybody else."""
        pages, self.pages = self.pages, None
        if pages is None:
            return
        try:
            await pages.aclose()
        except Exception:  # noqa: BLE001  told in the log
            _log.exception("the adapter %s failed when its iterator was closed", self.source.adapter)
