"""A stretch of CSV to text columns: proven as a whole where possible, else line by line.

Proven means: UTF-8, no control bytes, no carriage return but before a line feed, no oversized line, the right number
of fields. Lines that are not proven are read by the exact parser, which accepts them or names the fault.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.csv as pa_csv

from data_platform.errors import ConservationBroken
from data_platform.formats.csv_dialect import Dialect
from data_platform.formats.csv_lines import Lines, examine_lines, is_proven_whole
from data_platform.formats.csv_records import Field, RecordParser
from data_platform.formats.csv_structure import Apart, Stretch
from data_platform.formats.lexical import Fault
from data_platform.formats.scalars import int64_array


@dataclass(frozen=True, slots=True)
class Misread:
    """A record without fields: its place among the stretch's records, where it starts and ends, and why."""

    index: int
    start: int
    end: int
    fault: Fault


class _Spans:
    """The byte span of each row; found only when asked for where every record is a row."""

    def __init__(
        self, stretch: Stretch, known: tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]] | None = None
    ) -> None:
        self._stretch = stretch
        self._known = known

    def of(self, row: int) -> tuple[int, int]:
        """Where `row` starts and ends, line end included."""
        if self._known is None:
            ends = self._stretch.ends() + 1
            self._known = (np.concatenate(([0], ends[:-1])), ends)
        starts, ends = self._known
        return int(starts[row]), int(ends[row])


@dataclass(frozen=True, slots=True)
class TextRecords:
    """What a stretch holds.

    Attributes:
        count: its records, readable or not.
        columns: one string array per field of the file; NULL where the null marker stood unquoted.
        indexes: for each row of `columns` its place among the stretch's records, ascending.
        spans: for each row of `columns` its bytes in the stretch.
    """

    count: int
    columns: list[pa.StringArray]
    indexes: npt.NDArray[np.int64]
    misread: list[Misread]
    spans: _Spans


class TextReader:
    """Reads stretches of one dialect with `width` fields a record. Safe to share between threads."""

    def __init__(self, dialect: Dialect, parser: RecordParser, *, width: int) -> None:
        self._dialect = dialect
        self._parser = parser
        self._width = width
        self._names = [str(number) for number in range(width)]
        markers = [] if dialect.null_marker is None else [dialect.null_marker]
        self._convert = pa_csv.ConvertOptions(
            column_types=dict.fromkeys(self._names, pa.string()),
            null_values=markers,
            strings_can_be_null=bool(markers),
            quoted_strings_can_be_null=False,
        )
        self._parse = {
            spans_lines: pa_csv.ParseOptions(
                delimiter=dialect.delimiter.decode(),
                quote_char=dialect.quote.decode() if dialect.quote else False,
                double_quote=True,
                newlines_in_values=spans_lines,
                ignore_empty_lines=False,
            )
            for spans_lines in (False, True)
        }

    def read(self, stretch: Stretch) -> TextRecords:
        """All records of the stretch, in order."""
        data = stretch.data
        if is_proven_whole(stretch, self._dialect, width=self._width):
            rows = data.count(b"\n") if stretch.record_ends is None else len(stretch.record_ends)
            columns = self._columns(data, rows, spans_lines=stretch.record_ends is not None)
            if columns is not None:
                return TextRecords(len(columns[0]), columns, np.arange(len(columns[0])), [], _Spans(stretch))
        return self._read_lines(stretch)

    def _columns(self, data: bytes, rows: int, *, spans_lines: bool) -> list[pa.StringArray] | None:
        """The fields of proven lines; None if the columnar parser finds a fault all the same."""
        if not rows:
            return [pa.nulls(0, pa.string()) for _ in self._names]
        options = pa_csv.ReadOptions(column_names=self._names, use_threads=False, block_size=len(data) + 1)
        try:
            table = pa_csv.read_csv(
                pa.py_buffer(data),
                read_options=options,
                parse_options=self._parse[spans_lines],
                convert_options=self._convert,
            )
        except pa.ArrowInvalid:
            return None
        if table.num_rows != rows:
            return None
        return [_one_array(column) for column in table.columns]

    def _read_lines(self, stretch: Stretch) -> TextRecords:
        data = stretch.data
        lines = examine_lines(stretch, self._dialect, width=self._width)
        proven, doubtful = lines.proven, lines.doubtful
        columns = self._columns(
            _joined(data, lines, proven), int(np.count_nonzero(proven)), spans_lines=stretch.record_ends is not None
        )
        if columns is None:
            doubtful, proven = doubtful | proven, np.zeros_like(proven)
            columns = [pa.nulls(0, pa.string()) for _ in self._names]
        index_of = np.cumsum(proven | doubtful | lines.begins_apart) - 1
        exact = self._read_exactly(stretch, lines, doubtful)
        first_lines = np.searchsorted(lines.starts, [item.start for item in exact]).tolist()
        misread, kept, kept_lines = [], [], []
        for line, item in zip(first_lines, exact, strict=True):
            if isinstance(item.record.fields, Fault):
                misread.append(Misread(int(index_of[line]), item.start, item.record.end, item.record.fields))
            else:
                kept.append(item)
                kept_lines.append(line)
        numbers = np.concatenate((np.flatnonzero(proven), np.array(kept_lines, np.int64)))
        order = np.argsort(numbers, kind="stable")
        if kept:
            columns = self._with_exact(columns, kept, order)
        starts = np.concatenate((lines.starts[proven], [item.start for item in kept]))[order].astype(np.int64)
        ends = np.concatenate((lines.ends[proven], [item.record.end for item in kept]))[order].astype(np.int64)
        count = int(index_of[-1]) + 1 if len(index_of) else 0
        return TextRecords(count, columns, index_of[numbers[order]], misread, _Spans(stretch, (starts, ends)))

    def _read_exactly(self, stretch: Stretch, lines: Lines, doubtful: npt.NDArray[np.bool_]) -> list[Apart]:
        found = list(stretch.apart)
        for line in np.flatnonzero(doubtful).tolist():
            start = int(lines.starts[line])
            record = self._parser.parse(stretch.data, start, is_last=False)
            if record is None or record.end != lines.ends[line]:
                raise ConservationBroken(
                    f"the line at {stretch.offset + start} is one record by quotes and not by parsing"
                )
            found.append(Apart(start, record))
        return found

    def _with_exact(
        self, columns: list[pa.StringArray], kept: list[Apart], order: npt.NDArray[np.int64]
    ) -> list[pa.StringArray]:
        rows = [[self._text(field) for field in item.record.contents] for item in kept]
        merged = [
            pa.concat_arrays([column, pa.array(texts, pa.string())])
            for column, texts in zip(columns, zip(*rows, strict=True), strict=True)
        ]
        places = int64_array(order)
        return [column.take(places) for column in merged]

    def _text(self, field: Field) -> str | None:
        is_null = not field.is_quoted and field.text == self._dialect.null_marker
        return None if is_null else field.text


def _joined(data: bytes, lines: Lines, chosen: npt.NDArray[np.bool_]) -> bytes:
    """The chosen lines, one behind the other."""
    edges = np.flatnonzero(np.diff(chosen, prepend=False, append=False))
    runs = zip(edges[::2].tolist(), edges[1::2].tolist(), strict=True)
    return b"".join(data[lines.starts[first] : lines.ends[behind - 1]] for first, behind in runs)


def _one_array(column: pa.ChunkedArray) -> pa.StringArray:
    return column.chunk(0) if column.num_chunks == 1 else column.combine_chunks()
