"""One HTTP call to an object store: its turn, its time limit, and what its refusal means. Never sleeps, never repeats a call.

(aiohttp does so once by itself where a connection that was kept turns out to be closed. No call here does harm when it is repeated.)
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping

import aiohttp
import msgspec
from yarl import URL

from archiver.destinations.objects.errors import Dialect, NotThereError, Reply, error_of, is_of_pace
from archiver.destinations.port import CallKind, Context
from archiver.errors import ArchiverError, ConfigError
from archiver.http.body import Body
from archiver.http.progress import Progress
from archiver.http.replies import NETWORK_ERRORS, beginning, network_error

__all__ = ["Answer", "Call", "Calls"]

_LIMITS = aiohttp.ClientTimeout(total=None, connect=None, sock_connect=30.0, sock_read=None)  # see `Progress`


class Call(msgspec.Struct, kw_only=True):
    """One call.

    Attributes:
        name: What it is for, for messages: "put an object".
        method: Of HTTP.
        url: Escaped, with its query.
        headers: Without those that authorise it.
        body: What is sent.
        flow: What is sent instead, if it is not held.
        kind: What the pacer takes it for.
        expected: Statuses that are no refusals.
        codes: The store's words for statuses, where its own say too little.
    """

    name: str
    method: str
    url: str
    headers: dict[str, str] = {}
    body: list[bytes] = []
    flow: Body | None = None
    kind: CallKind = CallKind.TRANSFER
    expected: frozenset[int] = frozenset({200, 201, 202, 204})
    codes: Mapping[int, str] = {}


class Answer(msgspec.Struct, frozen=True, kw_only=True):
    """What came back.

    Attributes:
        status: Of HTTP.
        headers: Names in lower case.
        body: At most 64 KiB if it is a refusal.
    """

    status: int
    headers: Mapping[str, str]
    body: bytes

    def __repr__(self) -> str:
        return f"Answer(status={self.status})"


class Calls:
    """Calls of one store.

    Args:
        context: Pace, clock and the HTTP session.
        dialect: The store's words.
        authorise: The headers of a call with its authorisation.
        code_of: The store's word in a refusal.
    """

    def __init__(
        self,
        context: Context,
        dialect: Dialect,
        authorise: Callable[[Call], Awaitable[Mapping[str, str]]],
        code_of: Callable[[Answer], str],
    ) -> None:
        if context.http is None:
            raise ConfigError(f"{dialect.provider} needs an HTTP session")
        self._http = context.http
        self._pace = context.pace
        self._clock = context.clock
        self._dialect = dialect
        self._authorise = authorise
        self._code_of = code_of

    async def make(self, call: Call, check: Callable[[Answer], str] | None = None) -> Answer:
        """Makes a call when it is its turn.

        Args:
            call: The call.
            check: The store's word for a refusal that comes with a good status; empty if it is none.

        Raises:
            ArchiverError: See `archiver.destinations.objects.errors`.
        """
        headers = await self._authorise(call)
        async with self._pace.call(call.kind):
            answer = await self._send(call, headers)
            error = self._error_of(call, answer, check)
            if error is not None and is_of_pace(error):
                raise error
        if error is not None:
            raise error
        return answer

    async def there(self, call: Call) -> Answer | None:
        """Makes a call that looks for something; None if it is not there."""
        try:
            return await self.make(call)
        except NotThereError:
            return None

    def _error_of(self, call: Call, answer: Answer, check: Callable[[Answer], str] | None) -> ArchiverError | None:
        if answer.status not in call.expected:
            code = call.codes.get(answer.status) or self._code_of(answer)
        elif check is None or not (code := check(answer)):
            return None
        reply = Reply(call=call.name, status=answer.status, code=code, retry_after=answer.headers.get("retry-after", ""))
        return error_of(reply, self._dialect, self._clock.wall())

    async def _send(self, call: Call, headers: Mapping[str, str]) -> Answer:
        body = call.flow or (Body(call.body) if call.body else None)
        try:
            async with Progress() as progress:
                if body is not None:
                    body.progress = progress
                async with self._http.request(
                    call.method, URL(call.url, encoded=True), data=body, headers=headers, timeout=_LIMITS, allow_redirects=False
                ) as response:
                    progress.receives(response.content)
                    content = await response.read() if response.status in call.expected else await beginning(response)
                    told = {name.lower(): value for name, value in response.headers.items()}
                    return Answer(status=response.status, headers=told, body=content)
        except NETWORK_ERRORS as error:
            # Its attributes hold the request's headers, and so the authorisation.
            raise network_error(error, self._dialect.provider, call.name, self._dialect.options) from None
