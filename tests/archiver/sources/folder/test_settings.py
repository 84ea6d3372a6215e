"""The folder's options."""

import pytest

from archiver.adapter import check_options
from archiver.errors import ConfigError
from archiver.model import Kind
from archiver.sources.folder.settings import OPTIONS, Sidecars, settings_from


def test_the_path_is_enough() -> None:
    """Everything else has a default."""
    settings = settings_from(check_options("folder", OPTIONS, {"path": "/srv/calls"}))
    assert (settings.root, settings.watch, settings.sidecars) == ("/srv/calls", True, Sidecars.OPTIONAL)
    assert settings.kinds[".wav"] is Kind.RECORDING


def test_kinds_may_be_added_and_changed() -> None:
    """In a list; case and spaces do not matter."""
    settings = settings_from(check_options("folder", OPTIONS, {"path": "/x", "kinds": " .AMR = recording,.txt=fax,"}))
    assert (settings.kinds[".amr"], settings.kinds[".txt"], settings.kinds[".mp3"]) == (Kind.RECORDING, Kind.FAX, Kind.RECORDING)


@pytest.mark.parametrize("kinds", ["amr=recording", ".amr", ".=fax", ".amr=letter", "="])
def test_wrong_kinds_are_refused_and_the_right_ones_listed(kinds: str) -> None:
    """The hint has the known kinds."""
    with pytest.raises(ConfigError) as caught:
        settings_from(check_options("folder", OPTIONS, {"path": "/x", "kinds": kinds}))
    assert "voicemail" in caught.value.hint
