from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from data_platform.catalog.intake import Intake
from data_platform.metastore.engine import Metastore, open_metastore


class FixedClock:
    def now(self) -> datetime:
        return datetime(2026, 3, 31, 12, tzinfo=UTC)


@pytest.fixture(params=["sqlite", "postgresql"])
def metastore(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Metastore]:
    if request.param == "sqlite":
        url = f"sqlite:///{tmp_path}/metastore.db"
    else:
        url = str(request.getfixturevalue("new_postgres_database")())
    opened = open_metastore(url)
    opened.migrate()
    yield opened
    opened.close()


@pytest.fixture
def intake(metastore: Metastore) -> Intake:
    return Intake(store=metastore.catalog, clock=FixedClock())
