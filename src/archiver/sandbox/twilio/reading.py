"""What may be asked, and its answers: lists in pages, the newest first; single rows; bytes."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, NamedTuple, TypeVar
from urllib.parse import urlencode

import msgspec

from archiver.sandbox.twilio.exchange import Exchange
from archiver.sandbox.twilio.records import Account, Message, Record
from archiver.sandbox.twilio.refusals import Reply, invalid, json_reply, not_found
from archiver.sandbox.twilio.shapes import account_row, call_row, media_row, message_row, recording_row

__all__ = ["ROUTES", "Asked", "Route", "ranged"]

_MOST_ROWS = 1000
_DEFAULT_ROWS = 50
_Record = TypeVar("_Record", bound=Record)


class Asked(msgspec.Struct, frozen=True, kw_only=True):
    """A question.

    Attributes:
        exchange: The accounts.
        account: Whose; None where it is about who there is.
        path: Its path.
        query: Its parameters.
        words: What the path names.
        range: Which bytes.
        media_url: Where the bytes of attachments are.
    """

    exchange: Exchange
    account: Account
    path: str
    query: Mapping[str, str]
    words: Mapping[str, str]
    range: str
    media_url: str

    def missing(self) -> Exception:
        """The refusal for what is not there."""
        return not_found(self.path)


def ranged(content: bytes, content_type: str, wanted: str) -> Reply:
    """Bytes, all or some."""
    found = re.fullmatch(r"bytes=(\d+)-(\d*)", wanted)
    if found is None:
        return Reply(body=content, content_type=content_type, headers={"Accept-Ranges": "bytes"})
    first, last = int(found[1]), min(int(found[2] or len(content)), len(content) - 1)
    if first >= len(content):
        return Reply(status=416, content_type=content_type, headers={"Content-Range": f"bytes */{len(content)}"})
    told = {"Content-Range": f"bytes {first}-{last}/{len(content)}"}
    return Reply(status=206, body=content[first : last + 1], content_type=content_type, headers=told)


def _listed(asked: Asked, name: str, field: str, rows: Sequence[_Record], shape: Callable[[Account, _Record], Mapping[str, Any]]) -> Reply:
    """One page: what stands behind the row that the page's token names."""
    size = _number(asked, "PageSize", _DEFAULT_ROWS)
    page, token = _number(asked, "Page", 0), asked.query.get("PageToken", "")
    begin, end = _span(asked, field)
    fit = sorted((row for row in rows if begin <= row.at < end), key=lambda row: (row.at, row.sid), reverse=True)
    asked.exchange.places.update({row.sid: (row.at, row.sid) for row in fit})
    if token:
        after = asked.exchange.places.get(token.removeprefix("PA"))
        if after is None:
            raise invalid("PageToken")
        fit = [row for row in fit if (row.at, row.sid) < after]
    shown, more = fit[:size], len(fit) > size
    cuts = {key: value for key, value in asked.query.items() if key not in {"Page", "PageToken", "PageSize"}} | {"PageSize": str(size)}
    return json_reply(
        {
            name: [shape(asked.account, row) for row in shown],
            "first_page_uri": _uri(asked, cuts, Page="0"),
            "next_page_uri": _uri(asked, cuts, Page=str(page + 1), PageToken=f"PA{shown[-1].sid}") if more else None,
            "previous_page_uri": _uri(asked, cuts, Page=str(page - 1), PageToken=f"PB{shown[0].sid}") if page and shown else None,
            "uri": _uri(asked, cuts, Page=str(page)),
            "page": page,
            "page_size": size,
            "start": page * size,
            "end": max(page * size + len(shown) - 1, 0),
        }
    )


def _number(asked: Asked, name: str, default: int) -> int:
    text = asked.query.get(name, str(default))
    if not text.isdecimal() or (name == "PageSize" and not 1 <= int(text) <= _MOST_ROWS):
        raise invalid(name)
    return int(text)


def _uri(asked: Asked, cuts: Mapping[str, str], **more: str) -> str:
    return f"{asked.path}?{urlencode({**cuts, **more})}"


def _span(asked: Asked, field: str) -> tuple[float, float]:
    """From when to when: a day, from a day on, up to a day; or moments."""
    begin, end = float("-inf"), float("inf")
    for name, sign in ((field, "="), (f"{field}>", ">"), (f"{field}<", "<")):
        text = asked.query.get(name, "") if field else ""
        if not text:
            continue
        try:
            moment = datetime.fromisoformat(text).replace(tzinfo=UTC)
        except ValueError:
            raise invalid(name) from None
        whole = timedelta(days=1) if len(text) == 10 else timedelta(seconds=1)
        if sign in "=>":
            begin = moment.timestamp()
        if sign in "=<":
            end = (moment + whole).timestamp()
    return begin, end


def _seen(asked: Asked, rows: Mapping[str, _Record]) -> list[_Record]:
    now = asked.exchange.now()
    return [row for row in rows.values() if getattr(row, "visible_at", 0.0) <= now]


def _accounts(asked: Asked) -> Reply:
    class _Placed(NamedTuple):
        at: float
        sid: str
        account: Account

    rows: list[Any] = [_Placed(-number, sid, account) for number, (sid, account) in enumerate(asked.exchange.accounts.items())]
    return _listed(asked, "accounts", "", rows, lambda of, row: account_row(row.account, of))


def _account(asked: Asked) -> Reply:
    return json_reply(account_row(asked.account, asked.account))


def _calls(asked: Asked) -> Reply:
    return _listed(asked, "calls", "StartTime", _seen(asked, asked.account.calls), call_row)


def _call(asked: Asked) -> Reply:
    call = asked.account.calls.get(asked.words["call"])
    if call is None:
        raise asked.missing()
    return json_reply(call_row(asked.account, call))


def _recordings(asked: Asked) -> Reply:
    rows = _seen(asked, asked.account.recordings)
    wanted = asked.query.get("CallSid")
    return _listed(asked, "recordings", "DateCreated", [row for row in rows if wanted in {None, row.call_sid}], recording_row)


def _recording(asked: Asked) -> Reply:
    recording = asked.account.recordings.get(asked.words["recording"])
    if recording is None:
        raise asked.missing()
    form = asked.words.get("form") or "wav"
    if form == "json":
        return json_reply(recording_row(asked.account, recording))
    channels = _number(asked, "RequestedChannels", 1)
    sound = recording.sounds.get((form, channels))
    if recording.status != "completed" or recording.readable_at > asked.exchange.now():
        raise asked.missing()
    if sound is None or (recording.encrypted and form != "wav"):
        raise invalid("RequestedChannels")
    return ranged(sound, "audio/mpeg" if form == "mp3" else "audio/x-wav", asked.range)


def _messages(asked: Asked) -> Reply:
    return _listed(asked, "messages", "DateSent", _seen(asked, asked.account.messages), message_row)


def _message_of(asked: Asked) -> Message:
    message = asked.account.messages.get(asked.words["message"])
    if message is None:
        raise asked.missing()
    return message


def _message(asked: Asked) -> Reply:
    return json_reply(message_row(asked.account, _message_of(asked)))


def _media_list(asked: Asked) -> Reply:
    message = _message_of(asked)
    return _listed(asked, "media_list", "DateCreated", message.media, lambda account, media: media_row(account, message, media))


def _media(asked: Asked) -> Reply:
    """A row; or, without an extension, where its bytes are: on another host, which wants no key."""
    message = _message_of(asked)
    media = next((media for media in message.media if media.sid == asked.words["media"]), None)
    if media is None:
        raise asked.missing()
    if asked.words.get("form") == "json":
        return json_reply(media_row(asked.account, message, media))
    return Reply(status=307, headers={"Location": f"{asked.media_url}/{asked.account.sid}/{message.sid}/{media.sid}?Expires=1"})


Route = tuple[str, re.Pattern[str], Callable[[Asked], Reply]]
_ACCOUNT = r"/2010-04-01/Accounts/(?P<account>AC[0-9a-f]{32})"


def _route(name: str, pattern: str, answer: Callable[[Asked], Reply]) -> Route:
    return name, re.compile(pattern), answer


ROUTES: tuple[Route, ...] = (
    _route("accounts", r"/2010-04-01/Accounts\.json", _accounts),
    _route("account", rf"{_ACCOUNT}\.json", _account),
    _route("calls", rf"{_ACCOUNT}/Calls\.json", _calls),
    _route("call", rf"{_ACCOUNT}/Calls/(?P<call>[^/]+)\.json", _call),
    _route("recordings", rf"{_ACCOUNT}/Recordings\.json", _recordings),
    _route("recording", rf"{_ACCOUNT}/Recordings/(?P<recording>[^/.]+)\.(?P<form>json)", _recording),
    _route("recording/content", rf"{_ACCOUNT}/Recordings/(?P<recording>[^/.]+)(?:\.(?P<form>wav|mp3))?", _recording),
    _route("messages", rf"{_ACCOUNT}/Messages\.json", _messages),
    _route("media-list", rf"{_ACCOUNT}/Messages/(?P<message>[^/.]+)/Media\.json", _media_list),
    _route("media", rf"{_ACCOUNT}/Messages/(?P<message>[^/.]+)/Media/(?P<media>[^/.]+)(?:\.(?P<form>json))?", _media),
    _route("message", rf"{_ACCOUNT}/Messages/(?P<message>[^/.]+)\.json", _message),
)
