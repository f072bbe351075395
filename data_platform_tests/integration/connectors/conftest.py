"""Servers that the tests of connectors share; each lives as long as its worker process."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from data_platform_tests.integration.connectors.kafka_broker import KafkaBroker
from data_platform_tests.integration.connectors.postgres_server import PostgresServer, started_postgres
from data_platform_tests.integration.connectors.s3_buckets import S3Server, s3_buckets


@pytest.fixture(scope="session")
def postgres_server() -> Iterator[PostgresServer]:
    with started_postgres() as server:
        yield server


@pytest.fixture(scope="session")
def s3_drop_server() -> Iterator[S3Server]:
    with s3_buckets() as server:
        yield server


@pytest.fixture(scope="session")
def kafka_broker() -> KafkaBroker:
    return KafkaBroker()
