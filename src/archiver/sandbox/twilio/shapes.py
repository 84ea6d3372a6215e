"""Rows as Twilio's API of 2010-04-01 has them; its published description names the fields."""

from __future__ import annotations

import email.utils
from collections.abc import Mapping
from typing import Any

from archiver.sandbox.twilio.records import Account, Call, Media, Message, Recording

__all__ = ["account_row", "call_row", "date", "media_row", "message_row", "recording_row"]

VERSION = "/2010-04-01"


def date(at: float | None) -> str | None:
    """A time as Twilio writes it: RFC 2822, whole seconds."""
    return None if at is None else email.utils.formatdate(int(at)).replace("-0000", "+0000")


def account_row(account: Account, _of: Account) -> Mapping[str, Any]:
    """An account; its auth token is not told."""
    place = f"{VERSION}/Accounts/{account.sid}"
    return {
        "auth_token": "[Redacted]",
        "date_created": date(account.created),
        "date_updated": date(account.created),
        "friendly_name": account.name,
        "owner_account_sid": account.owner,
        "sid": account.sid,
        "status": account.status,
        "type": "Full",
        "subresource_uris": {name.lower(): f"{place}/{name}.json" for name in ("Calls", "Messages", "Recordings")},
        "uri": f"{place}.json",
    }


def call_row(account: Account, call: Call) -> Mapping[str, Any]:
    """A call."""
    place = f"{VERSION}/Accounts/{account.sid}/Calls/{call.sid}"
    ended = None if call.start is None or call.status == "in-progress" else call.start + call.seconds
    return {
        "account_sid": account.sid,
        "answered_by": None,
        "api_version": "2010-04-01",
        "caller_name": None,
        "date_created": date(call.created),
        "date_updated": date(ended or call.created),
        "direction": call.direction,
        "duration": None if ended is None else str(call.seconds),
        "end_time": date(ended),
        "forwarded_from": None,
        "from": call.sender,
        "from_formatted": call.sender,
        "group_sid": None,
        "parent_call_sid": None,
        "phone_number_sid": None,
        "price": None,
        "price_unit": "USD",
        "queue_time": "0",
        "sid": call.sid,
        "start_time": date(call.start),
        "status": call.status,
        "subresource_uris": {"recordings": f"{place}/Recordings.json"},
        "to": call.recipient,
        "to_formatted": call.recipient,
        "trunk_sid": None,
        "uri": f"{place}.json",
    }


def recording_row(account: Account, recording: Recording) -> Mapping[str, Any]:
    """A recording."""
    place = f"{VERSION}/Accounts/{account.sid}/Recordings/{recording.sid}"
    ready = recording.status == "completed"
    key = {"encryption_public_key_sid": "CR" + "0" * 32, "encryption_cek": "b3BhcXVl", "encryption_iv": "8I2hhNIYNTrwxfHk"}
    return {
        "account_sid": account.sid,
        "api_version": "2010-04-01",
        "call_sid": recording.call_sid or None,
        "channels": recording.channels,
        "conference_sid": None,
        "date_created": date(recording.created),
        "date_updated": date(recording.created),
        "duration": "7" if ready else "-1",
        "encryption_details": key if recording.encrypted else None,
        "error_code": 16101 if recording.status == "absent" else None,
        "media_url": f"https://api.twilio.com{place}",
        "price": None,
        "price_unit": "USD",
        "sid": recording.sid,
        "source": recording.source,
        "start_time": date(recording.created),
        "status": recording.status,
        "subresource_uris": {"transcriptions": f"{place}/Transcriptions.json"},
        "uri": f"{place}.json",
    }


def message_row(account: Account, message: Message) -> Mapping[str, Any]:
    """A message."""
    place = f"{VERSION}/Accounts/{account.sid}/Messages/{message.sid}"
    return {
        "account_sid": account.sid,
        "api_version": "2010-04-01",
        "body": message.body,
        "date_created": date(message.created),
        "date_sent": date(message.sent),
        "date_updated": date(message.sent or message.created),
        "direction": message.direction,
        "error_code": message.error_code,
        "error_message": None,
        "from": message.sender,
        "messaging_service_sid": None,
        "num_media": str(len(message.media)),
        "num_segments": "1",
        "price": message.price,
        "price_unit": "USD",
        "sid": message.sid,
        "status": message.status,
        "subresource_uris": {"media": f"{place}/Media.json"},
        "to": message.recipient,
        "uri": f"{place}.json",
    }


def media_row(account: Account, message: Message, media: Media) -> Mapping[str, Any]:
    """What came with a message."""
    return {
        "account_sid": account.sid,
        "content_type": media.content_type,
        "date_created": date(media.created),
        "date_updated": date(media.created),
        "parent_sid": message.sid,
        "sid": media.sid,
        "uri": f"{VERSION}/Accounts/{account.sid}/Messages/{message.sid}/Media/{media.sid}.json",
    }
