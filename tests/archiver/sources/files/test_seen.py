"""The compact set of paths."""

from hypothesis import given
from hypothesis import strategies as st

from archiver.sources.files.seen import Seen, fingerprint


@given(prints=st.lists(st.integers(min_value=1, max_value=2**64 - 1) | st.integers(min_value=1, max_value=5000).map(lambda n: n << 20)))
def test_it_is_a_set(prints: list[int]) -> None:
    """What was put in is there, once; nothing else is, also where slots collide."""
    seen = Seen()
    for print_ in prints:
        seen.add(print_)
        seen.add(print_)
    assert len(seen) == len(set(prints))
    assert all(print_ in seen for print_ in prints)
    assert all(print_ + 1 in set(prints) or print_ + 1 not in seen for print_ in prints)


def test_it_grows() -> None:
    """A hundred thousand paths, in less than 17 bytes each."""
    seen = Seen()
    for number in range(100_000):
        seen.add(fingerprint(f"customer/{number}.wav"))
    assert len(seen) == 100_000
    assert len(seen._slots) * 8 < 100_000 * 22
    assert fingerprint("customer/99999.wav") in seen
    assert fingerprint("customer/100000.wav") not in seen


@given(path=st.text(alphabet=st.characters()))
def test_a_fingerprint_is_a_positive_word(path: str) -> None:
    """Never 0, which marks an empty slot."""
    assert 0 < fingerprint(path) < 2**64
