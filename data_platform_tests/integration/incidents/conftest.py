from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from data_platform.metastore.engine import Metastore, open_metastore
from data_platform_tests.integration.incidents.webhooks import Received, webhook_server


@pytest.fixture
def metastore(tmp_path: Path) -> Iterator[Metastore]:
    opened = open_metastore(f"sqlite:///{tmp_path}/metastore.db")
    opened.migrate()
    yield opened
    opened.close()


@pytest.fixture
def hook() -> Iterator[Received]:
    with webhook_server() as received:
        yield received


@pytest.fixture
def second_hook() -> Iterator[Received]:
    with webhook_server() as received:
        yield received
