"""A kit in the test's own folder, closed at the end."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from data_platform_tests.kit import Kit


@pytest.fixture
def kit(tmp_path: Path) -> Iterator[Kit]:
    one = Kit(tmp_path)
    yield one
    one.close()
