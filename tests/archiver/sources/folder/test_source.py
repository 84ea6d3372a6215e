"""The folder source: the kit, and what only it can do."""

import asyncio
import json
import os
from collections.abc import AsyncIterator, Sequence
from contextlib import aclosing
from pathlib import Path

import pytest

from archiver.adapter import check_options
from archiver.errors import ConfigError, UnavailableError
from archiver.model import Discovery, Kind
from archiver.sources.conformance import Rig, SourceConformance, find, find_until, item_of
from archiver.sources.files.disk import Disk
from archiver.sources.folder import ADAPTER, FolderSettings, FolderSource
from archiver.sources.folder.candidates import Reason
from archiver.sources.folder.notifier import Notifier
from archiver.sources.folder.settings import Sidecars


def put(root: Path, name: str, data: bytes = b"x", **sidecar: object) -> None:
    """Writes a sidecar, if any, and renames the file into its place, as a careful writer does."""
    path = root / name
    path.parent.mkdir(parents=True, exist_ok=True)
    if sidecar:
        path.with_name(path.name + ".json").write_text(json.dumps(sidecar))
    part = path.with_name(path.name + ".part")
    part.write_bytes(data)
    part.rename(path)


def source_of(root: Path, **changes: object) -> FolderSource:
    """A source that looks once, unless told otherwise."""
    return FolderSource(FolderSettings(root=str(root), **{"watch": False, "settle": 0.05, **changes}))


async def found_in(root: Path, **changes: object) -> dict[str, Discovery]:
    """Everything that one look finds, by external id."""
    source = source_of(root, **changes)
    found = {discovery.external_id: discovery async for page in source.discover("") for discovery in page.discoveries}
    await source.close()
    return found


class TestFolder(SourceConformance):
    """The kit against a watched folder."""

    @pytest.fixture
    async def rig(self, tmp_path: Path) -> AsyncIterator[Rig]:
        """An empty folder; one more file keeps it from being empty when others are removed."""
        root, away = tmp_path / "secret-root", tmp_path / "away"
        root.mkdir()
        sources: list[FolderSource] = []

        def open_source() -> FolderSource:
            sources.append(source_of(root, watch=True))
            return sources[-1]

        async def add(name: str, data: bytes) -> None:
            put(root, f"sub/{name}.wav", data, external_id=name, occurred_at="2026-05-10T10:02:02Z")

        async def remove(name: str) -> None:
            (root / f"sub/{name}.wav").unlink()

        async def take_away() -> None:
            root.rename(away)

        async def bring_back() -> None:
            away.rename(root)

        yield Rig(
            source=open_source(),
            add=add,
            remove=remove,
            reopen=open_source,
            take_away=take_away,
            bring_back=bring_back,
            secrets=("secret-root",),
        )
        for source in sources:
            await source.close()


class TestFolderOnASlowDisk(TestFolder):
    """The kit again, with every call in a thread, as for a network share."""

    @pytest.fixture(autouse=True)
    def slow_disk(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """No disk is quick."""

        async def is_quick(_self: Disk) -> bool:
            return False

        monkeypatch.setattr(Disk, "is_quick", is_quick)


# -- finding ----------------------------------------------------------------------------------------------------------------------------


async def test_kinds_come_from_extensions(tmp_path: Path) -> None:
    """Recordings, SMS and fax in directories of any depth; case does not matter."""
    for name in ("a.WAV", "b/c.mp3", "b/d/e/f.txt", "g.pdf", "h.tiff", "i.ogg", "j.sms", "k.m4a"):
        put(tmp_path, name)
    found = await found_in(tmp_path)
    assert {name: discovery.kind.value for name, discovery in found.items()} == {
        "a.WAV": "recording",
        "b/c.mp3": "recording",
        "b/d/e/f.txt": "sms",
        "g.pdf": "fax",
        "h.tiff": "fax",
        "i.ogg": "recording",
        "j.sms": "sms",
        "k.m4a": "recording",
    }
    assert found["b/c.mp3"].media_type == "audio/mpeg"


async def test_what_is_no_item_is_left_out_and_counted(tmp_path: Path) -> None:
    """Hidden, unfinished, unknown, linked: each with its reason; sidecars are nothing of their own."""
    root = tmp_path / "root"
    put(root, "good.wav", kind="voicemail")
    for name in (".hidden.wav", ".git/x.wav", "a.tmp", "b.wav.filepart", "c.unknown", "d.doc"):
        (root / name).parent.mkdir(exist_ok=True)
        (root / name).write_bytes(b"x")
    (root / "e.wav.part").write_bytes(b"x")
    outside = tmp_path / "outside.wav"
    outside.write_bytes(b"x")
    (root / "link.wav").symlink_to(outside)
    (root / "loop").symlink_to(root)
    os.mkfifo(root / "pipe.wav")
    source = source_of(root)
    pages = [page async for page in source.discover("")]
    assert [discovery.external_id for page in pages for discovery in page.discoveries] == ["good.wav"]
    assert source.ignored == {
        Reason.HIDDEN: 2,
        Reason.UNFINISHED: 3,
        Reason.UNKNOWN_KIND: 2,
        Reason.LINK: 2,
        Reason.NOT_A_FILE: 1,
    }


async def test_the_sidecar_says_more(tmp_path: Path) -> None:
    """Every documented field."""
    known = {
        "kind": "voicemail",
        "external_id": 4711,
        "part": "2",
        "direction": "inbound",
        "sender": "+1555",
        "recipient": "+1556",
        "owner": "Ann",
        "media_type": "audio/x-foo",
        "sha256": "AB" * 32,
        "metadata": {"campaign": "spring"},
    }
    put(tmp_path, "a.xyz", b"123", occurred_at="2026-05-10T12:02:02+02:00", purge_at=1_778_407_322_001, **known)
    (found,) = (await found_in(tmp_path)).values()
    assert found == Discovery(
        kind=Kind.VOICEMAIL,
        external_id="4711",
        part="2",
        occurred_at=1_778_407_322_000,
        purge_at=1_778_407_322_001,
        locator="a.xyz",
        media_type="audio/x-foo",
        size=3,
        sha256="ab" * 32,
        direction="inbound",
        sender="+1555",
        recipient="+1556",
        owner="Ann",
        metadata={"campaign": "spring"},
    )


async def test_a_name_that_is_no_text_is_found_and_read(tmp_path: Path) -> None:
    """Old file names in Latin-1: the locator is text all the same."""
    name = os.path.join(os.fsencode(tmp_path), b"caf\xe9.wav")  # noqa: PTH118 - Path has no bytes
    with open(name, "wb") as file:  # noqa: PTH123, ASYNC230 - as above
        file.write(b"x")
    (found,) = (await found_in(tmp_path)).values()
    assert found.locator.isascii()
    assert found.external_id == found.locator
    assert list(await source_of(tmp_path).read_many([item_of(found)])) == [b"x"]


async def test_pages_have_at_most_a_thousand(tmp_path: Path) -> None:
    """1,100 files: two pages, the last completes the pass."""
    for number in range(1100):
        (tmp_path / f"{number}.txt").write_text("x")
    pages = [page async for page in source_of(tmp_path, sidecars=Sidecars.IGNORED).discover("")]
    assert sum(len(page.discoveries) for page in pages) == 1100
    assert max(len(page.discoveries) for page in pages) == 1000
    assert [page.complete for page in pages] == [False] * (len(pages) - 1) + [True]


async def test_extensions_may_be_added() -> None:
    """Through the option ``kinds``; a wrong one is refused by name."""
    options = {"path": "~/x", "kinds": ".AMR=recording, .html=sms"}
    source = ADAPTER.open(check_options("folder", ADAPTER.options, options))
    assert isinstance(source, FolderSource)
    assert source._settings.kinds[".amr"] is Kind.RECORDING
    assert source._settings.root.endswith("/x")
    assert "~" not in source._settings.root


@pytest.mark.parametrize(
    "options", [{"kinds": "amr=recording"}, {"kinds": ".amr=letter"}, {"sidecars": "maybe"}, {"rescan_interval": 0}, {"settle": -1}]
)
def test_impossible_options_are_refused(options: dict[str, object]) -> None:
    """ConfigError before anything begins."""
    with pytest.raises(ConfigError):
        ADAPTER.open(check_options("folder", ADAPTER.options, {"path": "/x", **options}))


async def test_a_folder_that_is_not_there_is_unavailable(tmp_path: Path) -> None:
    """Not an empty pass, which would look healthy."""
    with pytest.raises(UnavailableError):
        await found_in(tmp_path / "nowhere")


# -- watching ---------------------------------------------------------------------------------------------------------------------------


async def next_found(discovering: AsyncIterator[object]) -> Sequence[Discovery]:
    """The next page that has something."""
    async with asyncio.timeout(20):
        async for page in discovering:
            if page.discoveries:
                return page.discoveries
    raise AssertionError("the watch has ended")


async def test_the_first_pass_has_what_was_written_just_before_it(tmp_path: Path) -> None:
    """Files without sidecars, which may still come: the pass is complete when they have had their time."""
    for number in range(20):
        (tmp_path / f"{number}.wav").write_bytes(b"x")
    source = source_of(tmp_path, watch=True)
    pages = await find(source)
    assert sum(len(page.discoveries) for page in pages) == 20
    assert [page.complete for page in pages][-1]
    await source.close()


async def test_a_new_directory_is_found_with_what_it_has(tmp_path: Path) -> None:
    """Files that were moved in together with their directories."""
    root = tmp_path / "root"
    root.mkdir()
    put(tmp_path, "prepared/deep/a.wav")
    source = source_of(root, watch=True)
    async with aclosing(source.discover("")) as discovering:
        await anext(discovering)
        (tmp_path / "prepared").rename(root / "moved")
        (found,) = await next_found(discovering)
    assert found.locator == "moved/deep/a.wav"
    await source.close()


async def test_a_file_is_found_when_it_is_closed_and_not_before(tmp_path: Path) -> None:
    """A recording that is written for longer than the quiet time: found once, with all its bytes."""
    source = source_of(tmp_path, watch=True, sidecars=Sidecars.IGNORED)
    async with aclosing(source.discover("")) as discovering:
        await anext(discovering)
        with (tmp_path / "a.wav").open("wb", buffering=0) as file:
            file.write(b"first")
            put(tmp_path, "marker.wav")
            (marker,) = await next_found(discovering)
            assert marker.locator == "marker.wav"
            file.write(b" second")
        (found,) = await next_found(discovering)
    assert (found.locator, found.size) == ("a.wav", 12)
    await source.close()


async def test_a_file_waits_for_a_required_sidecar(tmp_path: Path) -> None:
    """It is no item until its sidecar is there, and then with what the sidecar says."""
    source = source_of(tmp_path, watch=True, sidecars=Sidecars.REQUIRED)
    put(tmp_path, "a.wav")
    async with aclosing(source.discover("")) as discovering:
        page = await anext(discovering)
        assert page.discoveries == []
        (tmp_path / "a.wav.json").write_text('{"external_id": "late"}')
        (found,) = await next_found(discovering)
    assert found.external_id == "late"
    await source.close()


async def test_a_watch_that_fails_is_made_up_for_by_rescans(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """No more watches allowed by the system: slower, but nothing is missed."""

    class Deaf(Notifier):
        def start(self) -> None:
            """Fails."""
            self.failed = "no more watches"

    monkeypatch.setattr("archiver.sources.folder.source.watch_of", Deaf)
    monkeypatch.setattr("archiver.sources.folder.rounds._UNWATCHED_SECONDS", 0.05)
    source = source_of(tmp_path, watch=True)
    async with aclosing(source.discover("")) as discovering:
        await anext(discovering)
        put(tmp_path, "a.wav")
        (found,) = await next_found(discovering)
    assert found.locator == "a.wav"
    await source.close()


async def test_the_folder_may_go_away_while_it_is_watched(tmp_path: Path) -> None:
    """The watch ends with `UnavailableError`; whoever restarts it finds everything again."""
    root = tmp_path / "root"
    put(root, "a.wav")
    source = source_of(root, watch=True, rescan_interval=0.1)
    async with asyncio.timeout(20), aclosing(source.discover("")) as discovering:
        await anext(discovering)
        root.rename(tmp_path / "away")
        with pytest.raises(UnavailableError):
            async for _ in discovering:
                pass
    (tmp_path / "away").rename(root)
    assert "a.wav" in await find_until(source, {"a.wav"})
    await source.close()
