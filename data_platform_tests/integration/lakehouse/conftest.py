"""A store of each kind, and an engine for it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import count
from pathlib import Path

import pytest
from duckdb import DuckDBPyConnection

from data_platform.lakehouse.credentials import StoreCredentials
from data_platform.lakehouse.duck import Engine
from data_platform.lakehouse.object_store import ObjectStore, open_store
from data_platform.lakehouse.tables import Lake
from data_platform_tests.servers import S3_BUCKET, s3_server

_prefixes = count()


@dataclass(frozen=True)
class Place:
    """Where a test's store is."""

    uri: str
    credentials: StoreCredentials | None

    @property
    def is_local(self) -> bool:
        return self.credentials is None


@pytest.fixture(scope="session")
def s3_credentials() -> Iterator[StoreCredentials]:
    with s3_server() as credentials:
        yield credentials


@pytest.fixture(params=["local", "s3"])
def place(request: pytest.FixtureRequest, tmp_path: Path) -> Place:
    if request.param == "local":
        return Place(str(tmp_path / "store"), None)
    return Place(f"s3://{S3_BUCKET}/p{next(_prefixes)}", request.getfixturevalue("s3_credentials"))


@pytest.fixture
def local_place(tmp_path: Path) -> Place:
    return Place(str(tmp_path / "store"), None)


@pytest.fixture
def store(place: Place) -> ObjectStore:
    return open_store(place.uri, place.credentials)


@pytest.fixture
def lake(place: Place) -> Lake:
    return Lake(place.uri, place.credentials)


@pytest.fixture
def local_lake(local_place: Place) -> Lake:
    return Lake(local_place.uri)


@pytest.fixture
def con(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[DuckDBPyConnection]:
    credentials = request.getfixturevalue("place").credentials if "place" in request.fixturenames else None
    engine = Engine(spill_dir=tmp_path / "spill", memory_limit="500MB", credentials=credentials)
    with engine, engine.session() as connection:
        yield connection
