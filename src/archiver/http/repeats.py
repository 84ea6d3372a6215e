"""Requests that aiohttp must not repeat by itself: it does so with some methods if a kept connection breaks before the answer."""

from __future__ import annotations

import aiohttp

__all__ = ["never_repeated"]


def never_repeated() -> aiohttp.ClientMiddlewareType:
    """For one request whose repetition somebody else decides on: its pace, and what arrived of it, must be asked first."""
    sent = False

    async def send(request: aiohttp.ClientRequest, handler: aiohttp.ClientHandlerType) -> aiohttp.ClientResponse:
        nonlocal sent
        if sent:
            raise aiohttp.ServerDisconnectedError
        sent = True
        return await handler(request)

    return send
