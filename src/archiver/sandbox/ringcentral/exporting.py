"""The export of all message stores: a task that is asked for, takes its time, and ends in zip files.

As RingCentral's guide has it: the first file holds what each store lists, by account and extension; those after it hold the attachments, a
gigabyte each. A task sees what was there when it was asked for.
"""

from __future__ import annotations

import io
import re
import zipfile
from datetime import datetime
from typing import Any

import msgspec

from archiver.sandbox.ringcentral.office import ACCOUNT_ID, Office
from archiver.sandbox.ringcentral.records import Message
from archiver.sandbox.ringcentral.refusals import Answer, forbidden, invalid, not_found
from archiver.sandbox.ringcentral.shapes import message_record, timestamp

__all__ = ["Exports", "Task"]

MOST_TASKS = 2
DAY = 86_400.0
_PATH = re.compile(r"/restapi/v1\.0/account/[^/]+/message-store-report(?:/(?P<task>[^/]+)(?P<archive>/archive(?:/(?P<part>\d+))?)?)?")


class Task(msgspec.Struct, kw_only=True):
    """One export.

    Attributes:
        id: Its name.
        begun_at: When it was asked for.
        begin, end: Of the messages' times.
        types: Of the messages; empty for all.
        ready_at: When it has ended.
        status: How it ends.
        files: The zip files, when it has ended well.
    """

    id: str
    begun_at: float
    begin: float
    end: float
    types: list[str]
    ready_at: float
    status: str = "Completed"
    files: list[bytes] = []


class _Asking(msgspec.Struct, rename="camel", kw_only=True):
    """What is asked for."""

    date_from: str = ""
    date_to: str = ""
    message_types: list[str] = []


class Exports:
    """The tasks of an account.

    Args:
        office: Its records.

    Attributes:
        seconds: How long a task takes.
        allowed: Whether the user may ask for one.
        status: How the next task ends.
        file_bytes: More attachments than that go into another file.
        tasks: All that were asked for.
    """

    def __init__(self, office: Office) -> None:
        self._office = office
        self.seconds = 13.0
        self.allowed = True
        self.status = "Completed"
        self.file_bytes = 1 << 30
        self.tasks: dict[str, Task] = {}

    @staticmethod
    def owns(path: str) -> bool:
        """Whether a path is one of an export's."""
        return _PATH.fullmatch(path) is not None

    def answer(self, method: str, path: str, body: bytes, root: str) -> Answer:
        """Answers a request."""
        words = _PATH.fullmatch(path)
        if words is None or (method == "POST") != (words["task"] is None):
            raise not_found("uri")
        if not self.allowed:
            raise forbidden("Users")
        base = f"{root}/restapi/v1.0/account/{ACCOUNT_ID}"
        if words["task"] is None:
            return Answer(status=202, body=msgspec.json.encode(self._record(self._begin(body, base), base)))
        task = self.tasks.get(words["task"])
        if task is None:
            raise not_found("taskId")
        if not words["archive"]:
            return Answer(body=msgspec.json.encode(self._record(task, base)))
        if self._status(task) != "Completed":
            raise not_found("taskId")
        if words["part"] is None:
            place = f"{base}/message-store-report/{task.id}/archive"
            records = [{"size": len(file), "uri": f"{place}/{number}"} for number, file in enumerate(task.files)]
            return Answer(body=msgspec.json.encode({"records": records}))
        if int(words["part"]) >= len(task.files):
            raise not_found("archiveId")
        return Answer(body=task.files[int(words["part"])], content_type="application/zip")

    def _begin(self, body: bytes, base: str) -> Task:
        try:
            asked = msgspec.json.decode(body or b"{}", type=_Asking)
        except msgspec.MsgspecError:
            raise invalid("body") from None
        now = self._office.now()
        if sum(task.ready_at > now for task in self.tasks.values()) >= MOST_TASKS:
            raise invalid("taskId")
        task = Task(
            id=f"{ACCOUNT_ID}-{ACCOUNT_ID}-{len(self.tasks) + 1:032x}",
            begun_at=now,
            begin=_moment(asked.date_from, now - DAY),
            end=_moment(asked.date_to, now),
            types=asked.message_types,
            ready_at=now + self.seconds,
            status=self.status,
        )
        task.files = self._files(task, base)
        self.tasks[task.id] = task
        return task

    def _status(self, task: Task) -> str:
        now = self._office.now()
        if now >= task.ready_at:
            return task.status
        return "Accepted" if now - task.begun_at < self.seconds / 3 else "InProgress"

    def _record(self, task: Task, base: str) -> dict[str, Any]:
        record = {
            "uri": f"{base}/message-store-report/{task.id}",
            "id": task.id,
            "status": self._status(task),
            "startTime": timestamp(task.begun_at),
            "accountId": str(ACCOUNT_ID),
            "dateFrom": timestamp(task.begin),
            "dateTo": timestamp(task.end),
        }
        return record | ({"finishTime": timestamp(task.ready_at)} if self._office.now() >= task.ready_at else {})

    def _files(self, task: Task, base: str) -> list[bytes]:
        lists: list[tuple[str, bytes]] = []
        contents: list[tuple[str, bytes]] = []
        for extension in self._office.extensions.values():
            place = f"account/{ACCOUNT_ID}/extension/{extension.id}"
            messages = [message for message in self._office.visible_messages(extension.id) if self._wanted(task, message)]
            records = [message_record(message, base, task.begun_at) for message in messages]
            lists.append((f"{place}/message-store.json", msgspec.json.encode({"records": records})))
            contents += [
                (f"{place}/message-store/content/{message.id}/{attachment.id}", attachment.content)
                for message in messages
                for attachment in message.attachments
            ]
        return [_zipped(lists), *self._cut(contents)]

    def _wanted(self, task: Task, message: Message) -> bool:
        here = task.begin <= message.created_at <= task.end and message.availability == "Alive"
        return here and (not task.types or message.type in task.types)

    def _cut(self, contents: list[tuple[str, bytes]]) -> list[bytes]:
        files: list[list[tuple[str, bytes]]] = [[]]
        size = 0
        for name, content in contents:
            if files[-1] and size + len(content) > self.file_bytes:
                files.append([])
                size = 0
            files[-1].append((name, content))
            size += len(content)
        return [_zipped(file) for file in files if file]


def _moment(text: str, default: float) -> float:
    try:
        return datetime.fromisoformat(text).timestamp() if text else default
    except ValueError:
        raise invalid("dateFrom") from None


def _zipped(entries: list[tuple[str, bytes]]) -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in entries:
            archive.writestr(name, content)
    return file.getvalue()
