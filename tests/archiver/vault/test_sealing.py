from __future__ import annotations

import stat
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from archiver.errors import ConfigError
from archiver.vault import Vault, key_id, new_key

NOWHERE = Path("/nonexistent/archiver.key")
PLACE = {"customer": "acme", "adapter": "dropbox", "field": "refresh_token"}
CANARY = "canary-sl.u.AbCdEf"


@given(st.text())
def test_what_was_sealed_opens_again(secret: str) -> None:
    """Any text comes back, and its ciphertext does not contain it."""
    vault = Vault(keys=new_key(), key_file=NOWHERE)
    sealed = vault.seal(secret, **PLACE)
    assert vault.open(sealed, **PLACE) == secret
    assert len(secret) < 4 or secret.encode() not in sealed


def test_sealing_twice_differs() -> None:
    """Every sealing has its own nonce."""
    vault = Vault(keys=new_key(), key_file=NOWHERE)
    assert vault.seal(CANARY, **PLACE) != vault.seal(CANARY, **PLACE)


@pytest.mark.parametrize("changed", [{"customer": "other"}, {"adapter": "box"}, {"field": "access_token"}])
def test_a_ciphertext_in_another_place_does_not_open(changed: dict[str, str]) -> None:
    """Customer, adapter and field are authenticated: a row moved to another customer is refused without its value."""
    vault = Vault(keys=new_key(), key_file=NOWHERE)
    sealed = vault.seal(CANARY, **PLACE)
    with pytest.raises(ConfigError, match="does not open") as caught:
        vault.open(sealed, **PLACE | changed)
    assert CANARY not in f"{caught.value} {caught.value.hint}"


@given(st.data())
def test_a_damaged_ciphertext_does_not_open(data: st.DataObject) -> None:
    """No single changed byte goes unnoticed."""
    vault = Vault(keys=new_key(), key_file=NOWHERE)
    sealed = bytearray(vault.seal(CANARY, **PLACE))
    sealed[data.draw(st.integers(0, len(sealed) - 1))] ^= data.draw(st.integers(1, 255))
    with pytest.raises(ConfigError):
        vault.open(bytes(sealed), **PLACE)


@pytest.mark.parametrize("sealed", [b"", b"\x01", b"\x02" + bytes(60)])
def test_what_was_never_sealed_is_refused(sealed: bytes) -> None:
    """Too short, or of another version: a clear error."""
    with pytest.raises(ConfigError, match="not sealed by this version"):
        Vault(keys=new_key(), key_file=NOWHERE).open(sealed, **PLACE)


def test_a_wrong_key_is_named_by_its_id() -> None:
    """The error names the id of the missing key and of those held, never a key or the secret; its exit code is 78."""
    old, new = new_key(), new_key()
    sealed = Vault(keys=old, key_file=NOWHERE).seal(CANARY, **PLACE)
    with pytest.raises(ConfigError) as caught:
        Vault(keys=new, key_file=NOWHERE).open(sealed, **PLACE)
    text = f"{caught.value} {caught.value.hint}"
    assert sealed[1:5].hex() in text
    assert caught.value.exit_code == 78
    assert not any(secret in text for secret in (old, new, CANARY))


def test_the_first_key_seals_and_all_open() -> None:
    """After a new key is put in front, old secrets still open and new ones are sealed with the new key."""
    old, new = new_key(), new_key()
    sealed = Vault(keys=old, key_file=NOWHERE).seal(CANARY, **PLACE)
    both = Vault(keys=f"{new}, {old}", key_file=NOWHERE)
    assert both.open(sealed, **PLACE) == CANARY
    assert Vault(keys=new, key_file=NOWHERE).open(both.seal(CANARY, **PLACE), **PLACE) == CANARY


@pytest.mark.parametrize("keys", ["canary", "Y2FuYXJ5", ","])
def test_a_key_that_is_none_is_refused(keys: str) -> None:
    """Not base64, too short, or nothing at all: refused without being shown."""
    with pytest.raises(ConfigError, match="ARCHIVER_KEY holds") as caught:
        Vault(keys=keys, key_file=NOWHERE).seal(CANARY, **PLACE)
    assert len(keys) < 2 or keys not in f"{caught.value} {caught.value.hint}"


def test_a_key_file_is_made_at_the_first_sealing(tmp_path: Path) -> None:
    """The file appears when something is sealed, is mode 0600, leaves no draft behind, and is used from then on."""
    file = tmp_path / "home" / "archiver.key"
    vault = Vault(key_file=file)
    assert not file.exists()
    sealed = vault.seal(CANARY, **PLACE)
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert list(file.parent.iterdir()) == [file]
    assert Vault(key_file=file).open(sealed, **PLACE) == CANARY


def test_opening_makes_no_key(tmp_path: Path) -> None:
    """A lost key file is reported; a fresh key would only hide the loss."""
    file = tmp_path / "archiver.key"
    sealed = Vault(keys=new_key(), key_file=file).seal(CANARY, **PLACE)
    with pytest.raises(ConfigError, match="does not exist"):
        Vault(key_file=file).open(sealed, **PLACE)
    assert not file.exists()


def test_a_key_file_for_others_to_read_is_refused(tmp_path: Path) -> None:
    """Permissions wider than the owner's are an error that says how to mend them."""
    file = tmp_path / "archiver.key"
    file.write_text(new_key())
    file.chmod(0o640)
    with pytest.raises(ConfigError, match="0640") as caught:
        Vault(key_file=file).seal(CANARY, **PLACE)
    assert caught.value.hint == f"chmod 600 {file}"


def test_a_credential_of_systemd_may_look_readable_by_the_group(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its access list's mask shows as 0440; anywhere else such a file is refused."""
    file = tmp_path / "key"
    file.write_text(new_key())
    file.chmod(0o440)
    with pytest.raises(ConfigError, match="may be read by others"):
        Vault(key_file=file).seal(CANARY, **PLACE)
    monkeypatch.setenv("CREDENTIALS_DIRECTORY", str(tmp_path))
    assert Vault(key_file=file).open(Vault(key_file=file).seal(CANARY, **PLACE), **PLACE) == CANARY


def test_a_key_file_may_hold_several_keys_and_remarks(tmp_path: Path) -> None:
    """One key a line, remarks after a hash sign; the first one seals."""
    old, new = new_key(), new_key()
    file = tmp_path / "archiver.key"
    file.touch(mode=0o600)
    file.write_text(f"# remark\n{new}\n\n{old}\n")
    sealed = Vault(keys=old, key_file=NOWHERE).seal(CANARY, **PLACE)
    assert Vault(key_file=file).open(sealed, **PLACE) == CANARY


def test_no_secret_in_a_repr() -> None:
    """The vault shows where its keys are, not what they are."""
    key = new_key()
    vault = Vault(keys=key, key_file=NOWHERE)
    vault.seal(CANARY, **PLACE)
    assert repr(vault) == "Vault('ARCHIVER_KEY')"
    assert repr(Vault(key_file=NOWHERE)) == f"Vault('{NOWHERE}')"


def test_a_key_id_tells_nothing_but_differs() -> None:
    """Ids are short, stable, and differ from key to key."""
    assert key_id(b"a" * 32) == key_id(b"a" * 32) != key_id(b"b" * 32)
    assert len(key_id(b"a" * 32)) == 4


def test_a_changed_key_file_is_read_again(tmp_path: Path) -> None:
    """A service that runs goes on with old and new keys after another process has put a fresh one in front; it seals with that one."""
    file = tmp_path / "archiver.key"
    service = Vault(key_file=file)
    old = service.seal(CANARY, **PLACE)
    command = Vault(key_file=file)
    fresh = command.add_key()
    assert service.open(command.seal(CANARY, **PLACE), **PLACE) == CANARY
    assert service.open(old, **PLACE) == CANARY
    assert Vault.sealed_with(service.seal(CANARY, **PLACE)) == fresh
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert list(tmp_path.iterdir()) == [file]


def test_old_keys_are_taken_away(tmp_path: Path) -> None:
    """Only the first one stays, and what the others sealed does not open any more."""
    file = tmp_path / "archiver.key"
    vault = Vault(key_file=file)
    assert vault.drop_keys() == ()
    old = vault.seal(CANARY, **PLACE)
    fresh = vault.add_key()
    assert vault.drop_keys() == (Vault.sealed_with(old),)
    assert vault.ids() == Vault(key_file=file).ids() == (fresh,)
    with pytest.raises(ConfigError, match="which is not held"):
        Vault(key_file=file).open(old, **PLACE)


def test_keys_of_the_environment_are_whoever_sets_them_to_change(tmp_path: Path) -> None:
    """A process cannot change its own environment for the next one: refused, with what to do."""
    vault = Vault(keys=new_key(), key_file=tmp_path / "none")
    for change in (vault.add_key, vault.drop_keys):
        with pytest.raises(ConfigError, match="ARCHIVER_KEY") as caught:
            change()
        assert "in front" in caught.value.hint


def test_a_credential_of_systemd_cannot_be_changed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It is a copy of the file that the unit names; that one must be changed."""
    file = tmp_path / "key"
    file.touch(mode=0o600)
    file.write_text(new_key())
    monkeypatch.setenv("CREDENTIALS_DIRECTORY", str(tmp_path))
    with pytest.raises(ConfigError, match="given by systemd"):
        Vault(key_file=file).add_key()
