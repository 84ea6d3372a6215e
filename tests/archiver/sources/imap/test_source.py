"""What only a mailbox does, at real servers."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from contextlib import aclosing

import pytest

from archiver.adapter import check_options
from archiver.errors import ConfigError, MisconfiguredError, ReconnectNeededError, SourceGoneError, SourceNotReadyError, UnavailableError
from archiver.model import Discovery, Kind
from archiver.sources.conformance import find, find_until, item_of
from archiver.sources.imap import ADAPTER
from archiver.sources.port import Source, Told
from genstage.clock import SystemClock
from support.faultproxy import Toxic
from support.mail_servers import PASSWORD, USER, mail_of
from support.mailboxes import Bench

WAV = b"RIFF" + bytes(range(256)) * 40
PDF = b"%PDF-1.7\n" + b"x" * 5000


class Later(SystemClock):
    """The machine's clock, put forward."""

    later = 0.0

    def time(self) -> float:
        """Seconds on the clock."""
        return super().time() + self.later


@pytest.fixture
def clock() -> Later:
    """A clock that can be put forward."""
    return Later()


async def found_of(source: Source, cursor: str = "") -> dict[tuple[str, str], Discovery]:
    """What one pass finds, by id and part without the mark."""
    return {(each.external_id, each.part.partition("-")[0]): each for page in await find(source, cursor) for each in page.discoveries}


async def read(source: Source, discovery: Discovery) -> bytes:
    """The bytes of a discovery."""
    (data,) = await source.read_many([item_of(discovery)])
    assert isinstance(data, bytes), data
    return data


async def test_attachments_are_items_of_their_mail(bench: Bench) -> None:
    """A mail with two attachments is two items of one id, each with its kind, its bytes, and what the mail tells."""
    mail = mail_of("two@x", ("audio/x-wav", "call.wav", WAV), ("application/pdf", "fäx.pdf", PDF))
    bench.server.append(bench.folder, mail, mail_of("none@x", subject="Hello"))
    source = bench.source()
    found = await found_of(source)
    assert set(found) == {("two@x", "2"), ("two@x", "3")}
    audio, fax = found["two@x", "2"], found["two@x", "3"]
    assert [(each.kind, each.media_type) for each in (audio, fax)] == [(Kind.VOICEMAIL, "audio/x-wav"), (Kind.FAX, "application/pdf")]
    assert (fax.occurred_at, fax.sender, fax.recipient, fax.owner, fax.direction) == (1_795_512_600_000, "6505550100", "", USER, "inbound")
    assert fax.metadata["file_name"] == "fäx.pdf"
    assert (await read(source, audio), await read(source, fax)) == (WAV, PDF)


async def test_nothing_is_marked_as_read(bench: Bench) -> None:
    """Looking and reading leave every mail as it was."""
    bench.server.append(bench.folder, *(mail_of(f"{number}@x", ("application/pdf", "a.pdf", PDF)) for number in range(3)))
    source = bench.source()
    for discovery in (await found_of(source)).values():
        await read(source, discovery)
    assert bench.server.seen(bench.folder) == 0


async def test_a_folder_that_was_made_anew_is_looked_at_anew(bench: Bench, clock: Later) -> None:
    """Another UIDVALIDITY: every mail is found again as the same item, with its new place; what is asked for by the old number is gone."""
    mails = [mail_of(f"{number}@x", ("application/pdf", "a.pdf", PDF + bytes([number]))) for number in range(3)]
    bench.server.append(bench.folder, *mails)
    source = bench.source()
    pages = await find(source)
    before = {each.external_id: each for page in pages for each in page.discoveries}
    await asyncio.to_thread(bench.server.renew, bench.folder)
    bench.server.append(bench.folder, mails[2], mails[1])
    source = bench.source(clock=clock)
    (unknown,) = await source.read_many([item_of(before["1@x"])])
    assert isinstance(unknown, SourceNotReadyError), "nobody has looked yet where it is now"
    after = await find_until(source, {"1@x", "2@x"}, pages[-1].cursor)
    assert {(name, each.part) for name, each in after.items()} == {(name, before[name].part) for name in ("1@x", "2@x")}
    assert await read(source, after["1@x"]) == PDF + bytes([1])
    still, _ = await source.read_many([item_of(before["1@x"])]), await find(source, pages[-1].cursor)
    assert isinstance(still[0], SourceNotReadyError), "somebody may hold its old number yet"
    clock.later += 61
    (gone,) = await source.read_many([item_of(before["1@x"])])
    assert isinstance(gone, SourceGoneError)
    assert "UIDVALIDITY" in gone.message


async def test_a_restart_finds_only_what_is_new(bench: Bench) -> None:
    """After the cursor of a pass what was found then is not found again, until everything is looked at again."""
    bench.server.append(bench.folder, mail_of("old@x", ("application/pdf", "a.pdf", PDF)))
    cursor = (await find(bench.source()))[-1].cursor
    bench.server.append(bench.folder, mail_of("new@x", ("application/pdf", "a.pdf", PDF)))
    assert {name for name, _ in await found_of(bench.source(), cursor)} == {"new@x"}
    assert {name for name, _ in await found_of(bench.source(reconcile_hours=1e-9), cursor)} == {"old@x", "new@x"}


async def test_several_folders(bench: Bench) -> None:
    """A mail that is in two folders is one item; a folder that is not there hides no other, and the pass says that it is not complete."""
    other = f"{bench.folder}b"
    await asyncio.to_thread(bench.server.create, other)
    both = mail_of("both@x", ("application/pdf", "a.pdf", PDF))
    bench.server.append(bench.folder, both)
    bench.server.append(other, both, mail_of("other@x", ("audio/x-wav", "a.wav", WAV)))
    found = await found_of(bench.source(folders=f"{bench.folder},{other}"))
    assert {name for name, _ in found} == {"both@x", "other@x"}
    pages = bench.source(folders=f"Nowhere,{other}").discover("")
    first, second = await anext(pages), await anext(pages)
    assert sorted(each.external_id for each in first.discoveries) == ["both@x", "other@x"]
    assert (first.complete, second.complete) == (False, False)
    with pytest.raises(MisconfiguredError, match="folders"):
        await anext(pages)


async def test_rules_and_whole_mails(bench: Bench) -> None:
    """Rules say what parts are; whole mails are archived as they are, as one item each."""
    picture, text = ("image/png", "page.png", b"\x89PNG"), mail_of("sms@x", subject="SMS from 0170 1234567")
    bench.server.append(bench.folder, mail_of("page@x", picture, subject="A page"), text)
    rules = "type:image/png=fax,subject:SMS*=sms"
    source = bench.source(rules=rules)
    found = await found_of(source)
    assert {name: (part, each.kind) for (name, part), each in found.items()} == {"page@x": ("2", Kind.FAX), "sms@x": ("1", Kind.SMS)}
    assert await read(source, found["sms@x", "1"]) == b"You have received a message. It is attached.\r\n"
    source = bench.source(rules=rules, take="mails")
    found = await found_of(source)
    assert {name: (part, each.media_type) for (name, part), each in found.items()} == {
        "page@x": ("mail", "message/rfc822"),
        "sms@x": ("mail", "message/rfc822"),
    }
    assert (await read(source, found["sms@x", "mail"])).split() == text.split()


async def test_a_mail_that_nobody_would_write(bench: Bench) -> None:
    """An encoding that is not known, two hundred parts and more, no headers at all: none is lost, none hides another, reasons are told."""
    bench.server.append(
        bench.folder,
        b"Message-ID: <uu@x>\r\nMIME-Version: 1.0\r\nContent-Type: application/pdf\r\nContent-Transfer-Encoding: x-uuencode\r\n\r\nM\r\n",
        mail_of("many@x", *[("application/pdf", f"{number}.pdf", b"x") for number in range(220)]),
        b'Subject: nothing else\r\nContent-Type: application/pdf; name="x.pdf"\r\nContent-Transfer-Encoding: base64\r\n\r\nQUJD*REV\r\n',
        b"\r\n",
        mail_of("fine@x", ("application/pdf", "a.pdf", PDF)),
    )
    source = bench.source()
    found = await found_of(source)
    notes = {name: each.metadata.get("note", "") for (name, _), each in found.items()}
    bare = next(name for name in notes if name.startswith("mail-"))
    assert "encoding" in notes["uu@x"]
    assert "structure" in notes["many@x"]
    assert (notes["fine@x"], notes[bare]) == ("", "")
    assert await read(source, found[bare, "1"]) == b"ABCDE"
    assert b"x-uuencode" in await read(source, found["uu@x", "mail"])


async def test_twins_are_two_items(bench: Bench) -> None:
    """Mails that a device gave one Message-ID are items of their own; the same mail that arrives twice is one."""
    one = mail_of("same@device", ("application/pdf", "a.pdf", PDF))
    bench.server.append(bench.folder, one, one, one.replace(b"10:30:00", b"10:31:00"))
    parts = {each.part for page in await find(bench.source()) for each in page.discoveries}
    assert len(parts) == 2


async def test_news_are_told_while_nobody_waits(bench: Bench) -> None:
    """Between two looks the source calls when a mail arrives, and the next page has it; pymap tells when it looks itself."""
    source = bench.source(poll_interval=3600)
    assert isinstance(source, Told)
    told = asyncio.Event()
    source.on_news = told.set
    async with asyncio.timeout(30), aclosing(source.discover("")) as pages:
        async for page in pages:
            if page.rest is not None:
                break
        assert not told.is_set()
        bench.server.append(bench.folder, mail_of("late@x", ("application/pdf", "a.pdf", PDF)))
        await told.wait()
        page = await anext(pages)
        assert [each.external_id for each in page.discoveries] == ["late@x"]


async def test_a_line_that_broke_meanwhile_is_made_again(bench: Bench) -> None:
    """That the server hung up while nobody asked is no trouble: neither for looking nor for reading."""
    bench.server.append(bench.folder, mail_of("first@x", ("application/pdf", "a.pdf", PDF)))
    source = bench.source()
    async with asyncio.timeout(30), aclosing(source.discover("")) as pages:
        page = await anext(pages)
        first = page.discoveries[0]
        await read(source, first)
        while page.rest is None:
            page = await anext(pages)
        bench.proxy.add(Toxic("down"))
        bench.proxy.heal()
        assert await read(source, first) == PDF
        bench.server.append(bench.folder, mail_of("second@x", ("application/pdf", "a.pdf", PDF)))
        async for page in pages:
            if page.discoveries:
                break
    assert [each.external_id for each in page.discoveries] == ["second@x"]


async def test_a_wrong_password_wants_another(bench: Bench) -> None:
    """The mailbox has to be connected again; neither the password nor the server's words are told."""
    with pytest.raises(ReconnectNeededError) as caught:
        await find(bench.source(password="canary-another-password"))
    assert "canary" not in f"{caught.value!r} {caught.value.hint}"


async def test_a_server_that_cannot_prove_who_it_is_is_told_nothing(bench: Bench) -> None:
    """A certificate of nobody whom we know: no password is sent."""
    with pytest.raises(UnavailableError, match="not to be trusted"):
        await find(bench.source(ca_file=""))


async def test_tls_from_the_beginning(bench: Bench) -> None:
    """Where a server speaks it."""
    if not bench.server.tls_port:
        pytest.skip("pymap speaks TLS only after STARTTLS")
    bench.server.append(bench.folder, mail_of("one@x", ("application/pdf", "a.pdf", PDF)))
    source = bench.source(security="tls", port=bench.server.tls_port)
    found = await found_of(source)
    assert await read(source, found["one@x", "2"]) == PDF


async def test_nothing_older_than_wanted(bench: Bench) -> None:
    """What arrived before the date is not found."""
    bench.server.append(bench.folder, mail_of("now@x", ("application/pdf", "a.pdf", PDF)))
    assert set(await found_of(bench.source(since="2100-01-01"))) == set()
    assert {name for name, _ in await found_of(bench.source(since="2020-01-01"))} == {"now@x"}


WRONG: list[Mapping[str, object]] = [
    {"password": ""},
    {"refresh_token": "x"},
    {"security": "ssl"},
    {"host": "imap.example.com", "security": "none"},
    {"take": "all"},
    {"folders": " , "},
    {"since": "yesterday"},
    {"poll_interval": 0},
    {"rules": "x"},
]


@pytest.mark.parametrize("wrong", WRONG, ids=[" ".join(each) for each in WRONG])
def test_settings_that_cannot_be_are_named(wrong: Mapping[str, object]) -> None:
    """Each as a ConfigError that shows no secret."""
    options = check_options("imap", ADAPTER.options, {"host": "127.0.0.1", "username": USER, "password": PASSWORD, **wrong})
    with pytest.raises(ConfigError) as caught:
        ADAPTER.open(options)
    assert PASSWORD not in f"{caught.value} {caught.value.hint}"
