"""Text columns to typed columns: whole columns by kernels where the lexical form is proven, the rest row by row.

Each type has a pattern of texts that its kernel surely reads exactly (kernels alone are lenient: hexadecimal
integers, exponents in decimals, `1` for true, wrap-around at 39 digits). A text outside the pattern, or one that the
kernel refuses, is decided by `lexical`, which also names its fault.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import date

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from data_platform.contracts.types import ColumnType, TypeKind
from data_platform.formats.lexical import Fault, parse_text
from data_platform.formats.scalars import int64_scalar, null_scalar

_MOMENT = r"[0-9]{4}-[0-9]{2}-[0-9]{2}[T ][0-9]{2}:[0-9]{2}:[0-9]{2}(\.[0-9]{1,6})?"
_OFFSET = r"(Z|[+-][0-9]{2}:[0-9]{2})"
_BISECT_FLOOR = 8  # below this many rows a refused slice is decided row by row


def _days(day: date) -> int:
    return day.toordinal() - date(1970, 1, 1).toordinal()


_DAY_US = 86_400_000_000
_FIRST_DAY, _LAST_DAY = _days(date.min), _days(date.max)


@dataclass(frozen=True, slots=True)
class Cast:
    """A typed column; NULL where the text was NULL or faulty, and the faults by row."""

    values: pa.Array
    faults: dict[int, Fault]


def cast_text(texts: pa.StringArray, column_type: ColumnType) -> Cast:
    """Casts exactly; never raises for what the texts hold."""
    if column_type.kind is TypeKind.STRING:
        return Cast(texts, {})
    if column_type.kind is TypeKind.TIMESTAMP and column_type.timezone is not None:
        return _cast_zoned(texts, column_type)
    return _settle(texts, column_type, _kernel(texts, column_type, _pattern(column_type), _convert_plain))


def _cast_zoned(texts: pa.StringArray, column_type: ColumnType) -> Cast:
    """Timestamps of a column that names a zone: with an offset as written, without one as local time."""
    local = _kernel(texts, column_type, rf"\A{_MOMENT}\z", _convert_local)
    if local.null_count == texts.null_count:
        return Cast(local, {})
    written = _kernel(texts, column_type, _pattern(column_type), _convert_plain)
    return _settle(texts, column_type, pc.coalesce(local, written))


def _pattern(column_type: ColumnType) -> str:
    """Texts that `_convert_plain` reads exactly or refuses, never bends."""
    match column_type.kind:
        case TypeKind.INTEGER:
            digits = 8 if column_type.bits == 32 else 17
            return rf"\A(0|-?[1-9][0-9]{{0,{digits}}})\z"
        case TypeKind.DECIMAL:
            return _decimal_pattern(column_type.precision, column_type.scale)
        case TypeKind.DOUBLE:
            return r"\A-?(0|[1-9][0-9]*)(\.[0-9]+)?([eE][+-]?[0-9]+)?\z"
        case TypeKind.BOOLEAN:
            return r"\A(true|false)\z"
        case TypeKind.DATE:
            return r"\A[0-9]{4}-[0-9]{2}-[0-9]{2}\z"
        case _:
            return rf"\A{_MOMENT}{_OFFSET}\z"


def _decimal_pattern(precision: int, scale: int) -> str:
    """Decimals within precision and scale; a minus only before something other than zero."""
    whole = precision - scale
    fraction = rf"(\.[0-9]{{1,{scale}}})?" if scale else ""
    forms = [f"0{fraction}"]
    if whole:
        forms.append(rf"-?[1-9][0-9]{{0,{whole - 1}}}{fraction}")
    forms += [rf"-0\.0{{{zeros}}}[1-9][0-9]{{0,{scale - zeros - 1}}}" for zeros in range(scale)]
    return rf"\A({'|'.join(forms)})\z"


def _kernel(
    texts: pa.StringArray, column_type: ColumnType, pattern: str, convert: Callable[[pa.Array, ColumnType], pa.Array]
) -> pa.Array:
    """Converts the texts that match `pattern`; NULL where they do not or where the kernel refuses them."""
    proven = pc.match_substring_regex(texts, pattern)
    if pc.all(proven, min_count=0).as_py() is False:
        texts = pc.if_else(proven, texts, null_scalar(pa.string()))
    return _bisect(texts, column_type, convert)


def _bisect(
    texts: pa.StringArray, column_type: ColumnType, convert: Callable[[pa.Array, ColumnType], pa.Array]
) -> pa.Array:
    """`convert` over the largest slices it does not refuse; NULL for slices below the floor that it refuses."""
    try:
        return _bounded(convert(texts, column_type), column_type)
    except pa.ArrowInvalid:
        if len(texts) <= _BISECT_FLOOR:
            return pa.nulls(len(texts), column_type.arrow())
    half = len(texts) // 2
    parts = [_bisect(texts[:half], column_type, convert), _bisect(texts[half:], column_type, convert)]
    return pa.concat_arrays(parts)


def _convert_plain(texts: pa.Array, column_type: ColumnType) -> pa.Array:
    return pc.cast(texts, column_type.arrow())


def _convert_local(texts: pa.Array, column_type: ColumnType) -> pa.Array:
    local = pc.cast(texts, pa.timestamp("us"))
    placed = pc.assume_timezone(local, column_type.timezone, ambiguous="raise", nonexistent="raise")
    # the kernel's zone rules end in 2037 on some systems; earlier and later moments go to `lexical`
    bounded = _within(placed, _days(date(1971, 1, 1)) * _DAY_US, _days(date(2037, 1, 1)) * _DAY_US)
    return pc.cast(bounded, column_type.arrow())


def _bounded(values: pa.Array, column_type: ColumnType) -> pa.Array:
    """Takes out what kernels let through: years outside 1 to 9999, doubles that are not finite."""
    match column_type.kind:
        case TypeKind.DATE:
            return _within(values, _FIRST_DAY, _LAST_DAY)
        case TypeKind.TIMESTAMP:
            return _within(values, _FIRST_DAY * _DAY_US, (_LAST_DAY + 1) * _DAY_US - 1)
        case TypeKind.DOUBLE:
            return _keep(values, pc.is_finite(values))
        case _:
            return values


def _within(values: pa.Array, low: int, high: int) -> pa.Array:
    """Values whose storage lies within the inclusive bounds; NULL elsewhere."""
    above = pc.greater_equal(values, int64_scalar(low, values.type))
    return _keep(values, pc.and_(above, pc.less_equal(values, int64_scalar(high, values.type))))


def _keep(values: pa.Array, kept: pa.BooleanArray) -> pa.Array:
    if pc.all(kept, min_count=0).as_py() is False:
        return pc.if_else(kept, values, null_scalar(values.type))
    return values


def _settle(texts: pa.StringArray, column_type: ColumnType, values: pa.Array) -> Cast:
    """Decides by `lexical` every text that the kernels left open."""
    if values.null_count == texts.null_count:
        return Cast(values, {})
    is_open = pc.and_(pc.is_null(values), pc.is_valid(texts))
    rows = np.flatnonzero(is_open.to_numpy(zero_copy_only=False))
    faults: dict[int, Fault] = {}
    settled = []
    for row, text in zip(rows.tolist(), texts.take(pa.array(rows)).to_pylist(), strict=True):
        outcome = parse_text(text, column_type)
        if isinstance(outcome, Fault):
            faults[row] = outcome
        settled.append(None if isinstance(outcome, Fault) else outcome)
    return Cast(pc.replace_with_mask(values, is_open, pa.array(settled, column_type.arrow())), faults)
