"""What the values of a relation are like, column by column: counts, distinct values, sign and size. DuckDB computes it
within its memory limit and spills to disk.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import duckdb

from data_platform.contracts.types import ColumnType, TypeKind, quote_identifier

_MOST_LISTED = 20  # distinct values of an enum
_ROWS_PER_VALUE = 20  # fewer, and repetition may be chance
_LONGEST_LISTED = 40
_SAMPLE = 500
_LISTABLE = (TypeKind.STRING,)
_NUMBERS = (TypeKind.INTEGER, TypeKind.DECIMAL, TypeKind.DOUBLE)
_FLAT = (*_NUMBERS, TypeKind.STRING, TypeKind.BOOLEAN, TypeKind.DATE, TypeKind.TIMESTAMP)
_WORD = r"[A-Za-z0-9][A-Za-z0-9_.:/+-]*"


@dataclass(frozen=True, slots=True, kw_only=True)
class ColumnProfile:
    """One column.

    Attributes:
        distinct: exact where it may be a key, else about.
        low, high: of a number.
        values: all of them, where they are few, short and often repeated.
        sample: some distinct texts, for validators only.
        is_plain: every text is made of ASCII letters, digits and common signs.
    """

    rows: int
    nulls: int
    distinct: int
    low: float | None = None
    high: float | None = None
    values: tuple[str, ...] = ()
    sample: tuple[str, ...] = ()
    is_plain: bool = False

    @property
    def is_unique(self) -> bool:
        """Whether no value repeats and none is missing."""
        return self.rows > 0 and self.nulls == 0 and self.distinct == self.rows


def profile(
    con: duckdb.DuckDBPyConnection, relation: str, columns: Sequence[tuple[str, ColumnType]]
) -> dict[str, ColumnProfile]:
    """Profiles flat columns of a relation, each in a pass of its own.

    Args:
        con: the connection that can read the relation.
        relation: SQL that can stand in a FROM clause.
        columns: names and types; numbers may be stored as text.
    """
    return {name: _profile(con, relation, name, of) for name, of in columns if of.kind in _FLAT}


def _profile(con: duckdb.DuckDBPyConnection, relation: str, name: str, of: ColumnType) -> ColumnProfile:
    column = quote_identifier(name)
    number = f"try_cast({column} AS DOUBLE)" if of.kind in _NUMBERS else "NULL::DOUBLE"
    is_text = of.kind is TypeKind.STRING
    plain = f"coalesce(bool_and(regexp_full_match({column}, '{_WORD}')), false)" if is_text else "false"
    rows, present, about, low, high, is_plain = con.sql(
        f"SELECT count(*), count({column}), approx_count_distinct({column}), min({number}), max({number}), {plain} "
        f"FROM {relation}"
    ).fetchall()[0]
    distinct = int(about)
    if rows and present == rows and about >= 0.8 * rows:
        distinct = _one(con, f"SELECT count(DISTINCT {column}) FROM {relation}")
    texts: tuple[str, ...] = ()
    if is_text and about <= 2 * _MOST_LISTED and rows >= _ROWS_PER_VALUE:
        found = con.sql(
            f"SELECT DISTINCT {column} FROM {relation} WHERE {column} IS NOT NULL LIMIT {_MOST_LISTED + 1}"
        ).fetchall()
        values = sorted(str(row[0]) for row in found)
        is_list = 0 < len(values) <= _MOST_LISTED and len(values) * _ROWS_PER_VALUE <= present
        texts = tuple(values) if is_list and all(0 < len(v) <= _LONGEST_LISTED for v in values) else ()
    sample = con.sql(
        f"SELECT DISTINCT {column} FROM (SELECT {column} FROM {relation} WHERE {column} IS NOT NULL LIMIT {_SAMPLE})"
    ).fetchall()
    return ColumnProfile(
        rows=rows,
        nulls=rows - present,
        distinct=distinct,
        low=_finite(low),
        high=_finite(high),
        values=texts,
        sample=tuple(str(row[0]) for row in sample),
        is_plain=bool(is_plain),
    )


def _one(con: duckdb.DuckDBPyConnection, sql: str) -> int:
    return int(con.sql(sql).fetchall()[0][0])


def _finite(value: float | None) -> float | None:
    return value if value is not None and math.isfinite(value) else None
