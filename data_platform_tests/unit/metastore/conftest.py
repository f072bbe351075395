from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from data_platform.metastore.engine import Metastore, open_metastore


@pytest.fixture(params=["sqlite", "postgresql"])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path}/home/metastore.db"
    return str(request.getfixturevalue("new_postgres_database")())


@pytest.fixture
def metastore(url: str) -> Iterator[Metastore]:
    opened = open_metastore(url)
    opened.migrate()
    yield opened
    opened.close()
