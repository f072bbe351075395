"""Parquet batches to typed records: exact casts of whole columns, narrowed down to the rows that refuse them."""

from __future__ import annotations

import json
from collections.abc import Callable

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from data_platform.contracts.model import Contract
from data_platform.contracts.types import ColumnType, TypeKind
from data_platform.formats.lexical import Fault
from data_platform.formats.parquet_schema import ParquetLayout
from data_platform.formats.reading import keeps_extra, record_schema
from data_platform.formats.rejected import Reason, RejectedRecord
from data_platform.formats.scalars import int64_array, int64_scalar, null_scalar
from data_platform.formats.text_casts import Cast, cast_text
from data_platform.formats.typed import TypedRecords

_CONTROL = r"[\x00-\x08\x0b\x0c\x0e-\x1f]"
_YEAR_1_US, _YEAR_10000_US = -62_135_596_800_000_000, 253_402_300_800_000_000
_YEAR_1_DAYS, _YEAR_10000_DAYS = -719_162, 2_932_897


class BatchReader:
    """Reads the batches of one file."""

    def __init__(self, contract: Contract, layout: ParquetLayout) -> None:
        self._contract = contract
        self._layout = layout
        self._schema = record_schema(contract)

    def read(self, batch: pa.RecordBatch) -> TypedRecords:
        """The typed records of `batch`, numbered from 0."""
        arrays: list[pa.Array] = []
        faults: dict[int, tuple[str, Fault]] = {}
        for column, source in zip(self._contract.columns, self._layout.sources, strict=True):
            cast = cast_values(batch.column(source), column.type)
            arrays.append(cast.values)
            for row, fault in cast.faults.items():
                faults.setdefault(row, (column.name, fault))
        arrays.append(int64_array(np.arange(batch.num_rows)))
        if keeps_extra(self._contract):
            arrays.append(self._extra(batch))
        records = pa.record_batch(arrays, schema=self._schema)
        if faults:
            kept = np.ones(batch.num_rows, np.bool_)
            kept[list(faults)] = False
            records = records.take(int64_array(np.flatnonzero(kept)))
        rejected = [_reject(batch, row, column, fault) for row, (column, fault) in faults.items()]
        return TypedRecords(batch.num_rows, records, rejected)

    def _extra(self, batch: pa.RecordBatch) -> pa.Array:
        if not self._layout.extra:
            return pa.nulls(batch.num_rows, pa.string())
        return pa.array([_as_json(row) for row in batch.select(list(self._layout.extra)).to_pylist()], pa.string())


def _reject(batch: pa.RecordBatch, row: int, column: str, fault: Fault) -> RejectedRecord:
    try:
        raw = _as_json(batch.slice(row, 1).to_pylist()[0]).encode()
    except (UnicodeError, ValueError, OverflowError):  # a value that Python has no form for
        raw = None
    return RejectedRecord(
        record_no=row, byte_offset=None, reason=fault.reason, detail=fault.detail, raw=raw, column=column
    )


def _as_json(row: dict[str, object]) -> str:
    return json.dumps(row, ensure_ascii=False, default=str)


def cast_values(values: pa.Array, column_type: ColumnType) -> Cast:
    """Casts exactly; never raises for what the values hold."""
    if pa.types.is_dictionary(values.type):
        values = values.dictionary_decode()
    if pa.types.is_null(values.type):
        return Cast(pa.nulls(len(values), column_type.arrow()), {})
    match column_type.kind:
        case TypeKind.STRING:
            return _cast_strings(values)
        case TypeKind.DECIMAL:
            return _narrowed(values, lambda part: _to_decimal(part, column_type), Reason.OUT_OF_RANGE)
        case TypeKind.DOUBLE:
            return _keep(pc.cast(values, pa.float64()), pc.is_finite, Fault(Reason.TYPE_DOUBLE, "not a finite number"))
        case TypeKind.TIMESTAMP:
            return _cast_timestamps(values, column_type)
        case TypeKind.DATE:
            days = _narrowed(values, lambda part: pc.cast(part, pa.date32()), Reason.TYPE_DATE)
            return _bounded(days, _YEAR_1_DAYS, _YEAR_10000_DAYS)
        case TypeKind.OBJECT:
            return _cast_struct(values, column_type)
        case TypeKind.ARRAY:
            return _cast_list(values, column_type)
        case _:
            return Cast(pc.cast(values, column_type.arrow()), {})


def _to_decimal(values: pa.Array, column_type: ColumnType) -> pa.Array:
    if pa.types.is_integer(values.type):
        values = pc.cast(values, pa.decimal128(20, 0))
    return pc.cast(values, column_type.arrow())


def _cast_strings(values: pa.Array) -> Cast:
    def convert(part: pa.Array) -> pa.Array:
        part.validate(full=True)
        return pc.cast(part, pa.string())

    cast = _narrowed(values, convert, Reason.ENCODING)
    clean = _keep(
        cast.values,
        lambda texts: pc.invert(pc.match_substring_regex(texts, _CONTROL)),
        Fault(Reason.CONTROL_CHAR, "a control character"),
    )
    return Cast(clean.values, {**clean.faults, **cast.faults})


def _cast_timestamps(values: pa.Array, column_type: ColumnType) -> Cast:
    zone = values.type.tz
    if zone is None and column_type.timezone is None:
        fault = Fault(Reason.TYPE_TIMESTAMP, "no offset, and the contract names no time zone")
        rows = np.flatnonzero(pc.is_valid(values).to_numpy(zero_copy_only=False))
        return Cast(pa.nulls(len(values), column_type.arrow()), dict.fromkeys(rows.tolist(), fault))
    target = pa.timestamp("us", tz=None if zone is None else "UTC")
    cast = _narrowed(values, lambda part: pc.cast(part, target), Reason.TYPE_TIMESTAMP)
    cast = _bounded(cast, _YEAR_1_US, _YEAR_10000_US)
    if zone is not None:
        return cast
    placed = cast_text(pc.cast(cast.values, pa.string()), column_type)
    return Cast(placed.values, {**placed.faults, **cast.faults})


def _bounded(cast: Cast, low: int, behind: int) -> Cast:
    """Takes out moments and days outside the years 1 to 9999."""

    def is_within(values: pa.Array) -> pa.Array:
        above = pc.greater_equal(values, int64_scalar(low, values.type))
        return pc.and_(above, pc.less(values, int64_scalar(behind, values.type)))

    kept = _keep(cast.values, is_within, Fault(Reason.OUT_OF_RANGE, "before year 1 or after year 9999 in UTC"))
    return Cast(kept.values, {**kept.faults, **cast.faults})


def _cast_struct(values: pa.StructArray, column_type: ColumnType) -> Cast:
    faults: dict[int, Fault] = {}
    parts = []
    for part in column_type.fields:
        cast = cast_values(pc.struct_field(values, part.name), part.type)
        parts.append(cast.values)
        for row, fault in cast.faults.items():
            faults.setdefault(row, fault)
    fields = list(column_type.arrow())
    return Cast(pa.StructArray.from_arrays(parts, fields=fields, mask=pc.is_null(values)), faults)


def _cast_list(values: pa.Array, column_type: ColumnType) -> Cast:
    if column_type.item is None:
        raise ValueError("an array type without an item type")
    parents = pc.list_parent_indices(values).to_numpy()
    cast = cast_values(pc.list_flatten(values), column_type.item)
    lengths = pc.fill_null(pc.list_value_length(values), 0).to_numpy()
    offsets = np.concatenate(([0], np.cumsum(lengths))).astype(np.int32)
    buffer = pa.Array.from_buffers(pa.int32(), len(offsets), [None, pa.py_buffer(offsets)])
    lists = pa.ListArray.from_arrays(buffer, cast.values, type=column_type.arrow(), mask=pc.is_null(values))
    return Cast(lists, {int(parents[item]): fault for item, fault in cast.faults.items()})


def _keep(values: pa.Array, is_good: Callable[[pa.Array], pa.Array], fault: Fault) -> Cast:
    """NULL and `fault` where a valid value is not good."""
    bad: npt.NDArray[np.bool_] = ~pc.fill_null(is_good(values), True).to_numpy(zero_copy_only=False)
    if not bad.any():
        return Cast(values, {})
    rows = np.flatnonzero(bad).tolist()
    return Cast(
        pc.if_else(pc.fill_null(is_good(values), True), values, null_scalar(values.type)), dict.fromkeys(rows, fault)
    )


def _narrowed(values: pa.Array, convert: Callable[[pa.Array], pa.Array], reason: Reason) -> Cast:
    """`convert` over the largest slices it takes, down to the single rows it refuses."""
    faults: dict[int, Fault] = {}
    converted: list[pa.Array] = []
    pending = [(0, len(values))]
    # Not by recursion of an inner function: that would be a cycle which keeps the values until it is collected.
    while pending:
        start, stop = pending.pop()
        try:
            converted.append(convert(values.slice(start, stop - start)))
        except (pa.ArrowInvalid, UnicodeDecodeError):
            if stop - start > 1:
                half = (start + stop) // 2
                pending += [(half, stop), (start, half)]
                continue
            faults[start] = Fault(reason, "cannot be held exactly")
            converted.append(convert(pa.nulls(1, values.type)))
    return Cast(pa.concat_arrays(converted), faults)
