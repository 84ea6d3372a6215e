"""What every database must do, as tests: an engine's own test file subclasses `DatabaseConformance` and gives it a database.

```python
class TestSqlite(DatabaseConformance):
    @pytest.fixture
    async def database(self, tmp_path: Path) -> AsyncIterator[Database]:
        database = SqliteDatabase(tmp_path / "archiver.db")
        await database.open()
        yield database
        await database.close()
```

Runs under pytest with pytest-asyncio in its automatic mode; needs nothing else. Only tests import this module.

Besides: `membership.MembershipConformance` for databases that many workers may serve, `journal.JournalConformance` for those that one
process serves alone.
"""

from __future__ import annotations

import pytest

from archiver.database.conformance.audit import AuditConformance
from archiver.database.conformance.births import BirthConformance
from archiver.database.conformance.browsing import BrowsingConformance
from archiver.database.conformance.completeness import CompletenessConformance
from archiver.database.conformance.connecting import ConnectingConformance
from archiver.database.conformance.customers import CustomersConformance
from archiver.database.conformance.erasing import ErasingConformance
from archiver.database.conformance.looking import LookingConformance
from archiver.database.conformance.people import PeopleConformance
from archiver.database.conformance.reading import ReadingConformance
from archiver.database.conformance.settling import SettlingConformance
from archiver.database.conformance.survey import SurveyConformance
from archiver.database.conformance.upkeep import UpkeepConformance
from archiver.database.port import Database

__all__ = ["DatabaseConformance"]


class DatabaseConformance(
    CustomersConformance,
    ConnectingConformance,
    BirthConformance,
    ReadingConformance,
    SettlingConformance,
    LookingConformance,
    SurveyConformance,
    PeopleConformance,
    BrowsingConformance,
    AuditConformance,
    UpkeepConformance,
    ErasingConformance,
    CompletenessConformance,
):
    """The promises of `archiver.database.port.Database` which do not depend on the engine.

    Subclasses override the fixture ``database``: open, empty, served by nobody.
    """

    @pytest.fixture
    async def database(self) -> Database:
        """An open, empty database."""
        raise NotImplementedError
