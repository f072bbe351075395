"""The counters against counts made another way."""

from __future__ import annotations

import csv
import io

from hypothesis import given, settings
from hypothesis import strategies as st

from data_platform.contracts.model import FileKind
from data_platform.formats.counting import CsvCounter, NdjsonCounter
from data_platform.formats.csv_dialect import dialect_of
from data_platform_tests.unit.formats.makers import STRING, column, contract, read

MADE = contract(column("a", STRING), column("b", STRING), header=False)
cells = st.text(alphabet='ab ",\n\r', max_size=6)


def count_csv(data: bytes, step: int) -> int:
    assert MADE.format is not None
    counter = CsvCounter(dialect_of(MADE, MADE.format))
    for start in range(0, len(data), step):
        counter.feed(data[start : start + step])
    return counter.total()


@settings(max_examples=200, deadline=None)
@given(st.lists(st.tuples(cells, cells), min_size=1), st.integers(1, 20), st.sampled_from(["\n", "\r\n"]))
def test_well_formed_records_are_counted_and_read(rows: list[tuple[str, str]], step: int, line_end: str) -> None:
    sink = io.StringIO(newline="")
    csv.writer(sink, quoting=csv.QUOTE_ALL, lineterminator=line_end).writerows(rows)
    data = sink.getvalue().encode()
    assert count_csv(data, step) == len(rows)
    assert [(row["a"], row["b"]) for row in read(MADE, data, step=step).rows] == rows


@settings(max_examples=300, deadline=None)
@given(st.text(alphabet='a",\n\r', min_size=1, max_size=60), st.integers(1, 20))
def test_the_count_closes_with_what_was_read_whatever_the_quotes(text: str, step: int) -> None:
    data = text.encode()
    outcome = read(MADE, data, step=step)
    assert outcome.source_rows == count_csv(data, len(data)) == len(outcome.rows) + len(outcome.rejected)


@settings(max_examples=100, deadline=None)
@given(st.lists(st.sampled_from([b"{}", b"x", b"", b" ", b"\t\r", b" y "]), max_size=30), st.integers(1, 9))
def test_lines_that_are_not_blank_are_counted(lines: list[bytes], step: int) -> None:
    data = b"\n".join(lines)
    counter = NdjsonCounter()
    for start in range(0, len(data), step):
        counter.feed(data[start : start + step])
    assert counter.total() == sum(1 for line in lines if line.split())
    if data:
        outcome = read(contract(column("a", STRING), kind=FileKind.NDJSON), data, step=step)
        assert outcome.file_reason or outcome.source_rows == len(outcome.rows) + len(outcome.rejected)
