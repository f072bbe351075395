"""A shop in the test's own folder with an instance of its own."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from data_platform_tests.integration.orchestration.shop import Shop, opened
from data_platform_tests.kit import Kit


@pytest.fixture
def shop(tmp_path: Path) -> Iterator[Shop]:
    kit = Kit(tmp_path)
    with opened(kit) as one:
        yield one
    kit.close()
