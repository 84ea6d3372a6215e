"""The routes: what each answers, from an office's records."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any
from urllib.parse import urlencode

import msgspec
from multidict import MultiMapping

from archiver.sandbox.ringcentral.office import ACCOUNT_ID, Office
from archiver.sandbox.ringcentral.records import Call, Extension, Message
from archiver.sandbox.ringcentral.refusals import Answer, forbidden, invalid, not_found
from archiver.sandbox.ringcentral.shapes import call_record, extension_record, message_record, recording_record, timestamp
from archiver.sandbox.ringcentral.sync import MOST_ROWS, changed_since, make_token, newest, read_token

__all__ = ["ROUTES", "Asked", "Route"]

DAY = 86_400.0
MOST_PER_PAGE = 1000


class Asked(msgspec.Struct, frozen=True, kw_only=True):
    """One request that may be answered.

    Attributes:
        office: The account's records.
        user: Who asks: an extension's id.
        root: Of every link: scheme, host and port.
        path: Without the query.
        query: Its parameters.
        words: What the route's pattern found in the path.
        range: The header; empty without one.
    """

    office: Office
    user: int
    root: str
    path: str
    query: MultiMapping[str]
    words: Mapping[str, str]
    range: str = ""

    @property
    def base(self) -> str:
        """What every link of the account begins with."""
        return f"{self.root}/restapi/v1.0/account/{ACCOUNT_ID}"

    def number(self, name: str, default: int, most: int) -> int:
        """A positive number of the query, at most ``most``."""
        try:
            value = int(self.query.get(name, default))
        except ValueError:
            raise invalid(name) from None
        if value < 1:
            raise invalid(name)
        return min(value, most)

    def moment(self, name: str, default: float) -> float:
        """A time of the query."""
        try:
            return datetime.fromisoformat(self.query[name]).timestamp() if name in self.query else default
        except ValueError:
            raise invalid(name) from None

    def several(self, name: str) -> set[str]:
        """The values of a parameter that may stand there several times, also with commas between."""
        return {value for text in self.query.getall(name, []) for value in text.split(",") if value}

    def span(self) -> tuple[float, float]:
        """From when to when; a day up to now by default."""
        end = self.moment("dateTo", self.office.now())
        return self.moment("dateFrom", end - DAY), end

    def extension(self) -> Extension:
        """The extension that the path names; ``~`` is the user's own."""
        word = self.words["extension"]
        extension = self.office.extensions.get(self.user if word == "~" else int(word) if word.isdecimal() else -1)
        if extension is None:
            raise not_found("extensionId")
        return extension


Route = tuple[str, str, re.Pattern[str], Callable[[Asked], Answer]]
"""A name for faults and the ledger, the group of its limit, the path, and what answers it."""


def _account(asked: Asked) -> Answer:
    return _json({"uri": asked.base, "id": ACCOUNT_ID, "mainNumber": "+18005550100", "status": "Confirmed"})


def _extensions(asked: Asked) -> Answer:
    statuses, types = asked.several("status"), asked.several("type")
    chosen = [
        extension
        for extension in asked.office.extensions.values()
        if (not statuses or extension.status in statuses) and (not types or extension.type in types)
    ]
    return _listed(asked, [extension_record(extension, asked.base) for extension in chosen], total=True)


def _call_log(asked: Asked) -> Answer:
    view = asked.query.get("view", "Simple")
    if view not in {"Simple", "Detailed"}:
        raise invalid("view")
    begin, end = asked.span()
    recorded, types, directions = asked.query.get("recordingType", ""), asked.several("type"), asked.several("direction")
    rows = [
        call
        for call in asked.office.visible_calls()
        if begin <= call.start <= end
        and not call.deleted
        and (not types or call.type in types)
        and (not directions or call.direction in directions)
        and (not recorded or any(recorded in {"All", recording.type} for recording in call.recordings))
    ]
    rows.sort(key=lambda call: call.start, reverse=True)
    return _listed(asked, rows, shape=lambda call: call_record(call, asked.base, detailed=view == "Detailed"))


def _call_log_sync(asked: Asked) -> Answer:
    office, now, view = asked.office, asked.office.now(), asked.query.get("view", "Simple")
    if asked.query.get("syncType", "FSync") == "FSync":
        if "recordCount" not in asked.query:
            raise invalid("recordCount", "CLG-104")
        begin = asked.moment("dateFrom", 0.0)
        rows = sorted(_alive_calls(office, begin), key=lambda call: call.start, reverse=True)
        rows, _ = newest(rows, asked.number("recordCount", MOST_ROWS, MOST_ROWS))
        kind = "FSync"
    else:
        since = read_token(asked.query.get("syncToken", ""), f"call-log/{view}", now, "CLG-102")
        rows = [
            call for call in changed_since(office.visible_calls(), since) if not call.deleted or asked.query.get("showDeleted") == "true"
        ]
        if len(rows) > MOST_ROWS:
            raise invalid("syncToken", "CLG-101")  # more changed than one answer can tell
        kind = "ISync"
    return _synced(
        asked,
        [call_record(call, asked.base, detailed=view == "Detailed") for call in rows],
        {"syncType": kind, "syncToken": make_token(f"call-log/{view}", now), "syncTime": timestamp(now)},
    )


def _alive_calls(office: Office, begin: float) -> Iterable[Call]:
    return (call for call in office.visible_calls() if call.start >= begin and not call.deleted)


def _recording(asked: Asked) -> Answer:
    call, recording = _found_recording(asked)
    return _json(recording_record(recording, asked.base, call.duration))


def _recording_content(asked: Asked) -> Answer:
    _, recording = _found_recording(asked)
    if recording.ready_at > asked.office.now():
        raise not_found("recordingId")
    return _bytes(asked, recording.content, recording.content_type)


def _found_recording(asked: Asked) -> Any:
    found = asked.office.recordings.get(asked.words["recording"])
    if found is None or found[1].purged:
        raise not_found("recordingId")
    return found


def _message_store(asked: Asked) -> Answer:
    extension = _readable(asked)
    begin, end = asked.span()
    kinds, available = asked.several("messageType"), asked.several("availability") or {"Alive"}
    rows = [
        message
        for message in asked.office.visible_messages(extension.id)
        if begin <= message.created_at <= end and message.availability in available and (not kinds or message.type in kinds)
    ]
    rows.sort(key=lambda message: message.created_at, reverse=True)
    return _listed(asked, rows, shape=lambda message: message_record(message, asked.base, asked.office.now()))


def _message_sync(asked: Asked) -> Answer:
    extension, now = _readable(asked), asked.office.now()
    stream, kinds = f"message-store/{extension.id}", asked.several("messageType")
    rows: Sequence[Message] = [message for message in asked.office.visible_messages(extension.id) if not kinds or message.type in kinds]
    info: dict[str, Any] = {"syncToken": make_token(stream, now), "syncTime": timestamp(now)}
    if asked.query.get("syncType", "FSync") == "FSync":
        begin, end = asked.span()
        alive = [message for message in rows if begin <= message.created_at <= end and message.availability == "Alive"]
        alive.sort(key=lambda message: message.created_at, reverse=True)
        rows, older = newest(alive, asked.number("recordCount", MOST_ROWS, MOST_ROWS))
        info |= {"syncType": "FSync", "olderRecordsExist": older}
    else:
        since = read_token(asked.query.get("syncToken", ""), stream, now, "CMN-101")
        rows = changed_since(rows, since)
        info["syncType"] = "ISync"
    return _synced(asked, [message_record(message, asked.base, now) for message in rows], info)


def _message_content(asked: Asked) -> Answer:
    extension = _readable(asked)
    message = asked.office.messages.get(int(asked.words["message"]))
    if message is None or message.extension_id != extension.id or message.availability == "Purged":
        raise not_found("messageId")
    for attachment in message.attachments:
        if attachment.id == int(asked.words["attachment"]) and attachment.ready_at <= asked.office.now():
            return _bytes(asked, attachment.content, attachment.content_type)
    raise not_found("attachmentId")


def _readable(asked: Asked) -> Extension:
    extension = asked.extension()
    if extension.forbidden:
        raise forbidden("ReadMessages")
    return extension


# -- forms of answers -------------------------------------------------------------------------------------------------------------------


def _listed(asked: Asked, rows: Sequence[Any], *, shape: Callable[[Any], Any] | None = None, total: bool = False) -> Answer:
    """A page of a list. The number of pages is told only where counting is cheap; ``nextPage`` says whether there is more."""
    page, per_page = asked.number("page", 1, 1 << 30), asked.number("perPage", 100, MOST_PER_PAGE)
    chosen = rows[(page - 1) * per_page : page * per_page]
    paging: dict[str, Any] = {"page": page, "perPage": per_page}
    if chosen:
        paging |= {"pageStart": (page - 1) * per_page, "pageEnd": (page - 1) * per_page + len(chosen) - 1}
    if total:
        paging |= {"totalPages": -(-len(rows) // per_page), "totalElements": len(rows)}
    navigation = {"firstPage": {"uri": _page(asked, 1)}}
    if page * per_page < len(rows):
        navigation["nextPage"] = {"uri": _page(asked, page + 1)}
    if page > 1:
        navigation["previousPage"] = {"uri": _page(asked, page - 1)}
    records = chosen if shape is None else [shape(row) for row in chosen]
    return _json({"uri": _page(asked, page), "records": records, "paging": paging, "navigation": navigation})


def _page(asked: Asked, page: int) -> str:
    query = [(name, value) for name, value in asked.query.items() if name != "page"]
    return f"{asked.root}{asked.path}?{urlencode([*query, ('page', str(page))])}"


def _synced(asked: Asked, records: list[Any], info: Mapping[str, Any]) -> Answer:
    return _json({"uri": f"{asked.root}{asked.path}", "records": records, "syncInfo": info})


def _bytes(asked: Asked, content: bytes, content_type: str) -> Answer:
    found = re.fullmatch(r"bytes=(\d+)-(\d*)", asked.range)
    if found is None:
        return Answer(body=content, content_type=content_type, headers={"Accept-Ranges": "bytes"})
    start, stop = int(found[1]), int(found[2]) + 1 if found[2] else len(content)
    if start >= len(content):
        return Answer(status=416, content_type="text/plain", headers={"Content-Range": f"bytes */{len(content)}"})
    part = content[start:stop]
    headers = {"Content-Range": f"bytes {start}-{start + len(part) - 1}/{len(content)}"}
    return Answer(status=206, body=part, content_type=content_type, headers=headers)


def _json(value: Any) -> Answer:
    return Answer(body=msgspec.json.encode(value))


_ACCOUNT = r"/restapi/v1\.0/account/[^/]+"
_EXTENSION = rf"{_ACCOUNT}/extension/(?P<extension>[^/]+)"
_STORE = rf"{_EXTENSION}/message-store"


def _route(name: str, group: str, pattern: str, answer: Callable[[Asked], Answer]) -> Route:
    return name, group, re.compile(pattern), answer


ROUTES: tuple[Route, ...] = (
    _route("account", "Light", _ACCOUNT, _account),
    _route("extension", "Medium", rf"{_ACCOUNT}/extension", _extensions),
    _route("call-log", "Heavy", rf"{_ACCOUNT}/call-log", _call_log),
    _route("call-log-sync", "Heavy", rf"{_ACCOUNT}/call-log-sync", _call_log_sync),
    _route("recording", "Heavy", rf"{_ACCOUNT}/recording/(?P<recording>\d+)", _recording),
    _route("recording/content", "Heavy", rf"{_ACCOUNT}/recording/(?P<recording>\d+)/content", _recording_content),
    _route("message-store", "Light", _STORE, _message_store),
    _route("message-sync", "Light", rf"{_EXTENSION}/message-sync", _message_sync),
    _route("message-content", "Medium", rf"{_STORE}/(?P<message>\d+)/content/(?P<attachment>\d+)", _message_content),
)
