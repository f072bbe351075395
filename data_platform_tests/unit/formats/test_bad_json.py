"""Every kind of malformed NDJSON, with its outcome. Identifiers are those of the acceptance table."""

from __future__ import annotations

from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

import pytest

from data_platform.contracts.model import Contract, FileKind, SchemaChange
from data_platform.contracts.types import ColumnType, StructField, TypeKind
from data_platform_tests.unit.formats.makers import (
    BOOLEAN,
    DOUBLE,
    INTEGER,
    MONEY,
    STRING,
    column,
    contract,
    read,
)

COLUMNS = (column("id", INTEGER, required=True), column("name", STRING), column("amount", MONEY))


def json_contract(**more: Any) -> Contract:
    return contract(*more.pop("columns", COLUMNS), kind=FileKind.NDJSON, **more)


@dataclass(frozen=True)
class Case:
    """Lines between two good ones (or a whole file) and what must come of them."""

    id: str
    lines: list[bytes]
    reasons: list[str | None]  # None where the line is accepted
    made: Contract = field(default_factory=json_contract)


BEFORE, BEHIND = b'{"id": 1, "name": "a", "amount": 1.5}', b'{"id":9,"name":null}'

CASES = [
    Case("json-03", [b'{"id":1,}', b"{'id':1}", b'{"id":1} // c', b"{id:1}"], ["SYNTAX"] * 4),
    Case("json-04", [b'{"id":NaN}', b'{"amount":Infinity,"id":1}', b'{"amount":-Infinity,"id":1}'], ["SYNTAX"] * 3),
    Case("json-05", [b'{"id":1,"id":1}', b'{"id":1,"\\u0069d":2}'], ["DUPLICATE_COLUMN"] * 2),
    Case("json-06", [b'{"id":9007199254740993}', b'{"id":18446744073709551616}'], [None, "OUT_OF_RANGE"]),
    Case(
        "json-07",
        [b'{"id":"12"}', b'{"id":1,"name":12}', b'{"id":1,"amount":"12"}'],
        ["TYPE_INTEGER", "TYPE_STRING", "TYPE_DECIMAL"],
    ),
    Case("json-07 spaced", [b'{"id":1,"amount" : "12"}', b'{"id":1,"amoun\\u0074":"12"}'], ["TYPE_DECIMAL"] * 2),
    Case("json-07 coerce", [b'{"id":"12","name":12,"amount":"3"}'], [None], json_contract(coerce=True)),
    Case("json-07 fraction", [b'{"id":1.0}', b'{"id":1e3}', b'{"id":true}'], ["TYPE_INTEGER"] * 3),
    Case("json-08", [b'{"id":' + b"[" * 100_000 + b"]" * 100_000 + b"}", b"[" * 100_000], ["TOO_DEEP"] * 2),
    Case("json-09", [b'{"id":1,"name":"' + b"x" * (100 << 20) + b'"}'], ["ROW_TOO_LARGE"]),
    Case("json-10", [b'{"id":1,"name":{"a":1}}', b'{"id":1,"name":["a"]}'], ["SCHEMA_TYPE"] * 2),
    Case("json-11 freeze", [b'{"id":1,"more":1}'], ["SCHEMA_ADDED"]),
    Case("json-11 ignore", [b'{"id":1,"more":1}'], [None], json_contract(schema_change=SchemaChange.IGNORE)),
    Case("json-12", [b'{"id":null}', b'{"name":"x"}'], [None, "MISSING"]),
    Case(
        "json-13",
        [b'{"id":1,"name":"\\ud800"}', b'{"id":1,"name":"\\udc00\\ud800"}', b'{"id":1,"name":"\\ud83d\\ude00"}'],
        ["ENCODING", "ENCODING", None],
    ),
    Case(
        "json-14",
        [b'{"id":1,"name":"a\\u0000"}', b'{"id":1,"name":"a\\b"}', b'{"id":1,"name":"a\\tb\\n"}'],
        ["CONTROL_CHAR", "CONTROL_CHAR", None],
    ),
    Case(
        "json-15",
        [b'{"id":1,"__proto__":{},"$ref":"x","../x":1,"":2}'],
        [None],
        json_contract(schema_change=SchemaChange.EVOLVE),
    ),
    Case("json-16", [b'{"id":1}{"id":2}', b'{"id":1} null', b"null", b"[]", b"7", b'"x"'], ["SYNTAX"] * 6),
    Case(
        "json-17",
        [
            b'{"id":1,"amount":1e309}',
            b'{"id":1,"amount":' + b"9" * 400 + b"}",
            b'{"id":1,"amount":1e-99999999999}',
            b'{"id":1,"amount":0.' + b"1" * 400 + b"}",
        ],
        ["OUT_OF_RANGE"] * 4,
    ),
    Case(
        "json-17 exact",
        [b'{"id":1,"amount":12345e-2}', b'{"id":1,"amount":1.230e0}', b'{"id":1,"amount":1.239}'],
        [None, None, "TYPE_DECIMAL"],
    ),
    Case("bytes", [b'{"id":1,"name":"\xff"}', b'{"id":1,"name":"a\tb"}', b"\0"], ["ENCODING", "SYNTAX", "SYNTAX"]),
]


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.id)
def test_malformed_ndjson_has_its_outcome(case: Case) -> None:
    data = b"\n".join([BEFORE, *case.lines, BEHIND, b""])
    outcome = read(case.made, data)
    assert outcome.file_reason is None
    expected = [(number, reason) for number, reason in enumerate(case.reasons, start=2) if reason]
    assert outcome.reasons == expected
    assert outcome.source_rows == len(case.lines) + 2 == len(outcome.rows) + len(outcome.rejected)
    numbers = [row["_record_no"] for row in outcome.rows] + [number for number, _ in outcome.reasons]
    assert sorted(numbers) == list(range(1, len(case.lines) + 3))
    assert outcome == read(case.made, data)
    if len(data) < 5_000:
        assert outcome == read(case.made, data, step=3)


@pytest.mark.parametrize(
    ("id", "data", "reason"),
    [
        ("empty", b"", "EMPTY_FILE"),
        ("json-02", b'[{"id":1},\n{"id":2}', "TRUNCATED"),
        ("json-02 one line", b'[{"id":1},{"id":2', "TRUNCATED"),
        ("json-02 whole", b'[{"id":1},{"id":2}]\n', "UNSUPPORTED"),
        ("json-18", '{"id":1}\n'.encode("utf-16"), "ENCODING"),
        ("json-18 no mark", '{"id":1}\n'.encode("utf-16-be"), "ENCODING"),
    ],
)
def test_a_file_that_is_no_ndjson_is_rejected_whole(id: str, data: bytes, reason: str) -> None:
    assert read(json_contract(), data).file_reason == reason


def test_a_cut_last_line_is_truncated_and_a_whole_one_without_line_end_is_read() -> None:
    assert read(json_contract(), BEFORE + b'\n{"id":2,"na').reasons == [(2, "TRUNCATED")]
    assert read(json_contract(), BEFORE + b'\n{"id":2,"name":"\xc3').reasons == [(2, "TRUNCATED")]
    assert [row["id"] for row in read(json_contract(), BEFORE + b'\n{"id":2}').rows] == [1, 2]


def test_a_last_line_may_be_cut_anywhere() -> None:
    last = '{"id":2,"name":"é","amount": 1.5'.encode()
    for cut in range(1, len(last) + 1):
        outcome = read(json_contract(), BEFORE + b"\n" + last[:cut])
        assert (len(outcome.rows), outcome.reasons) == (1, [(2, "TRUNCATED")]), last[:cut]


@pytest.mark.parametrize("name", ["plain", "escaped \\u0041"])  # the second is left to the exact parser
@pytest.mark.parametrize(
    ("number", "value"),
    [
        ("1.5e+0001", "15"),
        ("1.5e00000000001", "15"),
        ("150E-0000000001", "15"),
        ("1e-00", "1"),
        ("0e-99999", "0"),
        (f"0.{'0' * 999}1e1000", "1"),
        ("1e1000", None),
        ("1e-1001", None),
        ("1e99999", None),
        ("1e-99999", None),
    ],
)
def test_a_number_is_what_it_says_however_its_exponent_is_written(number: str, value: str | None, name: str) -> None:
    outcome = read(json_contract(), b'{"id":1,"name":"%s","amount":%s}\n' % (name.encode(), number.encode()))
    assert [row["amount"] for row in outcome.rows] == ([] if value is None else [Decimal(value)])
    assert outcome.reasons == ([(1, "OUT_OF_RANGE")] if value is None else [])


def test_marks_blank_lines_and_carriage_returns_are_no_records() -> None:
    outcome = read(json_contract(), b'\xef\xbb\xbf{"id":1}\r\n\r\n \t\n{"id":2}\n\n')
    assert [row["id"] for row in outcome.rows] == [1, 2]
    assert outcome.source_rows == 2


def test_numbers_are_exact() -> None:
    lines = b'{"id":9007199254740993,"amount":9999999999999999.99}\n{"id":-0,"amount":1e2}\n{"id":3,"amount":-0.0}\n'
    outcome = read(json_contract(), lines)
    assert [(row["id"], row["amount"]) for row in outcome.rows] == [
        (9007199254740993, Decimal("9999999999999999.99")),
        (0, Decimal("100.00")),
        (3, Decimal("0.00")),
    ]


def test_unknown_fields_are_kept_as_they_were_written_where_the_contract_evolves() -> None:
    made = json_contract(schema_change=SchemaChange.EVOLVE)
    outcome = read(made, b'{"id":1,"n":1.10,"o":{"a":[1e400,null,true,"\xc3\xa9"]}}\n{"id":2}\n')
    assert [row["_extra"] for row in outcome.rows] == ['{"n": 1.10, "o": {"a": [1e400, null, true, "é"]}}', None]
    assert outcome.drift.added == ("n", "o")


ADDRESS = ColumnType(
    kind=TypeKind.OBJECT,
    fields=(
        StructField("city", STRING, required=True),
        StructField("lines", ColumnType(kind=TypeKind.ARRAY, item=STRING)),
    ),
)
PRICED = ColumnType(kind=TypeKind.ARRAY, item=ColumnType(kind=TypeKind.OBJECT, fields=(StructField("price", MONEY),)))


def test_nested_values_are_read_and_their_faults_named() -> None:
    made = json_contract(columns=(column("to", ADDRESS), column("items", PRICED), column("ok", BOOLEAN)))
    lines = [
        b'{"to":{"lines":["a",null],"city":"x"},"items":[{"price":1.5},{}],"ok":true}',
        b'{"to":{"lines":[]},"ok":true}',
        b'{"to":{"city":"x","zip":1}}',
        b'{"items":[{"price":"1"}]}',
        b'{"items":{"price":1}}',
        b'{"to":null,"items":[]}',
    ]
    outcome = read(made, b"\n".join(lines))
    assert outcome.reasons == [(2, "MISSING"), (3, "SCHEMA_ADDED"), (4, "TYPE_DECIMAL"), (5, "SCHEMA_TYPE")]
    assert outcome.rows[0]["to"] == {"city": "x", "lines": ["a", None]}
    assert outcome.rows[0]["items"] == [{"price": Decimal("1.50")}, {"price": None}]
    assert outcome.rows[1]["items"] == []


def test_doubles_are_numbers_of_json_and_finite() -> None:
    made = json_contract(columns=(column("r", DOUBLE),))
    outcome = read(made, b'{"r":0.1}\n{"r":1e999}\n{"r":-0}\n{"r":"1"}\n{"r":NaN}\n{"r":null}\n')
    assert outcome.reasons == [(2, "OUT_OF_RANGE"), (4, "TYPE_DOUBLE"), (5, "SYNTAX")]
    assert [row["r"] for row in outcome.rows] == [0.1, 0.0, None]
