"""Paths: what they look like, and that no two items ever share one."""

import unicodedata
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from archiver.errors import ConfigError
from archiver.model import Discovery, Kind
from archiver.naming import DEFAULT_TEMPLATE, RULES, TEMPLATES, item_path

AT = 1_778_407_322_000  # 2026-05-10 10:02:02 UTC


def discovery(external_id: str = "3636328599023", **fields: Any) -> Discovery:
    """A recording of 2026-05-10."""
    given_fields = {"kind": Kind.RECORDING, "occurred_at": AT, "locator": "x", "media_type": "audio/mpeg", **fields}
    return Discovery(external_id=external_id, **given_fields)


def path(item: Discovery, template: str = DEFAULT_TEMPLATE, rules: str = "portable", source_tag: str = "") -> str:
    """The path, with the defaults of most tests."""
    return item_path(item, template=template, rules=rules, source_tag=source_tag)


# -- examples ---------------------------------------------------------------------------------------------------------------------------


def test_the_default_sorts_by_kind_and_day() -> None:
    """Kind, date, then when, who, whom and which; in UTC."""
    item = discovery(sender="+15550100567", recipient="+15550100234")
    assert path(item) == "/recording/2026/05/10/20260510-100202_+15550100567_+15550100234_3636328599023.mp3"


def test_the_preset_ringcentral_is_the_real_layout() -> None:
    """The path of RingCentral's own Archiver, as its FAQ and its users' scripts show it."""
    known = {"recording_type": "Automatic", "owner_name": "Ada Lovelace", "to_extension": "135"}
    item = discovery(sender="+15550100567", recipient="+15550100234", owner="101", metadata=known)
    assert path(item, "ringcentral") == (
        "/RingCentral Archiver/Ada Lovelace_101/2026-5-10/Call Recording/"
        "20260510-100202_15550100567_15550100234#135_Automatic_3636328599023.mp3"
    )


def test_a_line_without_a_name_and_a_call_to_no_extension_leave_no_gap() -> None:
    """What the source does not know is left out, also from between its neighbours; an extension that was called itself stands once."""
    item = discovery(sender="+15550100567", recipient="135", owner="101", metadata={"to_extension": "135"})
    assert path(item, "ringcentral") == (
        "/RingCentral Archiver/101/2026-5-10/Call Recording/20260510-100202_15550100567_135_3636328599023.mp3"
    )


def test_a_sidecar_stands_beside_its_file() -> None:
    """In the same directory under the same name, with a mark that no other file has."""
    known = {"sender": "+15550100567", "recipient": "+15550100234"}
    file = discovery(**known)
    beside = discovery(kind=Kind.SIDECAR, part="recording", media_type="application/json", metadata={"of": "recording"}, **known)
    for template in ("by-date", "by-owner", "ringcentral", "{id}"):
        stem = path(file, template).removesuffix(".mp3")
        assert path(beside, template) == f"{stem}+recording~meta.json"


def test_manifests_stand_in_one_place_whatever_the_template() -> None:
    """Beside everything else, under a name that no file of another kind can have."""
    item = discovery(kind=Kind.MANIFEST, external_id="2026-05-10-sha256", media_type="text/plain")
    for template in ("by-date", "ringcentral", "{kind}/{id}"):
        assert path(item, template) == "/Manifests/2026/manifest-2026-05-10-sha256.txt"


@pytest.mark.parametrize(
    ("template", "expected"),
    [
        ("{kind}/x.{ext}", "/recording/x_77.mp3"),
        ("{kind}/{id}/{date}", "/recording/77/2026-05-10_77.mp3"),
        ("{kind}/{id}_{sender}.{ext}", "/recording/77_a-b.mp3"),
        ("{kind}/{sender}{id}.{ext}", "/recording/a-b77_77.mp3"),
        ("{kind}/call {id}!", "/recording/call 77!.mp3"),
        ("{label}/{time}_{id}", "/Call Recording/100202_77.mp3"),
        ("{kind}_{recipient}_{id}", "/recording_77.mp3"),
        ("{id}", "/recording-77.mp3"),
        ("{owner}/{meta.none}/{kind}/{id}", "/unknown/unknown/recording/77.mp3"),
        ("//{kind}//{id}.{ext}", "/recording/77.mp3"),
        ("{kind}/{ext}/{meta.case}_{id}", "/recording/mp3/12_77.mp3"),
        ("{kind}/{{x}}/{id}", "/recording/{x}/77.mp3"),
    ],
)
def test_every_template_ends_with_id_and_extension(template: str, expected: str) -> None:
    """The id is added where the template lacks it as a token, the kind where nothing else tells it; empty tokens are left out."""
    assert path(discovery("77", sender="a_b", metadata={"case": 12}), template) == expected


def test_part_and_source_are_told_apart() -> None:
    """They follow the id, each with its own mark."""
    item = discovery("77", part="2")
    assert path(item, "{kind}/{id}") == "/recording/77+2.mp3"
    assert path(item, "{kind}/{id}", source_tag="office") == "/recording/77+2@office.mp3"


@pytest.mark.parametrize("external_id", ["A77", "alice/77", "A.mp3", "7_7", "é", "", "..", "con", "x" * 300, "77 ", "-"])
def test_an_id_that_cannot_stay_as_it_is_carries_a_hash(external_id: str) -> None:
    """Case, separators, names of devices, length: the hash of the exact id makes it its own."""
    assert "~" in path(discovery(external_id)) if external_id != "con" else "~" in path(discovery("con"), "{kind}/{id}")


@pytest.mark.parametrize(
    ("external_id", "part", "expected"),
    [("77.mp3", "", "77~.mp3"), ("77.mp3", "2", "77~+2.mp3"), ("a.b.mp3", "", "a.b~.mp3"), ("77.wav", "", "77.wav.mp3")],
)
def test_a_plain_id_that_ends_with_the_extension_says_it_once(external_id: str, part: str, expected: str) -> None:
    """The usual id of a file: a mark tells it from the id without the extension, and no hash is needed."""
    assert path(discovery(external_id, part=part), "{kind}/{id}") == f"/recording/{expected}"


def test_ids_of_files_do_not_say_their_extension_twice() -> None:
    """A relative path stays readable."""
    shown = path(discovery("alice/2026/REC001.wav", media_type="audio/x-wav"), "{kind}/{id}")
    assert shown.startswith("/recording/alice-2026-REC001~")
    assert shown.endswith(".wav")
    assert shown.count(".wav") == 1


def test_a_long_name_is_cut_but_keeps_id_and_extension() -> None:
    """255 bytes, whole characters, and the numbers give way before the id."""
    name = path(discovery("77", sender="ü" * 300, recipient="z" * 300)).rsplit("/", 1)[1]
    assert len(name.encode()) <= 255
    assert "_77~" in name
    assert name.endswith(".mp3")


@pytest.mark.parametrize("occurred_at", [-(10**18), -1, 0, 10**18])
def test_impossible_dates_have_a_path(occurred_at: int) -> None:
    """A provider's nonsense becomes the calendar's first or last day, not an error."""
    assert path(discovery("77", occurred_at=occurred_at)).count("/") == 5


def test_unknown_rules_are_refused() -> None:
    """The message lists the known ones."""
    with pytest.raises(ConfigError) as caught:
        path(discovery(), rules="vms")
    assert "portable" in caught.value.hint


def test_emoji_are_replaced_for_dropbox_only() -> None:
    """Dropbox counts them twice and some of its clients refuse them."""
    item = discovery("77", owner="Ann 🐈")
    assert path(item, "{owner}/{kind}/{id}", "dropbox") == "/Ann -/recording/77.mp3"
    assert path(item, "{owner}/{kind}/{id}", "portable") == "/Ann 🐈/recording/77.mp3"


# -- properties -------------------------------------------------------------------------------------------------------------------------

NASTY = st.sampled_from(
    ["", ".", "..", "con", "CON", "a", "A", "a_b", "a-b", "~x", "a~b", "a/b", "a\\b", "é", "e\u0301", "\u202ex", "\ud800", "x.mp3", "sms-1",
     "desktop.ini", "x" * 300, "ß", "ss", "🐈", "\x00", " a ", "a.", "+", "a+b", "a@b", "1", "K", "\u212a", "\u0301"]
)  # fmt: skip
TEXTS = NASTY | st.text(max_size=12) | st.text(alphabet="ab_-~./1 +@", max_size=8) | st.text(alphabet=st.characters(), max_size=300)
SAMPLES = [
    *TEMPLATES.values(),
    "{id}",
    "{id}_{sender}",
    "{sender}{id}{recipient}",
    "{sender}_{id}_{recipient}",
    "{kind}_{sender}_{id}",
    "{sender}_{kind}_{id}",
    "e{id}\u0301_{owner}/ {owner} . {sender}_.{id}x.{ext}",
    "{label}{owner}/{meta.x}",
    "{id}/{stamp}.{ext}",
]
DISCOVERIES = st.builds(
    discovery,
    external_id=TEXTS,
    part=st.just("") | TEXTS,
    kind=st.sampled_from(Kind),
    occurred_at=st.integers(min_value=-(10**17), max_value=10**17) | st.just(AT),
    media_type=st.sampled_from(["audio/mpeg", "audio/x-wav", "text/plain", "x", "application/x-foo", "text/ini"]),
    sender=TEXTS,
    recipient=TEXTS,
    owner=TEXTS,
    direction=st.sampled_from(["", "inbound"]),
    metadata=st.dictionaries(st.just("x"), TEXTS, max_size=1),
)
PLACES = st.tuples(st.sampled_from(SAMPLES), st.sampled_from(sorted(RULES)))


@given(item=DISCOVERIES, place=PLACES, tag=st.just("") | TEXTS)
def test_every_part_is_fit_for_the_storage(item: Discovery, place: tuple[str, str], tag: str) -> None:
    """Inside the root, never empty, at most 255 bytes, NFC, nothing invisible, nothing reserved, no dot or space at the edges."""
    template, rules = place
    made = path(item, template, rules, tag)
    first, *parts = made.split("/")
    assert first == ""
    assert parts
    for part in parts:
        assert 0 < len(part.encode()) <= 255
        assert part not in {".", ".."}
        assert part == part.strip(" .")
        assert part == unicodedata.normalize("NFC", part)
        assert not any(unicodedata.category(letter) in {"Cc", "Cs"} or letter in "\u202e\u200f\ufeff" for letter in part)
        if rules != "posix":
            assert not set(part) & set('<>:"\\|?*')
            assert part.split(".")[0].strip().lower() not in {"con", "prn", "aux", "nul", "com1", "lpt9"}
            assert part.lower() not in {"desktop.ini", "thumbs.db"}


@given(item=DISCOVERIES, place=PLACES)
def test_a_path_is_a_function_of_the_item(item: Discovery, place: tuple[str, str]) -> None:
    """The same item has the same path, however often it is asked for and whatever came in between."""
    template, rules = place
    before = path(item, template, rules)
    path(discovery("other"), template, rules)
    assert path(item, template, rules) == before


@given(one=DISCOVERIES, other=DISCOVERIES, place=PLACES, tags=st.tuples(st.just("") | TEXTS, st.just("") | TEXTS))
@example(discovery("2", sender="a_1"), discovery("1_2", sender="a"), ("{sender}_{id}", "portable"), ("", ""))
@example(discovery("sms-1"), discovery("1", kind=Kind.SMS, media_type="audio/mpeg"), ("{id}", "portable"), ("", ""))
@example(discovery("a", part="b"), discovery("a+b"), ("{id}", "portable"), ("", ""))
@example(discovery("a"), discovery("A"), ("{id}", "portable"), ("", ""))
@example(discovery("a"), discovery("a.mp3"), ("{id}", "portable"), ("", ""))
@example(discovery("a.mp3"), discovery("a.mp3.mp3"), ("{id}", "portable"), ("", ""))
@example(discovery("a.mp3", part="b"), discovery("a", part="b"), ("{id}_{sender}", "portable"), ("", ""))
@example(discovery("a", part="b"), discovery("a"), ("{id}", "portable"), ("", "b"))
@example(discovery("x" * 300), discovery("x" * 301), ("{id}", "portable"), ("", ""))
def test_two_items_never_share_a_path(one: Discovery, other: Discovery, place: tuple[str, str], tags: tuple[str, str]) -> None:
    """Also where the storage does not tell upper from lower case, nor composed from decomposed letters."""
    template, rules = place
    keys = [(item.kind, item.external_id, item.part, tag) for item, tag in zip((one, other), tags, strict=True)]
    paths = [path(item, template, rules, tag) for item, tag in zip((one, other), tags, strict=True)]
    if keys[0] != keys[1]:
        assert unicodedata.normalize("NFC", paths[0].casefold()) != unicodedata.normalize("NFC", paths[1].casefold())


@given(
    ids=st.sets(
        st.tuples(
            st.text(alphabet="aA1._-~/+", max_size=3) | st.sampled_from(["a.mp3", "1.mp3", ".mp3", "a.mp3.mp3"]),
            st.text(alphabet="aA+@", max_size=2),
        ),
        max_size=40,
    ),
    place=PLACES,
)
def test_many_items_that_look_alike_have_as_many_paths(ids: set[tuple[str, str]], place: tuple[str, str]) -> None:
    """Ids of few letters, which sanitising maps onto each other, with senders that try to imitate them."""
    template, rules = place
    made = {path(discovery(name, part=part, sender=f"{part}_{name}", owner=name), template, rules).casefold() for name, part in ids}
    assert len(made) == len(ids)
