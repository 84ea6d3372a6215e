"""The calls that recordings belong to: the rows of recordings do not say who spoke.

A few are asked for one by one; for a page of old recordings the calls of its time are listed, a thousand at a time.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Sequence
from urllib.parse import quote

from archiver.errors import SourceGoneError
from archiver.model import Millis
from archiver.sources.twilio.api import VERSION, Api, Row, rows_of
from archiver.sources.twilio.records import iso, millis_of

__all__ = ["CallBook"]

_MOST = 20_000  # kept in memory, those that were used last
_FEW = 20  # asked for one by one
_MOST_PAGES = 20  # of a list, after which the rest is asked for one by one
_BEFORE = 3_600_000  # a call begins so long before its recording, if not longer
_AFTER = 60_000
_NOBODY: Row = {}


class CallBook:
    """Who spoke in which call.

    Args:
        api: Makes the calls.
    """

    def __init__(self, api: Api) -> None:
        self._api = api
        self._known: OrderedDict[str, Row] = OrderedDict()

    def learn(self, rows: Sequence[Row]) -> None:
        """Remembers calls."""
        for row in rows:
            sid = str(row.get("sid") or "")
            self._known[sid] = {name: row.get(name) for name in ("from", "to", "direction", "caller_name", "duration")}
            self._known.move_to_end(sid)
        while len(self._known) > _MOST:
            self._known.popitem(last=False)

    async def look_up(self, account: str, recordings: Sequence[Row]) -> dict[str, Row]:
        """The calls of these recordings, by their SIDs. One that was deleted leaves its recording without names."""
        wanted = {str(row["call_sid"]): millis_of(row.get("date_created")) for row in recordings if row.get("call_sid")}
        found: dict[str, Row] = {}
        missing = self._take(wanted, found)
        if len(missing) > _FEW:
            await self._list(account, min(missing.values()) - _BEFORE, max(missing.values()) + _AFTER)
            missing = self._take(missing, found)
        for sid in missing:
            try:
                row = await self._api.ask(f"{VERSION}/Accounts/{account}/Calls/{quote(sid, safe='', errors='replace')}.json")
            except SourceGoneError:
                row = _NOBODY
            self.learn([{**row, "sid": sid}])
            found[sid] = self._known[sid]
        return found

    def _take(self, wanted: dict[str, Millis], found: dict[str, Row]) -> dict[str, Millis]:
        """Fills in what is known; what is not."""
        for sid in wanted:
            if sid in self._known:
                self._known.move_to_end(sid)
                found[sid] = self._known[sid]
        return {sid: at for sid, at in wanted.items() if sid not in found}

    async def _list(self, account: str, begin: Millis, end: Millis) -> None:
        address = f"{VERSION}/Accounts/{account}/Calls.json"
        query = {"PageSize": "1000", "StartTime>": iso(begin), "StartTime<": iso(end)}
        for _ in range(_MOST_PAGES):
            answer = await self._api.ask(address, query)
            self.learn(rows_of(answer, "calls"))
            address, query = str(answer.get("next_page_uri") or ""), {}
            if not address:
                return
