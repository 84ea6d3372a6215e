"""What is asked of objects: metadata, lists, bytes, removal."""

from __future__ import annotations

from collections.abc import Mapping

from aiohttp import web

from archiver.sandbox.content import ContentStore
from archiver.sandbox.gcs.bucket import Bucket, Conditions
from archiver.sandbox.google.refusals import Reply, json_reply, refusal

__all__ = ["conditions_of", "list_objects", "of_object"]

_MOST = 1000


def conditions_of(query: Mapping[str, str]) -> Conditions:
    """The preconditions of a call.

    Raises:
        Refusal: They cannot be read.
    """
    wanted = query.get("ifGenerationMatch")
    if wanted is not None and not wanted.isdecimal():
        raise refusal(400, "invalid", "Invalid value for ifGenerationMatch.")
    return Conditions(None if wanted is None else int(wanted))


def list_objects(bucket: Bucket, query: Mapping[str, str]) -> Reply:
    """A page of names in order, with prefixes where a delimiter is given."""
    prefix, delimiter, after = query.get("prefix", ""), query.get("delimiter", ""), query.get("pageToken", "")
    most = int(query.get("maxResults", _MOST))
    items, prefixes = [], []
    for name in sorted(name for name in bucket.objects if name.startswith(prefix) and name > after):
        rest = name[len(prefix) :]
        if delimiter and delimiter in rest:
            common = prefix + rest.partition(delimiter)[0] + delimiter
            if common not in prefixes:
                prefixes.append(common)
        else:
            items.append(bucket.objects[name])
        if len(items) + len(prefixes) > most:
            break
    page = {"kind": "storage#objects", "items": [found.shown() for found in items[:most]], "prefixes": prefixes}
    if len(items) > most:
        page["nextPageToken"] = items[most - 1].said.name
    return json_reply(page)


def of_object(request: web.BaseRequest, bucket: Bucket, name: str, contents: ContentStore, now: float) -> Reply:
    """One object: shown, read or removed.

    Raises:
        Refusal: It is not there, is kept, or is another one.
    """
    method, query = request.method, request.query
    found = bucket.find(name, query.get("generation", ""))
    conditions_of(query).check(found)
    if method == "DELETE":
        bucket.remove(found, now)
        return Reply(status=204)
    if method not in {"GET", "HEAD"}:
        raise refusal(405, "methodNotAllowed", "Method Not Allowed")
    if query.get("alt") == "media":
        return Reply(body=b"".join(contents.chunks(found.sha256)), content_type=found.said.content_type or "application/octet-stream")
    return json_reply(found.shown())
