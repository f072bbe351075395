"""The day to which a date or a moment belongs, as SQL: what event dates and partitions are made of."""

from __future__ import annotations

from data_platform.contracts.model import Contract
from data_platform.contracts.types import TypeKind, quote_identifier


def utc_day(contract: Contract, column: str, *, table: str | None = None) -> str:
    """SQL of the UTC day of a column. Epoch microseconds spare ICU's calendar, row by row."""
    quoted = quote_identifier(column) if table is None else f"{quote_identifier(table)}.{quote_identifier(column)}"
    if contract.column(column).type.kind is TypeKind.DATE:
        return quoted
    return f"CAST(make_timestamp(epoch_us({quoted})) AS DATE)"
