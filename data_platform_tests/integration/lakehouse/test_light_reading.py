"""Opening a table is what every command does, so it loads no library that only heavy work needs."""

from __future__ import annotations

import subprocess
import sys
from datetime import UTC, datetime

from duckdb import DuckDBPyConnection

from data_platform.lakehouse.tables import Lake
from data_platform_tests.integration.lakehouse.conftest import Place
from data_platform_tests.integration.lakehouse.orders import REF, append, created

OPEN = """
import sys
from data_platform.lakehouse.table_ref import TableRef
from data_platform.lakehouse.tables import Lake
snapshot = Lake(sys.argv[1]).table(TableRef.parse(sys.argv[2])).snapshot()
print(snapshot.rows, snapshot.files[0].stats.minimum["at"].isoformat(), "pandas" in sys.modules)
"""


def test_opening_a_table_with_moments_among_its_bounds_does_not_load_pandas(
    local_lake: Lake, local_place: Place, con: DuckDBPyConnection
) -> None:
    append(con, created(local_lake), 0, 24)
    command = [sys.executable, "-c", OPEN, local_place.uri, str(REF)]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["24", datetime(2024, 3, 1, tzinfo=UTC).isoformat(), "False"]
