"""Tells a web address, by a POST that is signed.

The body is JSON: ``{"text": …, "notices": [{"id": …, "customer": …, "state": …}, …]}``; ``id`` is the same if the same is told twice.
``Archiver-Signature: t=SECONDS,v1=HEX`` is HMAC-SHA256 of ``SECONDS.BODY`` under the shared secret; whoever receives it compares, and
refuses what is older than some minutes.
"""

from __future__ import annotations

import hashlib
import hmac

import aiohttp
import msgspec

from archiver.database.port import Channel, Notice
from archiver.errors import ConfigError, UnavailableError
from archiver.http.addresses import option_url
from archiver.http.replies import NETWORK_ERRORS
from archiver.upkeep.notices import Message
from genstage.clock import Clock

__all__ = ["Webhook", "signature_of"]

_LIMITS = aiohttp.ClientTimeout(total=20.0, sock_connect=10.0)
_HEADER = "Archiver-Signature"


class Webhook:
    """The port `archiver.upkeep.notices.Channelled` by HTTP.

    Args:
        http: The process's HTTP session.
        clock: Time.
        url: Where; https, or this machine. May hold a secret, so it is never shown.
        secret: What signs; shared with whoever receives it.

    Raises:
        ConfigError: The address cannot be, or there is nothing to sign with.
    """

    channel = Channel.WEBHOOK

    def __init__(self, http: aiohttp.ClientSession, clock: Clock, *, url: str, secret: str) -> None:
        if not secret:
            raise ConfigError(
                "a webhook needs the setting notify_webhook_secret", hint="Any long random text; whoever receives it checks it."
            )
        self._url = option_url("settings", "notify_webhook", url)
        self._http = http
        self._clock = clock
        self._secret = secret

    def __repr__(self) -> str:
        return "Webhook(…)"

    async def send(self, message: Message) -> None:
        """Posts it; any answer below 300 is a yes."""
        body = msgspec.json.encode({"text": message.text, "subject": message.subject, "notices": [_fields(one) for one in message.notices]})
        headers = {"Content-Type": "application/json", _HEADER: signature_of(self._secret, body, int(self._clock.wall()))}
        try:
            async with self._http.post(self._url, data=body, headers=headers, timeout=_LIMITS, allow_redirects=False) as response:
                status = response.status
        except NETWORK_ERRORS as error:
            raise UnavailableError(f"the webhook cannot be reached ({type(error).__name__})") from None  # its text holds the address
        if status >= 300:
            raise UnavailableError(f"the webhook answered {status}")


def signature_of(secret: str, body: bytes, now: int) -> str:
    """The value of the header ``Archiver-Signature``."""
    digest = hmac.new(secret.encode(), f"{now}.".encode() + body, hashlib.sha256).hexdigest()
    return f"t={now},v1={digest}"


def _fields(notice: Notice) -> dict[str, object]:
    told = msgspec.structs.asdict(notice)
    del told["tries"]
    return {"id": f"{notice.connection_id}-{notice.state}-{notice.since}", **told}
