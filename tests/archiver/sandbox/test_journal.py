"""The journal: what lets a sandbox be killed and started again."""

from __future__ import annotations

from pathlib import Path

from archiver.sandbox.grants import Grant
from archiver.sandbox.journal import AccountLine, Journal
from archiver.sandbox.ledger import AccountRecord
from archiver.sandbox.limits import Limits


def account(name: str) -> AccountLine:
    """An account's line."""
    return AccountLine(name=name, account_id=f"dbid:{name}", limits=Limits(burst=7), quota_bytes=1)


def test_lines_are_read_as_they_were_written(tmp_path: Path) -> None:
    """In order, over several openings."""
    lines = [account("airline"), Grant(refresh_token="r", account="airline", access_tokens={"a": 1.0}), account("bakery")]
    for line in lines:
        journal = Journal(tmp_path)
        journal.open()
        journal.write([line])
        journal.close()
        journal.close()
    assert list(Journal(tmp_path).read()) == lines
    assert list(Journal(tmp_path / "elsewhere").read()) == []


def test_half_a_line_is_left_out_and_written_over(tmp_path: Path) -> None:
    """A kill in the middle of a write costs that write."""
    journal = Journal(tmp_path)
    journal.open()
    journal.write([account("airline")])
    journal.close()
    with (tmp_path / "journal.jsonl").open("ab") as file:
        file.write(b'{"type":"account","na')
    again = Journal(tmp_path)
    assert list(again.read()) == [account("airline")]
    again.open()
    again.write([account("bakery")])
    again.close()
    assert list(Journal(tmp_path).read()) == [account("airline"), account("bakery")]


def test_activity_is_written_now_and_then(tmp_path: Path) -> None:
    """Not at every call; at once when the sandbox ends."""
    journal = Journal(tmp_path)
    journal.write_activity([AccountRecord(name="airline", admitted=1)], now=100)
    journal.write_activity([AccountRecord(name="airline", admitted=2)], now=102)
    assert Journal(tmp_path).read_activity()[0].admitted == 1
    journal.write_activity([AccountRecord(name="airline", admitted=3)], now=103, at_once=True)
    assert Journal(tmp_path).read_activity()[0].admitted == 3
    assert Journal(tmp_path / "elsewhere").read_activity() == []
