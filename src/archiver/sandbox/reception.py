"""The way of one call: authenticate, count, wait the latency, ask the rate, meet the faults, read, wait for the namespace, answer.

What is refused early is refused before its body is read, as by the real edge.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Any

import msgspec
from aiohttp import web

from archiver.sandbox.account import AccountState
from archiver.sandbox.faults import Fault
from archiver.sandbox.looking import LOOKING_ROUTES
from archiver.sandbox.refusals import Refusal, Reply, api_error, auth_error, bad_input, throttled, union
from archiver.sandbox.route import Call, Route
from archiver.sandbox.serving import meet
from archiver.sandbox.uploading import MAX_BODY_BYTES, UPLOAD_ROUTES
from archiver.sandbox.world import World

__all__ = ["Answer", "Reception"]

ROUTES: dict[str, Route] = {**UPLOAD_ROUTES, **LOOKING_ROUTES}
_DECODERS = {name: msgspec.json.Decoder(route.argument) for name, route in ROUTES.items() if route.argument is not None}
_CONTENT_TYPES = {
    "rpc": ("application/json", "application/json; charset=utf-8", "text/plain; charset=dropbox-cors-hack"),
    "upload": ("application/octet-stream", "text/plain; charset=dropbox-cors-hack"),
}


class Answer(msgspec.Struct, frozen=True):
    """A reply, and what goes wrong with it on its way back.

    Attributes:
        reply: What is answered.
        faults: Those of the kinds ``lose_answer``, ``cut_response`` and ``slow``.
    """

    reply: Reply
    faults: Sequence[Fault] = ()


class Reception:
    """Takes calls to ``/2/…``.

    Args:
        world: Everything.
        header_bytes: Longer arguments in ``Dropbox-API-Arg`` are answered 431.
        closing: Set when the sandbox ends; calls that were stalled end with it.
    """

    def __init__(self, world: World, *, header_bytes: int, closing: asyncio.Event) -> None:
        self._world = world
        self._header_bytes = header_bytes
        self._closing = closing

    async def take(self, request: web.BaseRequest, name: str, received_at: float) -> Answer:
        """Answers one call.

        Raises:
            CutOffError: A fault cuts the connection.
        """
        try:
            route, token, account = self._authenticate(request, name)
            await self._admit(account, route, name, token, received_at)
        except Refusal as refusal:
            return Answer(refusal.reply)
        faults = self._world.faults.hit(name, account.name) if self._world.faults else ()
        try:
            await self.meet(faults, account, request)
            call = Call(world=self._world, account=account, route=name, token=token, body=b"")
            reply = await self._carry_out(call, route, request, faults)
        except Refusal as refusal:
            reply = refusal.reply
        self._world.note_activity()
        return Answer(reply, faults)

    async def meet(self, faults: Sequence[Fault], account: AccountState | None, request: web.BaseRequest) -> None:
        """Lets happen what goes wrong before anything is done.

        Raises:
            CutOffError: The connection must be cut.
            Refusal: The scripted answer.
        """
        fault = await meet(faults, request, self._closing)
        if fault is None:
            return
        match fault.action:
            case "expire_token" if account is not None:
                self._world.expire_tokens(account.name)
                raise auth_error("expired_access_token")
            case "revoke" if account is not None:
                self._world.revoke(account.name)
                raise auth_error("invalid_access_token")
            case "reply":
                self._note_scripted_refusal(fault, account)
                body, content_type = fault.body.encode(), fault.content_type
                raise Refusal(Reply(status=fault.status, body=body, content_type=content_type, headers=fault.headers))
            case _:
                pass  # nobody's token at the token endpoint

    def _authenticate(self, request: web.BaseRequest, name: str) -> tuple[Route, str, AccountState]:
        headers = request.headers
        if len(headers.get("Dropbox-API-Arg", "")) > self._header_bytes:
            raise Refusal(Reply(status=431, body=b"", content_type="text/plain", headers={"Connection": "close"}))
        route = ROUTES.get(name)
        if route is None:
            raise bad_input(name, f'Unknown API function: "{name}"')
        token, grant = self._world.grants.authenticate(headers.get("Authorization", ""), name, self._world.clock.now())
        select_user, path_root = headers.get("Dropbox-API-Select-User", ""), headers.get("Dropbox-API-Path-Root", "")
        return route, token, self._world.account_for(grant, name, select_user, path_root)

    async def _admit(self, account: AccountState, route: Route, name: str, token: str, received_at: float) -> None:
        limits = account.limits
        account.activity.called(name, received_at, commits=route.files is not None, token=token)
        if limits.latency:
            await asyncio.sleep(limits.latency)
        now = self._world.clock.now()
        if account.meter.admit(now):
            account.activity.admitted(received_at)
            return
        account.activity.refused("too_many_requests", received_at, now, limits.retry_after)
        raise throttled("too_many_requests", limits.retry_after, in_body=True, plain_text=limits.plain_text)

    async def _carry_out(self, call: Call, route: Route, request: web.BaseRequest, faults: Sequence[Fault]) -> Reply:
        argument = await self._read(call, route, request)
        for fault in faults:
            call.corrupt |= fault.action == "corrupt"
            if fault.action == "fail_entries":
                call.failing = (fault.tag, frozenset(fault.entries))
        call.ready_at = self._world.clock.now()
        if route.files is not None:
            await self._enter(call, route.files(argument), waits=route.waits)
        return route.answer(call, argument)

    async def _read(self, call: Call, route: Route, request: web.BaseRequest) -> Any:
        content_type = request.headers.get("Content-Type", "")
        accepted = _CONTENT_TYPES.get(route.style)
        if accepted is not None and content_type not in accepted and (content_type or route.argument is not None):
            expected = ", ".join(f'"{value}"' for value in accepted)
            raise bad_input(call.route, f'Bad HTTP "Content-Type" header: "{content_type}". Expecting one of {expected}.')
        if (request.content_length or 0) > MAX_BODY_BYTES:
            raise api_error(union("payload_too_large"))
        body = await request.read()
        if route.style == "rpc":
            text: bytes | str = body
        else:
            call.body = body
            text = request.headers.get("Dropbox-API-Arg") or request.query.get("arg", "")
            if not text.isascii():
                raise bad_input(call.route, 'HTTP header "Dropbox-API-Arg": could not decode input as JSON')
        if route.argument is None:
            return None
        try:
            return _DECODERS[call.route].decode(text)
        except msgspec.MsgspecError as error:
            place = "request body" if route.style == "rpc" else 'HTTP header "Dropbox-API-Arg"'
            raise bad_input(call.route, f"{place}: {error}") from error

    async def _enter(self, call: Call, files: int, *, waits: bool) -> None:
        account, limits, now = call.account, call.account.limits, call.ready_at
        wait = account.lock.enter(now, files, limits)
        if wait is None:
            kind = "too_many_write_operations"
            told = limits.commit_retry_after if limits.commit_refusal == "call" else None
            account.activity.refused(kind, now, now, told)
            if limits.commit_refusal == "call":
                raise throttled(kind, told, in_body=False, plain_text=False)
            call.failing = (kind, frozenset())
            return
        call.ready_at = now + wait
        account.activity.held(call.ready_at - limits.hold(files), call.ready_at)
        if wait and waits:
            await asyncio.sleep(wait)

    def _note_scripted_refusal(self, fault: Fault, account: AccountState | None) -> None:
        if fault.status != 429 or account is None:
            return
        kind = "too_many_write_operations" if "too_many_write_operations" in fault.body else "too_many_requests"
        told = next((value for name, value in fault.headers.items() if name.lower() == "retry-after"), "")
        now = self._world.clock.now()
        account.activity.refused(kind, now, now, int(told) if told.isdecimal() else None)
