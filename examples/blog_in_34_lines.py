import asyncio

from genstage import Consumer, Pipeline, Producer

database = [f"call-{number}.wav" for number in range(5)]  # seldom has as much as is demanded
closed = asyncio.Event()


class Fetcher(Producer[str]):
    async def handle_demand(self, demand: int) -> list[str] | None:
        found = [database.pop(0) for _ in database[:demand]]
        print(f"{demand:2} demanded, {len(found)} found")
        return found or (None if closed.is_set() else [])  # what was not found stays owed; None ends the stream


class Uploader(Consumer[str]):
    async def handle_event(self, event: str) -> None:
        await asyncio.sleep(0.05)  # the upload; only when it has ended is more demanded
        print(f"   {event} is in Dropbox")


async def main() -> None:
    async with Pipeline() as pipeline:
        fetcher = pipeline.start(Fetcher())
        pipeline.start(Uploader(), subscribe_to=fetcher, workers=10, max_demand=20)
        for number in range(5, 100):  # meanwhile people go on calling each other
            await asyncio.sleep(0.002)
            database.append(f"call-{number}.wav")
            fetcher.wake()
        closed.set()


if __name__ == "__main__":
    asyncio.run(main())
