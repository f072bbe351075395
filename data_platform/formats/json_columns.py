"""Stretches of NDJSON to typed records: proven lines by the columnar kernel, the rest by the exact parser."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.json as pa_json

from data_platform.contracts.model import Contract, FileFormat
from data_platform.contracts.types import ColumnType, TypeKind
from data_platform.formats.json_lines import LineSorter, LineStretch, SortedLines
from data_platform.formats.json_records import JsonFault, JsonParser, JsonRecord
from data_platform.formats.json_sieve import JsonSieve
from data_platform.formats.lexical import Fault
from data_platform.formats.reading import keeps_extra, record_schema
from data_platform.formats.rejected import RAW_TEXT_LIMIT_BYTES, Reason, RejectedRecord
from data_platform.formats.scalars import int64_array
from data_platform.formats.text_casts import cast_text
from data_platform.formats.typed import TypedRecords

_BISECT_FLOOR = 16  # below this many lines a refused slice is read exactly
_MOSTLY_EXACT = 0.3  # above this share of exact lines the kernel is not tried on the next stretch
_AS_TEXT = (TypeKind.DATE, TypeKind.TIMESTAMP)
_NESTABLE = (TypeKind.STRING, TypeKind.INTEGER, TypeKind.DOUBLE, TypeKind.BOOLEAN)


@dataclass(slots=True)
class _Outcome:
    """What the lines of one stretch became, by line."""

    tables: list[tuple[npt.NDArray[np.int64], pa.Table]] = field(default_factory=list)
    read: dict[int, JsonRecord] = field(default_factory=dict)
    faults: dict[int, tuple[str | None, Fault]] = field(default_factory=dict)


class JsonStretchReader:
    """Reads one file's stretches into typed records; `note_added` hears of unknown fields."""

    def __init__(
        self, contract: Contract, file_format: FileFormat, note_added: Callable[[tuple[str, ...]], None]
    ) -> None:
        self._contract = contract
        self._parser = JsonParser(contract, file_format)
        self._sorter = LineSorter(contract, file_format)
        self._sieve = JsonSieve(contract)
        self._note_added = note_added
        self._is_columnar = is_columnar(contract, file_format)
        self._skips_kernel = False
        self._schema = record_schema(contract)
        self._parse = pa_json.ParseOptions(
            explicit_schema=pa.schema([(column.name, _kernel_type(column.type)) for column in contract.columns]),
            unexpected_field_behavior="error",
        )

    def read(self, stretch: LineStretch, *, has_offsets: bool) -> TypedRecords:
        """The typed records of `stretch`, numbered from 0."""
        if stretch.is_oversize:
            fault = Fault(Reason.ROW_TOO_LARGE, "larger than any record may be")
            lines = SortedLines(np.array([0]), np.array([len(stretch.data)]), np.array([False]))
            outcome = _Outcome(faults={0: (None, fault)})
        else:
            lines = self._sorter.sort(stretch.data)
            outcome = self._read_lines(stretch, lines)
        batch = self._assemble(outcome)
        return TypedRecords(len(lines.starts), batch, _rejected(stretch, lines, outcome, has_offsets=has_offsets))

    def _read_lines(self, stretch: LineStretch, lines: SortedLines) -> _Outcome:
        outcome = _Outcome()
        is_tried = self._is_columnar and not self._skips_kernel and not stretch.is_torn
        proven = np.flatnonzero(lines.proven) if is_tried else np.zeros(0, np.int64)
        exact = [np.flatnonzero(~lines.proven) if is_tried else np.arange(len(lines.starts))]
        self._try_kernel(stretch.data, lines, proven, outcome, exact)
        places = np.sort(np.concatenate(exact)).tolist()
        if is_tried:
            self._skips_kernel = len(places) > _MOSTLY_EXACT * len(lines.starts)
        else:
            self._skips_kernel = False
        for line in places:
            record = self._parser.parse(stretch.data[lines.starts[line] : lines.ends[line]], is_torn=stretch.is_torn)
            if record.added:
                self._note_added(record.added)
            if isinstance(record, JsonFault):
                outcome.faults[line] = (record.column, record.fault)
            else:
                outcome.read[line] = record
        return outcome

    def _try_kernel(
        self,
        data: bytes,
        lines: SortedLines,
        chosen: npt.NDArray[np.int64],
        outcome: _Outcome,
        exact: list[npt.NDArray[np.int64]],
        *,
        is_sieved: bool = False,
    ) -> None:
        """Reads the chosen lines by the kernel, in the largest slices it takes; the others join `exact`."""
        if not len(chosen):
            return
        table = self._kernel(_joined(data, lines, chosen), len(chosen))
        if table is not None:
            self._take(table, chosen, outcome, exact)
        elif len(chosen) <= _BISECT_FLOOR:
            exact.append(chosen)
        elif not is_sieved:
            # The kernel does not say which lines it refused. Halving finds one; a sieve finds the usual ones at once.
            spans = zip(lines.starts[chosen].tolist(), lines.ends[chosen].tolist(), strict=True)
            passes = np.fromiter((self._sieve.passes(data[start:end]) for start, end in spans), np.bool_, len(chosen))
            exact.append(chosen[~passes])
            self._try_kernel(data, lines, chosen[passes], outcome, exact, is_sieved=True)
        else:
            half = len(chosen) // 2
            self._try_kernel(data, lines, chosen[:half], outcome, exact, is_sieved=True)
            self._try_kernel(data, lines, chosen[half:], outcome, exact, is_sieved=True)

    def _kernel(self, data: bytes, rows: int) -> pa.Table | None:
        options = pa_json.ReadOptions(use_threads=False, block_size=len(data) + 1)
        try:
            table = pa_json.read_json(pa.py_buffer(data), read_options=options, parse_options=self._parse)
        except pa.ArrowInvalid:
            return None
        return table.combine_chunks() if table.num_rows == rows else None

    def _take(
        self, table: pa.Table, lines: npt.NDArray[np.int64], outcome: _Outcome, exact: list[npt.NDArray[np.int64]]
    ) -> None:
        """Casts what the kernel gave as text; rows whose NULL or infinity has two meanings are read exactly."""
        arrays: list[pa.Array] = []
        unsure = np.zeros(len(lines), np.bool_)
        refused = np.zeros(len(lines), np.bool_)
        for column in self._contract.columns:
            values = _one_array(table.column(column.name))
            unsure |= _unsure(values, column.type, required=column.required)
            if column.type.kind in _AS_TEXT:
                cast = cast_text(values, column.type)
                values = cast.values
                for row, fault in cast.faults.items():
                    outcome.faults.setdefault(int(lines[row]), (column.name, fault))
                    refused[row] = True
            arrays.append(values)
        for row in np.flatnonzero(unsure & refused).tolist():
            del outcome.faults[int(lines[row])]
        exact.append(lines[unsure])
        kept = ~unsure & ~refused
        read = pa.table(arrays, schema=pa.schema([self._schema.field(i) for i in range(len(arrays))]))
        outcome.tables.append((lines[kept], read if kept.all() else read.take(int64_array(np.flatnonzero(kept)))))

    def _assemble(self, outcome: _Outcome) -> pa.RecordBatch:
        exact_lines = np.array(sorted(outcome.read), np.int64)
        numbers = np.concatenate([*(lines for lines, _ in outcome.tables), exact_lines])
        columns: list[pa.Array] = []
        rows = [outcome.read[line] for line in exact_lines.tolist()]
        for place, column in enumerate(self._contract.columns):
            parts = [_one_array(table.column(place)) for _, table in outcome.tables]
            if rows or not parts:
                parts.append(_typed([row.values[place] for row in rows], column.type))
            columns.append(pa.concat_arrays(parts) if len(parts) > 1 else parts[0])
        columns.append(int64_array(numbers))
        if keeps_extra(self._contract):
            parts = [pa.nulls(len(numbers) - len(rows), pa.string())]
            columns.append(
                pa.concat_arrays([*parts, _typed([row.extra for row in rows], ColumnType(kind=TypeKind.STRING))])
            )
        batch = pa.record_batch(columns, schema=self._schema)
        order = np.argsort(numbers, kind="stable")
        return batch if len(outcome.tables) == 1 and not rows else batch.take(int64_array(order))


def is_columnar(contract: Contract, file_format: FileFormat) -> bool:
    """Whether the kernel can read this contract's types as the exact parser does."""
    names_are_plain = all(
        column.name.isascii() and not column.aliases
        for column in contract.columns
        if column.type.kind is TypeKind.DECIMAL
    )
    has_aliases = any(column.aliases for column in contract.columns)
    return (
        names_are_plain
        and not has_aliases
        and not file_format.coerce
        and all(
            column.type.kind not in (TypeKind.OBJECT, TypeKind.ARRAY) or _is_nestable(column.type)
            for column in contract.columns
        )
    )


def _is_nestable(column_type: ColumnType) -> bool:
    match column_type.kind:
        case TypeKind.OBJECT:
            return all(_is_nestable(part.type) for part in column_type.fields)
        case TypeKind.ARRAY:
            return column_type.item is not None and _is_nestable(column_type.item)
        case kind:
            return kind in _NESTABLE


def _kernel_type(column_type: ColumnType) -> pa.DataType:
    return pa.string() if column_type.kind in _AS_TEXT else column_type.arrow()


def _unsure(values: pa.Array, column_type: ColumnType, *, required: bool) -> npt.NDArray[np.bool_]:
    """Rows that the exact parser must tell apart: absent or null; a nested part absent; a double too large."""
    unsure = np.zeros(len(values), np.bool_)
    if required and values.null_count:
        unsure |= pc.is_null(values).to_numpy(zero_copy_only=False)
    if column_type.kind is TypeKind.DOUBLE:
        finite = pc.fill_null(pc.is_finite(values), True)
        unsure |= ~finite.to_numpy(zero_copy_only=False)
    if column_type.kind in (TypeKind.OBJECT, TypeKind.ARRAY) and _needs_parts(column_type):
        unsure[:] = True
    return unsure


def _needs_parts(column_type: ColumnType) -> bool:
    """Whether some nested part is required or a double: then NULL or infinity inside has two meanings."""
    match column_type.kind:
        case TypeKind.OBJECT:
            return any(part.required or _needs_parts(part.type) for part in column_type.fields)
        case TypeKind.ARRAY:
            return column_type.item is None or _needs_parts(column_type.item)
        case kind:
            return kind is TypeKind.DOUBLE


def _typed(values: list[Any], column_type: ColumnType) -> pa.Array:
    return pa.array(values, column_type.arrow()) if values else pa.nulls(0, column_type.arrow())


def _one_array(column: pa.ChunkedArray) -> pa.Array:
    return column.chunk(0) if column.num_chunks == 1 else column.combine_chunks()


def _joined(data: bytes, lines: SortedLines, chosen: npt.NDArray[np.int64]) -> bytes:
    """The chosen lines, one behind the other; whatever stands between neighbours is blank."""
    if len(chosen) == len(lines.starts):
        return data
    edges = np.flatnonzero(np.diff(chosen) != 1)
    firsts = chosen[np.concatenate(([0], edges + 1))]
    lasts = chosen[np.append(edges, len(chosen) - 1)]
    spans = zip(lines.starts[firsts].tolist(), lines.ends[lasts].tolist(), strict=True)
    return b"\n".join(data[start:end] for start, end in spans)


def _rejected(
    stretch: LineStretch, lines: SortedLines, outcome: _Outcome, *, has_offsets: bool
) -> list[RejectedRecord]:
    rejected = []
    for line, (column, fault) in outcome.faults.items():
        start = int(lines.starts[line])
        end = min(int(lines.ends[line]), start + RAW_TEXT_LIMIT_BYTES)
        rejected.append(
            RejectedRecord(
                record_no=line,
                byte_offset=stretch.offset + start if has_offsets else None,
                reason=fault.reason,
                detail=fault.detail,
                raw=stretch.data[start:end],
                column=column,
            )
        )
    return rejected
