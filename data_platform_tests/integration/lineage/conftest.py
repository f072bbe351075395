"""A kit whose lineage goes to the catalog, to a file and to a backend of the test's own."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from data_platform.metastore.engine import Metastore, open_metastore
from data_platform_tests.kit import Kit
from data_platform_tests.lineage_backend import Backend, lineage_backend


@pytest.fixture
def backend() -> Iterator[Backend]:
    with lineage_backend() as found:
        yield found


@pytest.fixture
def events_file(tmp_path: Path) -> Path:
    return tmp_path / "lineage" / "events.ndjson"


@pytest.fixture
def kit(tmp_path: Path, backend: Backend, events_file: Path) -> Iterator[Kit]:
    one = Kit(tmp_path)
    one.settings = {
        "lineage": f"catalog,{events_file.as_uri()},{backend.url}",
        "lineage_options": {backend.url: {"timeout_seconds": 20}},
    }
    one.raw("orders", ("order_id string required", "amount int"))
    yield one
    one.close()


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
