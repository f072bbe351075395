"""Every kind of malformed CSV, with its outcome. Identifiers are those of the acceptance table."""

from __future__ import annotations

import gzip
from dataclasses import dataclass, field
from typing import Any

import pytest

from data_platform.contracts.model import Contract, SchemaChange
from data_platform_tests.unit.formats.makers import (
    BERLIN,
    DATE,
    INT32,
    INTEGER,
    MOMENT,
    MONEY,
    STRING,
    column,
    contract,
    read,
)

ID_NAME = (column("id", INTEGER), column("name", STRING))
HEADER = b"id,name\n"


@dataclass(frozen=True)
class Case:
    """A file and what must come of it; `rows` are its accepted values in order, `records` a count made by hand."""

    id: str
    data: bytes
    rows: list[tuple[Any, ...]] = field(default_factory=list)
    rejected: list[tuple[int, str]] = field(default_factory=list)
    file: str | None = None
    made: Contract = field(default_factory=lambda: contract(*ID_NAME))


def typed(id: str, column_type: Any, texts: list[str], reason: str) -> Case:
    """Each text alone in a row of one type between two good rows is rejected with `reason`."""
    made = contract(column("key", STRING), column("value", column_type))
    quoted = [text.replace('"', '""') for text in texts]
    body = "".join(f'{number},"{text}"\n' for number, text in enumerate(quoted, start=1))
    rejected = [(number, reason) for number in range(1, len(texts) + 1)]
    last = [(str(len(texts) + 1), None)]
    return Case(id, f"key,value\n{body}{len(texts) + 1},\n".encode(), last, rejected, None, made)


def shop(*, change: SchemaChange) -> Contract:
    return contract(*ID_NAME, schema_change=change)


CASES = [
    Case("csv-01", b"", file="EMPTY_FILE"),
    Case("csv-01 mark only", b"\xef\xbb\xbf", file="EMPTY_FILE"),
    Case("csv-02", HEADER),
    Case("csv-02 no line end", b"id,name"),
    Case("csv-03", b"1,ann\n2,bob\n", file="HEADER_MISMATCH"),
    Case("csv-03 equal values", b"1,1\n2,bob\n", file="HEADER_MISMATCH"),
    Case("csv-04", b"name,id\nann,1\n", [(1, "ann")]),
    Case("csv-05 freeze", b"id,name,more\n1,ann,x\n", file="SCHEMA_ADDED"),
    Case("csv-05 ignore", b"id,name,more\n1,ann,x\n", [(1, "ann")], made=shop(change=SchemaChange.IGNORE)),
    Case("csv-06", b"id\n1\n", file="SCHEMA_REMOVED"),
    Case("csv-07", b"id,label\n1,ann\n", file="SCHEMA_REMOVED"),
    Case("csv-08", b"id,name,name\n1,ann,bob\n", file="DUPLICATE_COLUMN"),
    Case("csv-09 case", b"ID,name\n1,ann\n", file="HEADER_MISMATCH"),
    Case("csv-09 spaces", b"id, name\n1,ann\n", file="HEADER_MISMATCH"),
    Case(
        "csv-09 alias",
        b"ID,name\n1,ann\n",
        [(1, "ann")],
        made=contract(column("id", INTEGER, aliases=("ID",)), column("name", STRING)),
    ),
    Case("csv-10", b"\xef\xbb\xbfid,name\n1,ann\n", [(1, "ann")]),
    Case("csv-11 le mark", "id,name\n1,ann\n".encode("utf-16"), file="ENCODING"),
    Case("csv-11 le", "id,name\n1,ann\n".encode("utf-16-le"), file="ENCODING"),
    Case("csv-11 be", "id,name\n1,ann\n".encode("utf-16-be"), file="ENCODING"),
    Case("csv-11 be mark", b"\xfe\xff" + "id,name\n1,ann\n".encode("utf-16-be"), file="ENCODING"),
    Case("csv-12", HEADER + b"1,ann\n2,Ren\xe9\n3,bob\n", [(1, "ann"), (3, "bob")], [(2, "ENCODING")]),
    Case("csv-13", HEADER + b"1,ann\n2,b\0b\n3,bob\n", [(1, "ann"), (3, "bob")], [(2, "CONTROL_CHAR")]),
    Case("csv-14", HEADER + b"1,ann\n2\n3,bob\n", [(1, "ann"), (3, "bob")], [(2, "FIELD_COUNT")]),
    Case("csv-15", HEADER + b"1,ann\n2,b,c\n3,bob\n", [(1, "ann"), (3, "bob")], [(2, "FIELD_COUNT")]),
    Case(
        "csv-16",
        HEADER + b"1,ann\n" * 2047 + b"2,b,c\n" * 500,
        [(1, "ann")] * 2047,
        [(number, "FIELD_COUNT") for number in range(2048, 2548)],
    ),
    Case("csv-17", HEADER + b'1,"an\nn"\n2,"a\r\nb"\n3,c\n', [(1, "an\nn"), (2, "a\r\nb"), (3, "c")]),
    Case("csv-18", HEADER + b'1,ann\n2,"bob\n3,c\n4,d\n', [(1, "ann")], [(2, "UNTERMINATED_QUOTE")]),
    Case("csv-19", HEADER + b'1,an"n\n2,bob\n', [(2, "bob")], [(1, "BAD_QUOTE")]),
    Case("csv-20 doubled", HEADER + b'1,"a ""n"" n"\n2,""\n3,""""\n', [(1, 'a "n" n'), (2, ""), (3, '"')]),
    Case("csv-20 backslash", HEADER + b'1,"a\\"n"\n2,bob\n', [(2, "bob")], [(1, "BAD_QUOTE")]),
    Case("csv-20 cost", HEADER + b'1,"5\\" pipe,"\n2,"bob"\n', [(2, "bob")], [(1, "BAD_QUOTE")]),
    Case("csv-21", HEADER + b"1,a;b\n", [(1, "a;b")]),
    Case("csv-22", HEADER + b"1,a\r\n2,b\n3,c\rd\n4,e\r\n", [(1, "a"), (2, "b"), (4, "e")], [(3, "LINE_ENDING")]),
    Case("csv-22 header", b"id,name\r1,a\r2,b\r", file="LINE_ENDING"),
    Case("csv-23", HEADER + b"1,ann\n2,bob", [(1, "ann"), (2, "bob")]),
    Case("csv-24", HEADER + b"1,ann\n2", [(1, "ann")], [(2, "TRUNCATED")]),
    Case("csv-24 in a character", HEADER + b"1,ann\n2,b\xc3", [(1, "ann")], [(2, "TRUNCATED")]),
    Case(
        "csv-25",
        HEADER + b"1,ann\n2," + b"x" * (64 << 20) + b"\n3,bob\n",
        [(1, "ann"), (3, "bob")],
        [(2, "FIELD_TOO_LARGE")],
    ),
    Case(
        "csv-25 quoted",
        HEADER + b'1,ann\n2,"' + b"x,\n" * (4 << 20) + b'"\n3,bob\n',
        [(1, "ann"), (3, "bob")],
        [(2, "FIELD_TOO_LARGE")],
    ),
    Case("csv-26", b"id," + b",".join(b"c%d" % n for n in range(10_000)) + b"\n", file="TOO_MANY_COLUMNS"),
    Case(
        "csv-27",
        HEADER + b'1,\n2,""\n3,NULL\n4,N/A\n5,\\N\n',
        [(1, None), (2, ""), (3, "NULL"), (4, "N/A"), (5, "\\N")],
    ),
    Case(
        "csv-27 own marker",
        HEADER + b'1,\n2,NULL\n3,"NULL"\nNULL,x\n',
        [(1, ""), (2, None), (3, "NULL"), (None, "x")],
        made=contract(*ID_NAME, null_marker="NULL"),
    ),
    Case(
        "csv-27 no marker", HEADER + b"1,\n2,NULL\n", [(1, ""), (2, "NULL")], made=contract(*ID_NAME, null_marker=None)
    ),
    typed("csv-28", MONEY, ["1,234.56", "1.234,56", "1e400", "NaN", "Infinity", "-0"], "TYPE_DECIMAL"),
    typed(
        "csv-28 more", MONEY, ["+1", " 1", "1 ", "1.239", ".5", "1.", "-0.00", "00.5", "1_0", "\u0661"], "TYPE_DECIMAL"
    ),
    typed("csv-28 range", MONEY, ["10000000000000000", "9" * 39, "9" * 400, "-" + "9" * 17 + ".00"], "OUT_OF_RANGE"),
    typed(
        "csv-29", INTEGER, ["5.7", "5.0", "1e3", "0x1F", "1_000", " 5", "+5", "007", "-0", "--1", "5\n"], "TYPE_INTEGER"
    ),
    typed("csv-30", INTEGER, ["9223372036854775808", "-9223372036854775809", "9" * 5000], "OUT_OF_RANGE"),
    typed("csv-30 int32", INT32, ["2147483648", "-2147483649", "9999999999"], "OUT_OF_RANGE"),
    Case("csv-31", b"id,name\n1,00123\n", [(1, "00123")]),
    typed(
        "csv-32", DATE, ["2026-02-30", "0000-00-00", "0000-01-01", "31/12/2026", "2026-1-1", "20260101"], "TYPE_DATE"
    ),
    typed(
        "csv-33",
        MOMENT,
        [
            "2026-01-01T10:00:00",
            "2026-06-30T23:59:60Z",
            "2026-01-01T24:00:00Z",
            "2026-01-01T10:00Z",
            "2026-01-01T10:00:00+0100",
            "2026-01-01T10:00:00.1234567Z",
            "2026-01-01T10:00:00 Z",
            "2026-01-01T10:00:00+25:00",
            "0000-01-01T00:00:00Z",
        ],
        "TYPE_TIMESTAMP",
    ),
    typed(
        "csv-33 zone", BERLIN, ["2026-03-29T02:30:00", "2026-10-25 02:30:00", "2026-03-29T02:30:60"], "TYPE_TIMESTAMP"
    ),
    typed("csv-33 range", MOMENT, ["0001-01-01T00:00:00+01:00", "9999-12-31T23:59:59-00:01"], "OUT_OF_RANGE"),
    Case("csv-35", HEADER + b"1,=cmd|' /C calc'!A0\n2,+1\n", [(1, "=cmd|' /C calc'!A0"), (2, "+1")]),
    Case("csv-36", HEADER + "1,a\u200bb\u202ec\n".encode(), [(1, "a\u200bb\u202ec")]),
    Case("csv-37", HEADER + "1,\u00e9\n2,e\u0301\n".encode(), [(1, "\u00e9"), (2, "e\u0301")]),
    Case("csv-38", HEADER + b"1,\xed\xa0\x80\n2,\xc0\x80\n3,c\n", [(3, "c")], [(1, "ENCODING"), (2, "ENCODING")]),
    Case("csv-39", HEADER + b"1,a\n1,a\n", [(1, "a"), (1, "a")]),
    Case("csv-40", HEADER + b"1,a\n1,b\n", [(1, "a"), (1, "b")]),
    Case(
        "csv-45",
        HEADER + b"# x\n\n1,a\ntotal\n",
        [(1, "a")],
        [(1, "FIELD_COUNT"), (2, "FIELD_COUNT"), (4, "FIELD_COUNT")],
    ),
    Case(
        "csv-45 by contract",
        b'# made "today\n\n' + HEADER + b'# it\'s "x\n\r\n1,a\n\n2,"b\n# c\n"\n',
        [(1, "a"), (2, "b\n# c\n")],
        made=contract(*ID_NAME, comment="#", skip_blank_lines=True),
    ),
    Case("mark in the middle", HEADER + b"\xef\xbb\xbf1,a\n2,b\n", [(2, "b")], [(1, "TYPE_INTEGER")]),
    Case("mark is kept in text", b"name,id\n\xef\xbb\xbfa,1\n", [(1, "\ufeffa")]),
    Case("positional", b"1,a\n2,b\n", [(1, "a"), (2, "b")], made=contract(*ID_NAME, header=False)),
    Case(
        "one column, blank is NULL",
        b"name\n\nb\n",
        [(None,), ("b",)],
        made=contract(column("name", STRING)),
    ),
    Case("semicolons", b"id;name\n1;'a;b'\n", [(1, "a;b")], made=contract(*ID_NAME, delimiter=";", quote="'")),
    Case("no quotes", HEADER + b'1,a"b\n2,"\n', [(1, 'a"b'), (2, '"')], made=contract(*ID_NAME, quote=None)),
    Case("latin-1", b"id,name\n1,Ren\xe9\n", [(1, "Ren\u00e9")], made=contract(*ID_NAME, encoding="latin-1")),
    Case("not cp1252", b"id,name\n1,\x81\n", file="ENCODING", made=contract(*ID_NAME, encoding="cp1252")),
    Case(
        "csv-41 two members",
        gzip.compress(HEADER + b"1,a\n") + gzip.compress(b"2,b\n") + b"\0" * 512,
        [(1, "a"), (2, "b")],
        made=contract(*ID_NAME, compression="gzip"),
    ),
    Case(
        "csv-41 cut",
        gzip.compress(HEADER + b"1,a\n")[:-9],
        file="CORRUPT_ARCHIVE",
        made=contract(*ID_NAME, compression="gzip"),
    ),
    Case(
        "csv-41 crc",
        gzip.compress(HEADER + b"1,a\n")[:-8] + b"\0\0\0\0\0\0\0\0",
        file="CORRUPT_ARCHIVE",
        made=contract(*ID_NAME, compression="gzip"),
    ),
    Case("csv-41 plain", HEADER + b"1,a\n", file="CORRUPT_ARCHIVE", made=contract(*ID_NAME, compression="gzip")),
    Case("csv-41 empty", b"", file="EMPTY_FILE", made=contract(*ID_NAME, compression="gzip")),
    Case(
        "csv-42 bytes",
        gzip.compress(HEADER + b"1,a\n" * 10_000),
        file="ARCHIVE_BOMB",
        made=contract(*ID_NAME, compression="gzip", max_expanded_bytes=10_000),
    ),
    Case(
        "csv-42 ratio",
        gzip.compress(HEADER + b"1,a\n" * (8 << 20)),
        file="ARCHIVE_BOMB",
        made=contract(*ID_NAME, compression="gzip"),
    ),
]


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.id)
def test_malformed_csv_has_its_outcome(case: Case) -> None:
    outcome = read(case.made, case.data)
    again = read(case.made, case.data)
    assert outcome.file_reason == case.file
    values = [tuple(row[column.name] for column in case.made.columns) for row in outcome.rows]
    assert values == case.rows
    assert outcome.reasons == case.rejected
    assert outcome == again
    assert outcome.source_rows == len(case.rows) + len(case.rejected)
    numbers = [row["_record_no"] for row in outcome.rows] + [number for number, _ in outcome.reasons]
    assert sorted(numbers) == list(range(1, outcome.source_rows + 1))


@pytest.mark.parametrize("step", [1, 7])
@pytest.mark.parametrize("case", [case for case in CASES if len(case.data) < 5_000], ids=lambda case: case.id)
def test_the_outcome_does_not_depend_on_how_the_bytes_arrive(case: Case, step: int) -> None:
    assert read(case.made, case.data, step=step) == read(case.made, case.data)


def test_a_rejected_record_holds_its_bytes_and_its_place() -> None:
    data = HEADER + b'1,ann\n2,"x\ny",z\nfive,bob\n'
    rejected = read(contract(*ID_NAME), data).rejected
    assert [(item["byte_offset"], item["raw_text"], item["column"]) for item in rejected] == [
        (14, '2,"x\ny",z', None),
        (data.index(b"five"), "five,bob", "id"),
    ]


def test_an_unreadable_byte_appears_escaped_in_the_raw_text() -> None:
    assert read(contract(*ID_NAME), HEADER + b"1,Ren\xe9\n").rejected[0]["raw_text"] == "1,Ren\\xe9"


def test_details_hold_no_data() -> None:
    outcome = read(contract(*ID_NAME), HEADER + b'secret,x\n2,sec"ret\n3,secret,y\n4,secret\xff\n')
    assert len(outcome.rejected) == 4
    assert not [item for item in outcome.rejected if "secret" in item["detail"]]


def test_unknown_columns_are_kept_as_json_text_where_the_contract_evolves() -> None:
    data = b'id,name,a b,"q""q"\n1,ann,x,"y""\\"\n2,bob,,\n3,eve,"",\n'
    outcome = read(contract(*ID_NAME, schema_change=SchemaChange.EVOLVE), data)
    assert [row["_extra"] for row in outcome.rows] == [
        '{"a b": "x", "q\\"q": "y\\"\\\\"}',
        '{"a b": null, "q\\"q": null}',
        '{"a b": "", "q\\"q": null}',
    ]
    assert outcome.drift.added == ("a b", 'q"q')


def test_a_quoted_empty_field_is_null_in_a_column_that_is_not_text() -> None:
    made = contract(column("id", INTEGER), column("day", DATE))
    assert read(made, b'id,day\n"",""\n"7","2026-01-02"\n').reasons == []


@pytest.mark.parametrize(
    ("record", "detail"),
    [
        (b'2,a"b', "quote inside the unquoted field 2"),
        (b'2,"a" b', "text behind the closing quote of field 2"),
        (b'2,"a', "the quote that opens field 2 is never closed"),
        (b"2,a\rb", "carriage return without line feed in field 2"),
        (b"2", "1 fields, not 2"),
        (b"2,a\x01", "control character at byte 3 of the record"),
        (b"2,a\xff", "not UTF-8 at byte 3 of the record"),
    ],
)
def test_a_rejected_record_says_where_its_fault_is(record: bytes, detail: str) -> None:
    (item,) = read(contract(*ID_NAME), HEADER + b"1,ann\n" + record + b"\n").rejected
    assert (item["record_no"], item["detail"]) == (2, detail)


@pytest.mark.parametrize("end", [b"\n", b"\r\n"])
def test_a_record_of_short_fields_is_too_large_beyond_its_own_limit(end: bytes) -> None:
    made = contract(*(column(name, STRING) for name in "abc"), max_record_bytes=20, max_field_bytes=8)
    largest = b'"%s",%s,1' % (b"x" * 7, b"y" * (9 - len(end) - 1))
    outcome = read(made, end.join([b"a,b,c", largest, largest + b"2", largest, b""]))
    assert outcome.reasons == [(2, "ROW_TOO_LARGE")]
    assert len(outcome.rows) == 2


@pytest.mark.parametrize("step", [7, 333, None])
@pytest.mark.parametrize(
    "big",
    [
        b'2,"' + b'x"",\n' * 900 + b'"\n',
        b'2,"' + b"x" * 4_000 + b'"\r\n',
        b'2,"' + b"x" * 4_000 + b'"\rx\n',
        b'2,"a"b' + b"x" * 4_000 + b"\n",
        b'2,a"b' + b"x" * 4_000 + b"\n",
        b'2,a"b' + b"x" * 4_000 + b'"\n',
        b"2," + b"y," * 2_000 + b'"z"\n',
        b"2," + b"y," * 2_000 + b"\r\n",
    ],
)
def test_a_record_too_large_to_hold_ends_at_its_line_end(big: bytes, step: int | None) -> None:
    made = contract(*ID_NAME, max_record_bytes=1_000, max_field_bytes=1_000)
    outcome = read(made, HEADER + b"1,a\n" + big + b'3,"c"\n4,d\n', step=step)
    assert [row["_record_no"] for row in outcome.rows] == [1, 3, 4]
    assert [number for number, _ in outcome.reasons] == [2]
    assert outcome.source_rows == 4


def test_a_record_beyond_every_limit_is_passed_over_and_the_next_one_read() -> None:
    made = contract(*ID_NAME, max_record_bytes=1_000, max_field_bytes=100)
    big = b'2,"' + b'x"",\n' * 5_000 + b'"\n'
    wide = b"4," + b"y," * 5_000 + b"z\n"
    outcome = read(made, HEADER + b"1,a\n" + big + b"3,c\n" + wide + b"5,e\n", step=333)
    assert outcome.reasons == [(2, "FIELD_TOO_LARGE"), (4, "ROW_TOO_LARGE")]
    assert [row["id"] for row in outcome.rows] == [1, 3, 5]
    assert outcome.source_rows == 5
