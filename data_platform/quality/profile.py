"""Small previews of a relation, redacted, for the metadata that people see beside a dataset."""

from __future__ import annotations

import duckdb
import pandas as pd

from data_platform.quality.verdicts import Redactor

PREVIEW_ROWS = 5


def preview(
    con: duckdb.DuckDBPyConnection, relation: str, redact: Redactor, *, limit: int = PREVIEW_ROWS
) -> pd.DataFrame:
    """At most `limit` rows of a relation in storage order, each one redacted, one column of objects per column.

    Args:
        con: the connection that can read the relation.
        relation: SQL that can stand in a FROM clause.
        redact: what may be shown of a row, e.g. `governance.redaction.redactor(contract)`.
        limit: rows at most.
    """
    answer = con.sql(f"SELECT * FROM {relation} LIMIT {int(limit)}")
    columns = answer.columns
    rows = [dict(redact(dict(zip(columns, row, strict=True)))) for row in answer.fetchall()]
    return pd.DataFrame(rows, columns=columns, dtype=object)
