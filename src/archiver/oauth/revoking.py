"""Gives leave back: afterwards neither the refresh token nor anything that came of it opens anything."""

from __future__ import annotations

import aiohttp

from archiver.errors import ArchiverError
from archiver.http.replies import NETWORK_ERRORS
from archiver.oauth.endpoint import Endpoint, request_of
from archiver.oauth.link import Link
from genstage.clock import Clock

__all__ = ["revoke"]

_LIMITS = aiohttp.ClientTimeout(total=30.0, sock_connect=10.0)


async def revoke(http: aiohttp.ClientSession, clock: Clock, link: Link, refresh_token: str) -> bool:
    """Revokes what a linking gave (RFC 7009, or as the provider has it).

    Returns:
        Whether the provider says that it is done; False if it has no such thing, does not answer, or does not know the token.
    """
    provider = link.provider
    if not provider.revoke_url:
        return False
    form, headers = request_of(provider, link.client_id, link.client_secret, {"token": refresh_token})
    try:
        if provider.revoke_by == "bearer":
            endpoint = Endpoint(http, clock, provider, client_id=link.client_id, client_secret=link.client_secret)
            answer = await endpoint.ask({"grant_type": "refresh_token", "refresh_token": refresh_token})
            form, headers = {}, {"Authorization": f"Bearer {answer.access_token}"}
        async with http.post(
            provider.revoke_url,
            data=form or None,
            headers=headers,
            timeout=_LIMITS,
            allow_redirects=False,
            skip_auto_headers=() if form else ("Content-Type",),  # without a body there is nothing to name the type of
        ) as response:
            return response.status == 200
    except (ArchiverError, *NETWORK_ERRORS):
        return False
