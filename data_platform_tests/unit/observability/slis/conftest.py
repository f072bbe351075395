from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from data_platform.metastore.engine import Metastore, open_metastore


@pytest.fixture
def metastore(tmp_path: Path) -> Iterator[Metastore]:
    opened = open_metastore(f"sqlite:///{tmp_path}/metastore.db")
    opened.migrate()
    yield opened
    opened.close()
