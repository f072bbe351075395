"""Ordinary records are read by the columnar paths alone, and a doubtful one costs only itself.

The exact paths would read the same, row by row: without these tests a fast path could be lost unnoticed.
"""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pytest

from data_platform.contracts.model import FileKind
from data_platform.contracts.types import ColumnType
from data_platform.formats import text_casts
from data_platform.formats.csv_dialect import dialect_of
from data_platform.formats.csv_records import Record, RecordParser
from data_platform.formats.csv_structure import split_stretches
from data_platform.formats.csv_text import TextReader
from data_platform.formats.json_lines import LineSorter
from data_platform.formats.json_records import JsonFault, JsonParser, JsonRecord
from data_platform_tests.unit.formats.makers import (
    BERLIN,
    BOOLEAN,
    DATE,
    DOUBLE,
    INTEGER,
    MOMENT,
    MONEY,
    ORDERS,
    STRING,
    column,
    contract,
    read,
)


class WatchedParser(RecordParser):
    """Remembers where it was asked to read."""

    def parse(self, data: bytes, start: int, *, is_last: bool) -> Record | None:
        read_exactly.append(data[start:].partition(b"\n")[0])
        return super().parse(data, start, is_last=is_last)


read_exactly: list[bytes] = []


@pytest.fixture(autouse=True)
def _nothing_read_yet() -> None:
    read_exactly.clear()


def read_csv(data: bytes) -> list[list[str | None]]:
    """The rows of a file of two columns, without a header."""
    made = contract(column("a", STRING), column("b", STRING))
    dialect = dialect_of(made, made.format)
    parser = WatchedParser(dialect, width=2)
    reader = TextReader(dialect, parser, width=2)
    parts = [reader.read(stretch) for stretch in split_stretches(iter([data]), parser, dialect, offset=0)]
    return [list(row) for part in parts for row in zip(*(each.to_pylist() for each in part.columns), strict=True)]


@pytest.mark.parametrize(
    ("data", "rows"),
    [
        (b"1,a\n2,b\n", [["1", "a"], ["2", "b"]]),
        (b"1,a\r\n2,b\r\n", [["1", "a"], ["2", "b"]]),
        (b'1,"a"\n"2","b"\n', [["1", "a"], ["2", "b"]]),
        (b'1,"a"\r\n"2","b"\r\n', [["1", "a"], ["2", "b"]]),
        (b'1,"a ""b"""\n"""2""",""\n', [["1", 'a "b"'], ['"2"', ""]]),
        (b'1,"a\nb"\n2,"c\r\n"\r\n', [["1", "a\nb"], ["2", "c\r\n"]]),
        ("1,é\n2,\t\n".encode(), [["1", "é"], ["2", "\t"]]),
    ],
)
def test_no_record_of_a_well_formed_csv_file_needs_the_exact_parser(data: bytes, rows: list[list[str]]) -> None:
    assert (read_csv(data), read_exactly) == (rows, [])


@pytest.mark.parametrize("doubtful", [b"2,a\rb", b"2,\x01", b"2", b"2,b,c", b"2,\xff", b"", b'2,b"', b'"2"x,b'])
@pytest.mark.parametrize("end", [b"\n", b"\r\n"])
def test_only_the_csv_record_in_doubt_is_read_exactly(doubtful: bytes, end: bytes) -> None:
    rows = read_csv(end.join([b"1,a", b'"1","a, ""b"""', doubtful, "3,é".encode(), b"4,d", b""]))
    assert rows[:2] == [["1", "a"], ["1", 'a, "b"']]
    assert rows[-2:] == [["3", "é"], ["4", "d"]]
    assert [line.rstrip(b"\r") for line in read_exactly] == [doubtful]


ORDINARY = [
    b'{"id":1,"small":-2,"name":"a","amount":1.25,"day":"2026-03-01","at":"2026-03-01T00:00:00Z"}',
    b'{"id":2,"amount":null,"paid":true,"ratio":1e-3,"name":null}',
    b'{"id": 3, "amount": -7, "name": "line\\nand \\"quote\\""}',
    '{"amount":0.5,"name":"é","id":4}'.encode(),
    b'{"amount":1234567890123456.78,"name":"12345678901234567890123456","id":5}',
]


def proven(lines: list[bytes]) -> list[bool]:
    made = contract(*ORDERS, kind=FileKind.NDJSON)
    return list(LineSorter(made, made.format).sort(b"\n".join(lines) + b"\n").proven.tolist())


def test_ordinary_json_lines_are_proven_fit_for_the_kernel() -> None:
    assert proven(ORDINARY) == [True] * len(ORDINARY)


@pytest.mark.parametrize(
    "doubtful",
    [
        b"null",
        b"[1]",
        b'{"id":1} 2',
        b'{"name":"\\u0001"}',
        b'{"name":"\\ud800"}',
        b'{"name":"\xff"}',
        b'{"amount":"1.5"}',
        b'{"id":1,"amount" :1.5}',
        b'{"amount":' + b"9" * 39 + b"}",
        b'{"name":"\0"}',
    ],
)
def test_only_the_json_line_in_doubt_is_not_proven(doubtful: bytes) -> None:
    assert proven([*ORDINARY, doubtful, *ORDINARY]) == [True] * len(ORDINARY) + [False] + [True] * len(ORDINARY)


@pytest.mark.parametrize(
    "doubtful",
    [
        [],
        [b'{"id":7,"name":"\\u0001"}'],
        [b'{"id":7,"name":1}'],
        [b'{"id":1} {"id":2}'],
        [b'{"id":1}null{"id":2}'],
        [b'{"id":1} {"id":2}', b'{"id":3}}'],
        [b'{"id":NaN}'],
        [b'{"ratio":-Infinity}'],
        [b'{"id":' + b"[" * 200 + b"]" * 200 + b"}"],
        [b'{"deep":' + b"[" * 200 + b"]" * 200 + b"}"],
    ],
)
def test_only_json_lines_in_doubt_are_read_exactly(doubtful: list[bytes], monkeypatch: pytest.MonkeyPatch) -> None:
    parse = JsonParser.parse

    def watched(self: JsonParser, line: bytes, *, is_torn: bool) -> JsonRecord | JsonFault:
        read_exactly.append(line)
        return parse(self, line, is_torn=is_torn)

    monkeypatch.setattr(JsonParser, "parse", watched)
    lines = [*ORDINARY * 5, *doubtful, *ORDINARY * 5]
    read(contract(*ORDERS, kind=FileKind.NDJSON), b"\n".join(lines) + b"\n")
    assert read_exactly == doubtful


@pytest.mark.parametrize(
    ("column_type", "texts"),
    [
        (INTEGER, ["0", "-1", "999999999999999999", None]),
        (MONEY, ["0", "0.1", "-0.01", "9999999999999999.99", None]),
        (DOUBLE, ["0", "-0.5", "1e300", None]),
        (BOOLEAN, ["true", "false", None]),
        (DATE, ["0001-01-01", "1969-12-31", "1970-01-01", "2026-02-28", "9999-12-31", None]),
        (MOMENT, ["0001-01-01T00:00:00Z", "1969-12-31 23:59:59.999999+01:00", "9999-12-31T23:59:59.999999Z", None]),
        (BERLIN, ["1971-01-01T12:00:00", "2026-07-01 00:00:00.5", "2026-07-01T00:00:00Z", None]),
    ],
)
def test_ordinary_texts_are_cast_by_kernels_alone(
    column_type: ColumnType, texts: list[str | None], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delattr(text_casts, "parse_text")
    cast = text_casts.cast_text(pa.array(texts, pa.string()), column_type)
    assert cast.faults == {}
    assert np.array_equal(cast.values.is_null().to_numpy(zero_copy_only=False), [text is None for text in texts])
