import json
from collections.abc import AsyncGenerator, Sequence
from typing import Any

from archiver.adapter import Option
from archiver.errors import ArchiverError
from archiver.http.replies import NETWORK_ERRORS, network_error
from archiver.model import Discovery, Item, Kind
from archiver.sources.port import ALONE, Context, Page
from archiver.sources.replies import read_each, refusal


class PbxSource:  # a phone system that lists its calls at /calls?after=NUMBER and has their sound at /audio/ID
    def __init__(self, options: dict[str, Any], context: Context) -> None:
        self.options, self.clock, self.closed = options, context.clock, False
        self.http: Any = context.http  # the process's one session

    async def discover(self, cursor: str) -> AsyncGenerator[Page, None]:
        while not self.closed:
            calls = json.loads(await self.fetch(f"/calls?after={cursor or 0}&most=500"))
            named = [{"external_id": call["id"], "locator": f"/audio/{call['id']}", "occurred_at": call["at"]} for call in calls]
            found = [Discovery(kind=Kind.RECORDING, media_type="audio/x-wav", **names) for names in named]
            cursor = str(calls[-1]["number"]) if calls else cursor
            yield Page(discoveries=found, cursor=cursor, complete=len(calls) < 500)  # both are stored, or neither
            await self.clock.sleep(2 if len(calls) < 500 else 0)

    async def read_many(self, items: Sequence[Item]) -> Sequence[bytes | ArchiverError]:
        return await read_each(self, items)

    async def stream(self, item: Item, offset: int = 0) -> AsyncGenerator[bytes, None]:
        while chunk := await self.fetch(item.locator, Range=f"bytes={offset}-{offset + 1024 * 1024 - 1}"):
            yield chunk
            offset += len(chunk)

    async def fetch(self, path: str, **headers: str) -> bytes:
        headers["Authorization"] = f"Bearer {self.options['token']}"
        try:
            async with self.http.get(self.options["url"] + path, headers=headers) as answer:
                if answer.status not in {200, 206, 416}:  # 416: nothing begins at the offset
                    raise refusal("the phone system", answer.status, answer.headers, self.clock.wall())
                return b"" if answer.status == 416 else bytes(await answer.read())
        except NETWORK_ERRORS as error:  # whose text may hold the token
            raise network_error(error, "the phone system", "a call", "the option url") from None

    async def close(self) -> None:
        self.closed = True


class PbxAdapter:
    name, summary = "pbx", "The recordings of our phone system."
    options = (Option(name="url", help="Its address.", main=True), Option(name="token", help="What it lets us in with.", secret=True))

    def open(self, options: dict[str, Any], context: Context = ALONE) -> PbxSource:
        return PbxSource(options, context)


ADAPTER = PbxAdapter()
