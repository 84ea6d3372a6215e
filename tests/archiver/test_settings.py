from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from archiver.errors import ConfigError
from archiver.settings import Origin, Secret, default_home, explain, load


def written(directory: Path, text: str) -> Path:
    """A settings file with this text."""
    path = directory / "archiver.toml"
    path.write_text(text)
    return path


def test_defaults_hang_on_the_home(tmp_path: Path) -> None:
    """Where nothing is set, the database and its key file lie in the home, and nothing claims an origin."""
    settings = load(environment={"ARCHIVER_HOME": str(tmp_path)})
    assert settings.home == tmp_path
    assert settings.database == str(tmp_path / "archiver.db")
    assert settings.key_file == tmp_path / "archiver.key"
    assert settings.bytes_in_flight == 32 * 1024 * 1024
    assert dict(settings.origins) == {"home": Origin.ENVIRONMENT}


def test_the_home_follows_xdg() -> None:
    """The home is in ``$XDG_DATA_HOME``, and a relative path there is ignored, as its specification says."""
    assert default_home({"XDG_DATA_HOME": "/data"}) == Path("/data/archiver")
    assert default_home({"XDG_DATA_HOME": "data"}) == Path.home() / ".local/share/archiver"
    assert default_home({}) == Path.home() / ".local/share/archiver"


def test_flags_beat_environment_beats_file(tmp_path: Path) -> None:
    """Each layer wins over the one below it, and every value knows where it came from."""
    path = written(tmp_path, 'drain_seconds = 1\nsweep_seconds = 1\nlog_level = "error"\n')
    settings = load(config=path, environment={"ARCHIVER_SWEEP_SECONDS": "2", "ARCHIVER_LOG_LEVEL": "warning"}, flags={"log_level": "debug"})
    assert (settings.drain_seconds, settings.sweep_seconds, settings.log_level) == (1, 2, "debug")
    origins = {row.name: row.origin for row in explain(settings)}
    assert (origins["drain_seconds"], origins["sweep_seconds"], origins["log_level"], origins["home"]) == tuple(
        Origin(name) for name in ("file", "environment", "flag", "default")
    )


def test_a_file_in_the_home_is_found(tmp_path: Path) -> None:
    """Without --config, ``archiver.toml`` in the home is read, and ``ARCHIVER_CONFIG`` names another."""
    written(tmp_path, "drain_seconds = 3")
    other = tmp_path / "other.toml"
    other.write_text("drain_seconds = 4")
    assert load(environment={"ARCHIVER_HOME": str(tmp_path)}).drain_seconds == 3
    assert load(environment={"ARCHIVER_HOME": str(tmp_path), "ARCHIVER_CONFIG": str(other)}).drain_seconds == 4


def test_a_file_that_was_named_must_exist(tmp_path: Path) -> None:
    """A --config that is not there is an error, not an empty file."""
    with pytest.raises(ConfigError, match="does not exist"):
        load(config=tmp_path / "missing.toml", environment={})


@pytest.mark.parametrize(
    ("text", "message", "hint"),
    [
        ("drain_second = 1", "unknown setting drain_second", "Did you mean drain_seconds?"),
        ("zzz = 1", "unknown setting zzz", "There are: home"),
        ('drain_seconds = "canary"', "drain_seconds in .* does not fit", ""),
        ("uploads_in_flight = 0", "uploads_in_flight in .* does not fit: .*>= 1", ""),
        ('log_level = "canary"', "log_level in .* does not fit: one of debug, info, warning, error", ""),
        ('bytes_in_flight = "canary"', "bytes_in_flight in .* does not fit", ""),
        ('key = "canary', "is not TOML", ""),
    ],
)
def test_what_is_wrong_in_a_file_is_named_but_not_shown(tmp_path: Path, text: str, message: str, hint: str) -> None:
    """The message names the key and the nearest known one, and never a value."""
    with pytest.raises(ConfigError, match=message) as caught:
        load(config=written(tmp_path, text), environment={})
    assert caught.value.exit_code == 78
    assert hint in caught.value.hint
    assert "canary" not in f"{caught.value} {caught.value.hint}"


def test_a_misspelt_variable_is_refused() -> None:
    """A variable that nearly is a setting's name is an error which names the right one."""
    with pytest.raises(ConfigError, match="ARCHIVER_UPLOAD_IN_FLIGHT") as caught:
        load(environment={"ARCHIVER_UPLOAD_IN_FLIGHT": "canary"})
    assert caught.value.hint == "Did you mean ARCHIVER_UPLOADS_IN_FLIGHT?"


def test_variables_of_adapters_are_left_alone() -> None:
    """Secret options of adapters share the prefix and are none of the settings' business."""
    assert load(environment={"ARCHIVER_DROPBOX_REFRESH_TOKEN": "x", "ARCHIVER_CONFIG": ""}).origins == {}


@pytest.mark.parametrize(("text", "size"), [("20971520", 20971520), ("32MiB", 32 << 20), ("64 mb", 64_000_000), ("1g", 1 << 30)])
def test_sizes_may_have_units(text: str, size: int) -> None:
    """A number of bytes is written with or without a unit."""
    assert load(environment={"ARCHIVER_BYTES_IN_FLIGHT": text}).bytes_in_flight == size


@pytest.mark.parametrize(("text", "value"), [("1", True), ("true", True), ("False", False), ("0", False)])
def test_switches(text: str, *, value: bool) -> None:
    """A switch in the environment is 1, 0, true or false."""
    assert load(environment={"ARCHIVER_DEBUG": text}).debug is value


def test_a_tilde_is_the_home_directory(monkeypatch: pytest.MonkeyPatch) -> None:
    """``~`` is expanded in paths, and a database's URL stays as it is."""
    monkeypatch.setenv("HOME", "/home/somebody")
    settings = load(environment={"ARCHIVER_DATABASE": "~/a.db"})
    assert settings.database == "/home/somebody/a.db"
    assert settings.key_file == Path("/home/somebody/archiver.key")
    assert load(environment={"ARCHIVER_DATABASE": "postgresql://host/~x"}).database == "postgresql://host/~x"


@given(st.text(min_size=4).filter(lambda text: text not in "*** Secret"))
def test_a_secret_never_shows_itself(text: str) -> None:
    """Neither the secret, nor the settings that hold it, nor their explanation show its text."""
    secret = Secret(text)
    settings = load(environment={}, flags={"key": text})
    assert secret.reveal() == text
    assert settings.key == secret
    assert f"{secret} {secret!r}" == "*** ***"
    assert "key=***," in repr(settings)
    assert next(row.value for row in explain(settings) if row.name == "key") == "***"


@pytest.mark.parametrize(
    "address",
    [
        "postgresql://me:canary@db.example.com/archiver",
        "postgresql://me:canary/with@signs@db.example.com:5432/archiver?sslmode=require",
        "postgresql://me@db.example.com/archiver?sslmode=require&password=canary&sslpassword=canary",
        "postgresql://:canary@/archiver?host=/run",
    ],
)
def test_a_password_in_the_address_of_the_database_is_not_shown(address: str, tmp_path: Path) -> None:
    """Neither by the settings as a text, nor in the table of them."""
    settings = load(environment={}, flags={"home": str(tmp_path), "database": address})
    assert settings.database == address
    shown = f"{settings!r} {settings} {explain(settings)} {settings.shown_database}"
    assert "canary" not in shown
    assert "***" in settings.shown_database
    assert "archiver" in settings.shown_database
