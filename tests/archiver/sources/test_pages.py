"""The pages of the sources and of naming have what the code has."""

from pathlib import Path

import pytest

from archiver.adapter import Option
from archiver.naming import FIELDS, RULES, TEMPLATES
from archiver.sources.files.kinds import KINDS
from archiver.sources.folder import ADAPTER as FOLDER
from archiver.sources.folder.candidates import Reason
from archiver.sources.folder.sidecar import Sidecar
from archiver.sources.memory import ADAPTER as MEMORY
from archiver.sources.ringcentral import ADAPTER as RINGCENTRAL
from archiver.sources.sqltable import ADAPTER as SQLTABLE
from archiver.sources.twilio import ADAPTER as TWILIO

DOCS = Path(__file__).parents[3] / "docs"
SOURCES = (DOCS / "sources.md").read_text()
NAMING = (DOCS / "naming.md").read_text()


@pytest.mark.parametrize(
    ("adapter", "options"), [(adapter.name, adapter.options) for adapter in (FOLDER, MEMORY, RINGCENTRAL, SQLTABLE, TWILIO)]
)
def test_every_option_of_a_source_is_documented(adapter: str, options: tuple[Option, ...]) -> None:
    """In the adapter's own section."""
    section = SOURCES.split(f"\n## {adapter}\n")[1].split("\n## ")[0]
    assert [option.name for option in options if f"`{option.name}`" not in section] == []


@pytest.mark.parametrize(("adapter", "options"), [(adapter.name, adapter.options) for adapter in (RINGCENTRAL, TWILIO)])
def test_every_option_of_a_phone_system_has_its_default_and_meaning(adapter: str, options: tuple[Option, ...]) -> None:
    """On its own page, in the table."""
    page = (DOCS / f"{adapter}.md").read_text()
    assert [option.name for option in options if f"\n| `{option.name}`" not in page] == []


def test_every_reason_and_every_key_of_a_sidecar_is_documented() -> None:
    """Also the extensions that are known without being told."""
    assert [reason for reason in Reason if f"| `{reason}` |" not in SOURCES] == []
    assert [key for key in Sidecar.__struct_fields__ if f"`{key}`" not in SOURCES] == []
    assert [extension for extension in KINDS if extension not in SOURCES] == []


def test_every_field_template_and_rule_is_documented() -> None:
    """Templates to the letter."""
    assert [field for field in FIELDS if f"`{{{field}}}`" not in NAMING] == []
    assert [name for name, template in TEMPLATES.items() if f"`{name}`" not in NAMING or f"`{template}` |" not in NAMING] == []
    assert [name for name in RULES if f"| `{name}` |" not in NAMING] == []
