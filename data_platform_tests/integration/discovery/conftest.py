"""A shop whose every table is published, with its served file: healthy until a test does something to it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from data_platform.settings import S3Settings
from data_platform_tests.integration.discovery.estate import Estate
from data_platform_tests.kit import Kit
from data_platform_tests.servers import S3_BUCKET, s3_server


@pytest.fixture
def estate(tmp_path: Path) -> Iterator[Estate]:
    kit = Kit(tmp_path)
    yield Estate(kit).made()
    kit.close()


@pytest.fixture
def far_estate(tmp_path: Path, new_postgres_database: Callable[[], str]) -> Iterator[Estate]:
    """The same with the store on S3 and the metastore on PostgreSQL."""
    with s3_server() as server:
        s3 = S3Settings(
            endpoint_url=server.endpoint_url,
            region="us-east-1",
            access_key_id="test",
            secret_access_key="test",
            allow_http=True,
        )
        kit = Kit(tmp_path)
        kit.settings = {"store": f"s3://{S3_BUCKET}/estate", "s3": s3, "metastore_url": new_postgres_database()}
        yield Estate(kit).made()
        kit.close()
