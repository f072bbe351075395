"""Runs row rules through both compilations and gives their outcome row by row."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache

import duckdb
import polars as pl
import pyarrow as pa
from pandera.api.polars.types import PolarsData

from data_platform.contracts.rules import Rule
from data_platform.contracts.types import quote_identifier
from data_platform.quality.pandera_checks import compile_check
from data_platform.quality.predicates import predicate


def in_sql(rule: Rule, table: pa.Table) -> list[bool | None]:
    con = _connection()
    con.register("rows_", table)
    return [row[0] for row in con.execute(f"SELECT {predicate(rule, quote_identifier)} FROM rows_").fetchall()]


@cache
def _connection() -> duckdb.DuckDBPyConnection:
    con = duckdb.connect(config={"threads": 1})
    con.execute("SET TimeZone = 'UTC'")
    return con


def in_pandera(rule: Rule, table: pa.Table) -> list[bool]:
    frame = pl.from_arrow(table)
    assert isinstance(frame, pl.DataFrame)
    check = compile_check(rule, dict(frame.schema))
    outcome = check.function(PolarsData(frame.lazy(), "*")).collect().to_series().to_list()
    return [each is not False for each in outcome]


def both(rule: Rule, values: Sequence[object], kind: pa.DataType, column: str = "x") -> list[bool]:
    """The outcome of both, which must be the same and never NULL."""
    table = pa.table({column: pa.array(values, kind)})
    sql, pandera = in_sql(rule, table), in_pandera(rule, table)
    assert None not in sql
    assert sql == pandera
    return pandera
