"""The guard: what every request must pass before anything of it is looked at, and what every answer carries.

| what | against what |
|---|---|
| the Host header must be one of ours | a name that somebody lets point to this machine (DNS rebinding) |
| whatever changes something comes from a page of ours, by ``Sec-Fetch-Site`` or else ``Origin``; or brings a key | forged requests |
| a body has at most 64 KiB | memory |
| a strict content security policy, no framing, no sniffing, no referrer, no caching | what a page could be made to do |
"""

from __future__ import annotations

from collections.abc import Mapping
from urllib.parse import urlsplit

from starlette.datastructures import Headers, MutableHeaders
from starlette.responses import PlainTextResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from archiver.console.listening import Listening

__all__ = ["BODY_BYTES", "Guard", "policy"]

BODY_BYTES = 64 * 1024
_SAFE = frozenset({"GET", "HEAD", "OPTIONS"})
_POLICY = {
    "default-src": "'none'",
    "script-src": "'self'",
    "style-src": "'self'",
    "img-src": "'self' data:",
    "connect-src": "'self'",
    "font-src": "'self'",
    "base-uri": "'none'",
    "form-action": "'self'",
    "frame-ancestors": "'none'",
}


def policy(**more: str) -> str:
    """The content security policy; ``form_action="https://…"`` lets a form's answer lead to a provider."""
    words = dict(_POLICY)
    for name, value in more.items():
        words[name.replace("_", "-")] += f" {value}"
    return "; ".join(f"{name} {value}" for name, value in words.items())


class Guard:
    """Stands in front of an application.

    Args:
        app: Behind it.
        listening: Which names are ours.
    """

    def __init__(self, app: ASGIApp, listening: Listening) -> None:
        self._app = app
        self._listening = listening
        self._headers: Mapping[str, str] = {
            "Content-Security-Policy": policy(),
            "X-Content-Type-Options": "nosniff",
            "Referrer-Policy": "no-referrer",
            "Cross-Origin-Opener-Policy": "same-origin",
            "Cross-Origin-Resource-Policy": "same-origin",
            "Permissions-Policy": "camera=(), geolocation=(), microphone=(), payment=(), usb=()",
            "Cache-Control": "no-store",
        } | ({"Strict-Transport-Security": "max-age=31536000"} if listening.secure else {})

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """One request."""
        if scope["type"] != "http":
            return

        async def send_guarded(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                for name, value in self._headers.items():
                    headers.setdefault(name, value)
            await send(message)

        refusal = self._refusal(scope["method"], Headers(scope=scope))
        if refusal is not None:
            await refusal(scope, receive, send_guarded)
            return
        await self._app(scope, _limited(receive), send_guarded)

    def _refusal(self, method: str, headers: Headers) -> PlainTextResponse | None:
        if headers.get("host", "").lower() not in self._listening.hosts:
            return PlainTextResponse("This is not the name of this console.\n", 421)
        if method not in _SAFE and not self._is_ours(headers):
            return PlainTextResponse("This request does not come from a page of this console.\n", 403)
        if int(headers.get("content-length") or 0) > BODY_BYTES:
            return PlainTextResponse("This is too much.\n", 413)
        return None

    def _is_ours(self, headers: Headers) -> bool:
        if headers.get("authorization", "").lower().startswith("bearer "):
            return True  # no browser adds a key by itself
        site = headers.get("sec-fetch-site")
        if site is not None:
            return site == "same-origin"
        origin = urlsplit(headers.get("origin", ""))
        return origin.scheme in {"http", "https"} and origin.netloc.lower() == headers.get("host", "").lower()


def _limited(receive: Receive) -> Receive:
    """A body that does not tell its length, and goes on and on, is as good as cut off."""
    seen = 0

    async def receive_limited() -> Message:
        nonlocal seen
        message = await receive()
        seen += len(message.get("body", b""))
        if seen > BODY_BYTES:
            return {"type": "http.disconnect"}
        return message

    return receive_limited
