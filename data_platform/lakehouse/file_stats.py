"""Bounds of a file's columns: from DuckDB's `RETURN_STATS`, to and from the statistics of a Delta log entry.

DuckDB gives text under quoted column names; Delta wants typed JSON (PROTOCOL.md, per-file statistics). A bound that is
not exact is dropped or widened, never narrowed: pruning by it must not lose a row.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any, TypeAlias

import pyarrow as pa

from data_platform.contracts.types import quote_identifier

StatValue: TypeAlias = str | int | float | Decimal | date | datetime

_TEXT_CHARS = 32  # as Spark: longer bounds are cut, upper ones then widened
_HIGHEST_CHAR = "\U0010ffff"
_MILLISECOND = timedelta(milliseconds=1)


@dataclass(frozen=True, slots=True)
class FileStats:
    """Bounds by column name. A column without a bound may hold anything; bounds may be wider than the data."""

    minimum: Mapping[str, StatValue] = field(default_factory=dict)
    maximum: Mapping[str, StatValue] = field(default_factory=dict)
    null_count: Mapping[str, int] = field(default_factory=dict)


def from_duckdb(schema: pa.Schema, returned: Mapping[str, Mapping[str, str]]) -> FileStats:
    """The statistics that DuckDB returned for one file; nested columns have none."""
    minimum: dict[str, StatValue] = {}
    maximum: dict[str, StatValue] = {}
    nulls: dict[str, int] = {}
    for column in schema:
        stats = returned.get(quote_identifier(column.name))
        if stats is None or pa.types.is_nested(column.type):
            continue
        nulls[column.name] = int(stats["null_count"])
        bounds = _bounds(column.type, stats)
        if bounds is not None:
            minimum[column.name], maximum[column.name] = bounds
    return FileStats(minimum, maximum, nulls)


def from_delta(actions: pa.Table) -> list[FileStats]:
    """The statistics of delta-rs's add actions, in their order."""
    columns = (_flat_values(actions, name) for name in ("min", "max", "null_count"))
    return [FileStats(*each) for each in zip(*columns, strict=True)]


def to_delta(rows: int, stats: FileStats) -> str:
    """The JSON text of an add action's `stats`; decimals are written as exact numbers."""
    parts = {
        "numRecords": str(rows),
        "minValues": _object(stats.minimum),
        "maxValues": _object(stats.maximum),
        "nullCount": _object(stats.null_count),
    }
    return "{" + ",".join(f"{json.dumps(name)}:{text}" for name, text in parts.items()) + "}"


def _bounds(arrow: pa.DataType, stats: Mapping[str, str]) -> tuple[StatValue, StatValue] | None:
    low, high = stats.get("min"), stats.get("max")
    unsaid = "false" if pa.types.is_string(arrow) else "true"  # DuckDB 1.5 does not say; only text is ever cut
    is_exact = stats.get("min_is_exact", unsaid) == "true" and stats.get("max_is_exact", unsaid) == "true"
    if low is None or high is None or not is_exact or stats.get("has_nan") == "true":
        return None
    try:
        return _low(arrow, low), _high(arrow, high)
    except (ValueError, OverflowError):
        return None  # infinite, before year 1 or after 9999: no bound is better than a wrong one


def _low(arrow: pa.DataType, text: str) -> StatValue:
    if pa.types.is_string(arrow):
        return text[:_TEXT_CHARS]
    if pa.types.is_timestamp(arrow):
        moment = _moment(text)
        return moment.replace(microsecond=moment.microsecond // 1000 * 1000)
    return _number_or_date(arrow, text)


def _high(arrow: pa.DataType, text: str) -> StatValue:
    if pa.types.is_string(arrow):
        return text if len(text) <= _TEXT_CHARS else text[:_TEXT_CHARS] + _HIGHEST_CHAR
    if pa.types.is_timestamp(arrow):
        moment = _moment(text)
        floor = moment.replace(microsecond=moment.microsecond // 1000 * 1000)
        return floor if floor == moment else floor + _MILLISECOND
    return _number_or_date(arrow, text)


def _number_or_date(arrow: pa.DataType, text: str) -> StatValue:
    if pa.types.is_integer(arrow):
        return int(text)
    if pa.types.is_decimal(arrow):
        return Decimal(text)
    if pa.types.is_floating(arrow) and math.isfinite(float(text)):
        return float(text)
    if pa.types.is_date(arrow):
        return date.fromisoformat(text)
    raise ValueError(f"no bounds are kept for {arrow}")


def _moment(text: str) -> datetime:
    moment = datetime.fromisoformat(text)
    return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)


def _flat_values(actions: pa.Table, name: str) -> list[dict[str, Any]]:
    """A struct column as one mapping a file; what is nested or not there is left out."""
    found: list[dict[str, Any]] = [{} for _ in range(actions.num_rows)]
    if name not in actions.schema.names:
        return found
    struct = actions.column(name).combine_chunks()
    for column, values in zip(struct.type, struct.flatten(), strict=True):
        for mapping, value in zip(found, _plain(values), strict=True):
            if _is_flat(value):
                mapping[column.name] = value
    return found


def _is_flat(value: object) -> bool:
    return isinstance(value, str | int | float | Decimal | date) and not isinstance(value, bool)


def _plain(values: pa.Array) -> list[Any]:
    if not pa.types.is_timestamp(values.type):
        return list(values.to_pylist())
    # Not as pyarrow makes them: it would load pandas for every one of them, which takes a second.
    zero = datetime(1970, 1, 1, tzinfo=UTC if values.type.tz else None)
    micros = values.cast(pa.timestamp("us", values.type.tz)).cast(pa.int64()).to_pylist()
    return [None if each is None else zero + timedelta(microseconds=each) for each in micros]


def _object(values: Mapping[str, StatValue]) -> str:
    return (
        "{"
        + ",".join(f"{json.dumps(name, ensure_ascii=False)}:{_literal(value)}" for name, value in values.items())
        + "}"
    )


def _literal(value: StatValue) -> str:
    if isinstance(value, datetime):
        return json.dumps(value.strftime("%Y-%m-%dT%H:%M:%S.") + f"{value.microsecond // 1000:03}Z")
    if isinstance(value, date):
        return json.dumps(value.isoformat())
    if isinstance(value, Decimal):
        return format(value, "f")
    # Not as \u escapes: delta-rs 1.6 reads escaped surrogate pairs above U+1FFFF as other characters.
    return json.dumps(value, ensure_ascii=False)
