"""Text records to typed chunks: casts column by column, rejects the rows that a cast refuses, keeps unknown fields."""

from __future__ import annotations

import json

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from data_platform.contracts.model import Contract
from data_platform.contracts.types import ColumnType, TypeKind
from data_platform.formats.csv_dialect import Dialect
from data_platform.formats.csv_header import Layout
from data_platform.formats.csv_structure import Stretch
from data_platform.formats.csv_text import TextReader, TextRecords
from data_platform.formats.lexical import Fault
from data_platform.formats.reading import keeps_extra, record_schema
from data_platform.formats.rejected import RAW_TEXT_LIMIT_BYTES, RejectedRecord
from data_platform.formats.scalars import int64_array, null_scalar, text_scalar
from data_platform.formats.text_casts import cast_text
from data_platform.formats.typed import TypedRecords

_NEEDS_ESCAPE = r'["\\\x00-\x1f]'


class StretchReader:
    """Reads one file's stretches into typed records. Safe to share between threads."""

    def __init__(self, contract: Contract, layout: Layout, text_reader: TextReader, dialect: Dialect) -> None:
        self._contract = contract
        self._layout = layout
        self._text_reader = text_reader
        self._empty_is_null = dialect.null_marker == ""
        self._schema = record_schema(contract)

    def read(self, stretch: Stretch, *, has_offsets: bool) -> TypedRecords:
        """The typed records of `stretch`, numbered from 0; byte offsets are left out where they mean nothing."""
        records = self._text_reader.read(stretch)
        arrays: list[pa.Array] = []
        faults: dict[int, tuple[str, Fault]] = {}
        for column, place in zip(self._contract.columns, self._layout.places, strict=True):
            cast = cast_text(self._nullable(records.columns[place], column.type), column.type)
            arrays.append(cast.values)
            for row, fault in cast.faults.items():
                faults.setdefault(row, (column.name, fault))
        arrays.append(int64_array(records.indexes))
        if keeps_extra(self._contract):
            arrays.append(self._extra(records))
        rejected = self._rejected(stretch, records, faults, has_offsets=has_offsets)
        batch = pa.record_batch(arrays, schema=self._schema)
        return TypedRecords(records.count, _without(batch, faults), rejected)

    def _nullable(self, texts: pa.StringArray, column_type: ColumnType) -> pa.StringArray:
        """Where the empty text is the null marker, a quoted one is NULL too in a column that is not text."""
        if not self._empty_is_null or column_type.kind is TypeKind.STRING:
            return texts
        is_empty = pc.equal(texts, text_scalar(""))
        return pc.if_else(is_empty, null_scalar(pa.string()), texts) if pc.any(is_empty, min_count=0).as_py() else texts

    def _extra(self, records: TextRecords) -> pa.Array:
        fields = [(name, records.columns[place]) for name, place in self._layout.extra]
        if not fields:
            return pa.nulls(len(records.indexes), pa.string())
        parts: list[pa.Array | str] = []
        for number, (name, texts) in enumerate(fields):
            parts += [f"{', ' if number else '{'}{json.dumps(name, ensure_ascii=False)}: ", _json_strings(texts)]
        return pc.binary_join_element_wise(*parts, "}", "")

    def _rejected(
        self, stretch: Stretch, records: TextRecords, faults: dict[int, tuple[str, Fault]], *, has_offsets: bool
    ) -> list[RejectedRecord]:
        rejected = []

        def reject(index: int, span: tuple[int, int], fault: Fault, column: str | None) -> None:
            start, end = span
            raw = stretch.data[start : min(end, start + RAW_TEXT_LIMIT_BYTES)]
            offset = stretch.offset + start if has_offsets else None
            rejected.append(
                RejectedRecord(
                    record_no=index,
                    byte_offset=offset,
                    reason=fault.reason,
                    detail=fault.detail,
                    raw=raw.rstrip(b"\r\n") if end - start <= RAW_TEXT_LIMIT_BYTES else raw,
                    column=column,
                )
            )

        for item in records.misread:
            reject(item.index, (item.start, item.end), item.fault, None)
        for row, (column, fault) in faults.items():
            reject(int(records.indexes[row]), records.spans.of(row), fault, column)
        return rejected


def _json_strings(texts: pa.StringArray) -> pa.Array:
    """Each text as JSON; NULL as `null`."""
    if pc.any(pc.match_substring_regex(texts, _NEEDS_ESCAPE), min_count=0).as_py():
        return pa.array([json.dumps(text, ensure_ascii=False) for text in texts.to_pylist()], pa.string())
    mark, nothing = text_scalar('"'), text_scalar("")
    return pc.coalesce(pc.binary_join_element_wise(mark, texts, mark, nothing), text_scalar("null"))


def _without(batch: pa.RecordBatch, faults: dict[int, tuple[str, Fault]]) -> pa.RecordBatch:
    if not faults:
        return batch
    kept: npt.NDArray[np.bool_] = np.ones(batch.num_rows, np.bool_)
    kept[list(faults)] = False
    return batch.take(int64_array(np.flatnonzero(kept)))
