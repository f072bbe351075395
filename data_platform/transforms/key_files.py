"""How the rows of a `merge` or `scd2` dataset lie in files: in order of their key, a bounded number of rows in each, so
that a change of few keys rewrites few files.
"""

from __future__ import annotations

from collections.abc import Sequence

from duckdb import DuckDBPyConnection

from data_platform.contracts.types import quote_identifier
from data_platform.lakehouse.snapshots import DataFile
from data_platform.lakehouse.staging import MAX_FILES
from data_platform.lakehouse.tables import StagedFile
from data_platform.transforms.projection import history_key
from data_platform.transforms.replacement import Target, stage_rows

FILE_ROWS = 65_536
_SMALL_ROWS = FILE_ROWS // 4
_MOST_SMALL = 8


def stage_by_key(con: DuckDBPyConnection, relation: str, target: Target) -> list[StagedFile]:
    """Stages the rows of a temporary table; where the contract names a partition column, one event month a file."""
    rows = con.execute(f"SELECT count(*) FROM {relation}").fetchall()[0][0]
    if not rows:
        return []
    pieces = min(-(-rows // FILE_ROWS), MAX_FILES)
    if pieces == 1 or target.day is not None:
        return stage_rows(con, f"SELECT * FROM {relation}", target)
    key = ", ".join(map(quote_identifier, history_key(target.contract)))
    con.execute(
        "CREATE OR REPLACE TEMP TABLE pieces AS "
        f"SELECT *, ntile({pieces}) OVER (ORDER BY {key}) AS _piece FROM {relation}"
    )
    staged: list[StagedFile] = []
    for piece in range(1, pieces + 1):
        staged += stage_rows(con, f"SELECT * EXCLUDE (_piece) FROM pieces WHERE _piece = {piece}", target)
    con.execute("DROP TABLE pieces")
    return staged


def crowd_of_small(files: Sequence[DataFile], partition: str | None) -> tuple[DataFile, ...]:
    """The small files, where there are so many that they are better rewritten as few; else none.

    Args:
        files: those of the table.
        partition: the column by whose month rows are told apart; a month may always have a small file.
    """
    small = tuple(file for file in files if file.rows < _SMALL_ROWS)
    months = {str(file.stats.minimum.get(partition))[:7] for file in small} if partition else set()
    return small if len(small) > _MOST_SMALL + len(months) else ()
