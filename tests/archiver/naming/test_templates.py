"""Templates: what is refused, and that the presets work."""

import pytest

from archiver.errors import ConfigError
from archiver.naming import FIELDS, RULES, TEMPLATES, check_template
from archiver.naming.templates import compile_template


@pytest.mark.parametrize("template", [*TEMPLATES, *TEMPLATES.values(), "{id}", "a/{meta.campaign}/b_{time}", "{year}/plain"])
def test_good_templates_pass(template: str) -> None:
    """Presets by name and by text, and anything that names a field."""
    check_template(template)


@pytest.mark.parametrize("template", ["{foo}", "{id:>8}", "{id!r}", "{}", "{0}", "{meta.}", "{kind.name}", "{kind[0]}"])
def test_an_unknown_field_is_named_and_the_known_ones_listed(template: str) -> None:
    """Formats and conversions are not fields either."""
    with pytest.raises(ConfigError, match="unknown field") as caught:
        check_template(template)
    assert all(field in caught.value.hint for field in FIELDS)


@pytest.mark.parametrize("template", ["", "/", "{id", "id}", "{kind}/", "plain", "../{id}", "{kind}/./{id}", " /{id}", "\u202e/{id}"])
def test_a_template_that_cannot_work_is_refused(template: str) -> None:
    """Stray braces, no file name, no field, parts that no storage takes or that would leave the root."""
    with pytest.raises(ConfigError):
        check_template(template)


def test_a_template_is_compiled_once() -> None:
    """Millions of births, one compilation."""
    assert compile_template("{kind}/{id}", "portable") is compile_template("{kind}/{id}", "portable")


def test_directories_of_many_items_are_not_kept_for_ever() -> None:
    """What is kept by day and owner is bounded."""
    from archiver.model import Discovery, Kind  # noqa: PLC0415 - only this test makes items

    compiled = compile_template("{owner}/{kind}/{id}", "posix")
    for number in range(5000):
        item = Discovery(kind=Kind.FAX, external_id="1", occurred_at=0, locator="", media_type="text/plain", owner=str(number))
        assert compiled.directories(item) == f"/{number}/fax"


def test_rules_have_names() -> None:
    """Those that destinations may name."""
    assert sorted(RULES) == ["dropbox", "onedrive", "portable", "posix"]
