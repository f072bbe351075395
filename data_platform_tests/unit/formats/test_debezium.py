"""Debezium change events become flat records, and what is none is rejected with its own bytes."""

from __future__ import annotations

import base64
import json
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

import pytest

from data_platform.contracts.model import Contract, Envelope, FileKind, SchemaChange
from data_platform_tests.unit.formats.makers import (
    BERLIN,
    DATE,
    DOUBLE,
    INTEGER,
    MOMENT,
    MONEY,
    STRING,
    Outcome,
    column,
    contract,
    read,
)

CDC = (
    column("cdc_op", STRING),
    column("cdc_ts", MOMENT),
    column("cdc_sequence", STRING),
    column("cdc_tx", STRING),
    column("cdc_lsn", INTEGER),
)
ROW = (column("id", INTEGER, required=True), column("name", STRING), column("amount", MONEY))
POSTGRES = {
    "version": "3.0.0.Final",
    "connector": "postgresql",
    "name": "shop",
    "ts_ms": 1_767_348_672_123,
    "snapshot": "false",
    "db": "shop",
    "schema": "public",
    "table": "orders",
    "txId": 555,
    "lsn": 24023128,
    "sequence": '["24023119","24023128"]',
}
SEQUENCE = "00000000000024023119-00000000000024023128"
AT = datetime(2026, 1, 2, 10, 11, 12, 123_000, UTC)


def changes(*columns: Any, **more: Any) -> Contract:
    return contract(*(columns or ROW), *CDC, kind=FileKind.NDJSON, envelope=Envelope.DEBEZIUM, **more)


def event(op: str, before: Any = None, after: Any = None, **more: Any) -> dict[str, Any]:
    return {"before": before, "after": after, "source": POSTGRES, "op": op, "ts_ms": 1_767_348_672_999, **more}


def of(*events: Any, made: Contract | None = None, spaced: bool = False) -> Outcome:
    separators = (", ", ": ") if spaced else (",", ":")
    lines = [item if isinstance(item, bytes) else json.dumps(item, separators=separators).encode() for item in events]
    outcome = read(made or changes(), b"\n".join([*lines, b""]))
    assert outcome.source_rows == len(lines) == len(outcome.rows) + len(outcome.rejected)
    return outcome


def own(outcome: Outcome) -> list[tuple[Any, ...]]:
    return [tuple(row[item.name] for item in CDC) for row in outcome.rows]


ANN, BOB = {"id": 1, "name": "ann", "amount": 1.5}, {"id": 1, "name": "bob", "amount": "2.50"}


@pytest.mark.parametrize("spaced", [False, True])
def test_a_change_is_the_row_behind_it_and_a_deletion_the_row_before_it(spaced: bool) -> None:
    events = [
        event("r", None, ANN),
        event("c", None, ANN),
        event("u", ANN, BOB),
        event("d", BOB),
        event("c", None, ANN),
    ]
    outcome = of(*events, spaced=spaced)
    assert own(outcome) == [(op, AT, SEQUENCE, "555", 24023128) for op in "rcudc"]
    assert [(row["id"], row["name"], row["amount"]) for row in outcome.rows] == [
        (1, "ann", Decimal("1.50")),
        (1, "ann", Decimal("1.50")),
        (1, "bob", Decimal("2.50")),
        (1, "bob", Decimal("2.50")),
        (1, "ann", Decimal("1.50")),
    ]
    assert [row["_record_no"] for row in outcome.rows] == [1, 2, 3, 4, 5]
    assert outcome.drift.added == ()


@pytest.mark.parametrize(
    ("control", "op", "ts", "tx"),
    [
        (None, "m", None, None),
        ({"schema": None, "payload": None}, "m", None, None),
        ({"ts_ms": 1_767_348_672_123}, "m", AT, None),
        ({"status": "BEGIN", "id": "571:9", "ts_ms": 1_767_348_672_123, "event_count": None}, "m", AT, "571:9"),
        ({"status": "END", "id": "571", "event_count": 2, "data_collections": [{"a": 1}]}, "m", None, "571"),
        ({"op": "m", "ts_ms": 1_767_348_672_123, "message": {"prefix": "x", "content": "eA=="}}, "m", AT, None),
        ({"databaseName": "shop", "ddl": "ALTER TABLE x", "ts_ms": 1_767_348_672_123}, "m", AT, None),
        ({"op": "t", "ts_ms": 1_767_348_672_123, "source": {"txId": 7}}, "t", AT, "7"),
    ],
)
def test_what_changes_no_row_is_a_record_without_fields(control: Any, op: str, ts: Any, tx: Any) -> None:
    outcome = of(event("c", None, ANN), control, event("c", None, ANN))
    assert [outcome.rows[1][name] for name in ("id", "name", "amount")] == [None, None, None]
    assert [outcome.rows[1][name] for name in ("cdc_op", "cdc_ts", "cdc_tx")] == [op, ts, tx]
    assert outcome.drift.added == ()


@pytest.mark.parametrize(
    ("source", "sequence"),
    [
        ({"connector": "postgresql", "lsn": 5, "sequence": '[null,"9"]'}, f"{0:020}-{9:020}"),
        ({"connector": "postgresql", "lsn": 5, "sequence": "?"}, f"{5:020}"),
        ({"connector": "postgresql", "lsn": 5}, f"{5:020}"),
        ({"connector": "mysql", "file": "bin.000003", "pos": 154, "row": 2}, f"bin.0000000003-{154:020}-0000000002"),
        ({"connector": "mariadb", "file": "bin.1000000", "pos": 4}, f"bin.0001000000-{4:020}-0000000000"),
        (
            {"connector": "sqlserver", "commit_lsn": "0:1:2", "change_lsn": "0:1:1", "event_serial_no": 1},
            "0:1:2-0:1:1-0000000001",
        ),
        ({"connector": "oracle", "ts_ms": 12}, f"{12:020}"),
        ({"connector": "mysql", "ts_ms": 12}, f"{12:020}"),
        ({"connector": "oracle"}, f"{1_767_348_672_999:020}"),
        ({}, None),
    ],
)
def test_the_sequence_sorts_in_the_order_of_the_source(source: dict[str, Any], sequence: str | None) -> None:
    assert of(event("c", None, ANN) | {"source": source}).rows[0]["cdc_sequence"] == sequence


def test_sequences_of_one_source_sort_as_its_changes_did() -> None:
    places = [
        {"connector": "mysql", "file": f"bin.{file}", "pos": pos, "row": row}
        for file in ("000009", "999999", "1000000")
        for pos in (9, 10, 1_000)
        for row in (0, 1, 10)
    ]
    found = [row["cdc_sequence"] for row in of(*[event("c", None, ANN) | {"source": place} for place in places]).rows]
    assert found == sorted(found)
    assert len(set(found)) == len(places)


@pytest.mark.parametrize(
    ("line", "reason", "on"),
    [
        (b'{"op":"c","after":{"id":1}', "SYNTAX", None),
        (b'{"op":"c","after":{"id":1},"source":{"a":NaN}}', "SYNTAX", None),
        (b'{"op":"c","op":"c","after":{"id":1}}', "DUPLICATE_COLUMN", None),
        (b'{"op":"c","after":{"id":1,"id":2}}', "DUPLICATE_COLUMN", None),
        (b'{"op":"c","after":{"id":1},"source":{"ts_ms":1,"ts_ms":1}}', "DUPLICATE_COLUMN", None),
        (b'{"op":"c","after":{"id":1,"cdc_op":"d"}}', "DUPLICATE_COLUMN", None),
        (b'{"op":"c","after":{"id":1},"source":{"table":"\\u0000"}}', "CONTROL_CHAR", None),
        (b'{"op":"c","after":{"id":1},"source":{"table":"\\ud800"}}', "ENCODING", None),
        (b'{"op":"c","after":{"id":1},"source":{"table":"\xff"}}', "ENCODING", None),
        (b'{"op":"c","after":{"id":1,"name":"\\u0000"}}', "CONTROL_CHAR", None),
        (b'{"op":"c","before":{"a":' + b"[" * 70 + b"]" * 70 + b'},"after":{"id":1}}', "TOO_DEEP", None),
        (b'{"op":"x","after":{"id":1}}', "ENVELOPE", None),
        (b'{"op":null,"after":{"id":1}}', "ENVELOPE", None),
        (b'{"op":["c"],"after":{"id":1}}', "ENVELOPE", None),
        (b'{"op":"c","after":null}', "ENVELOPE", None),
        (b'{"op":"c","after":"{\\"id\\":1}"}', "ENVELOPE", None),
        (b'{"op":"d","before":null,"after":{"id":1}}', "ENVELOPE", None),
        (b'{"op":"c","after":{"id":1},"source":"shop"}', "ENVELOPE", None),
        (b'{"schema":null,"payload":[]}', "ENVELOPE", None),
        (b'{"id":1,"name":"ann"}', "ENVELOPE", None),
        (b"{}", "ENVELOPE", None),
        (b"[]", "ENVELOPE", None),
        (b"7", "ENVELOPE", None),
        (b'{"op":"c","after":{"name":"ann"}}', "MISSING", "id"),
        (b'{"op":"c","after":{"id":"1"}}', "TYPE_INTEGER", "id"),
        (b'{"op":"c","after":{"id":1,"more":1}}', "SCHEMA_ADDED", None),
        (b'{"op":"c","after":{"id":1},"ts_ms":"1"}', "TYPE_TIMESTAMP", "cdc_ts"),
        (b'{"op":"c","after":{"id":1},"ts_ms":999999999999999999}', "OUT_OF_RANGE", "cdc_ts"),
    ],
)
def test_what_is_no_change_event_is_rejected_with_its_bytes(line: bytes, reason: str, on: str | None) -> None:
    good = json.dumps(event("c", None, ANN)).encode()
    outcome = of(good, line, good, line)
    expected = (reason, on, line[: 64 << 10].decode("utf-8", "backslashreplace"))
    assert [(item["reason"], item["column"], item["raw_text"]) for item in outcome.rejected] == [expected] * 2
    assert [(item["record_no"], item["byte_offset"]) for item in outcome.rejected] == [
        (2, len(good) + 1),
        (4, 2 * len(good) + len(line) + 3),
    ]


def test_a_cut_last_line_is_truncated_and_a_whole_one_without_line_end_is_read() -> None:
    good = json.dumps(event("c", None, ANN)).encode()
    assert read(changes(), good + b"\n" + good[:-9]).reasons == [(2, "TRUNCATED")]
    assert [row["id"] for row in read(changes(), good + b"\n\r\n" + good).rows] == [1, 1]


def test_a_line_beyond_the_limit_is_rejected_and_what_unwrapping_adds_does_not_count() -> None:
    made = changes(max_record_bytes=60)
    small = b'{"op":"t"}'
    outcome = of(small, b'{"op":"c","after":{"id":1,"name":"' + b"x" * 60 + b'"}}', small, made=made)
    assert outcome.reasons == [(2, "ROW_TOO_LARGE")]


def test_a_deletion_may_carry_its_key_alone() -> None:
    made = changes(*ROW, column("day", DATE, required=True))
    outcome = of(event("d", {"id": 1}), event("d", {}), event("c", None, {"id": 1}), made=made)
    assert outcome.reasons == [(3, "MISSING")]
    assert [(row["id"], row["day"]) for row in outcome.rows] == [(1, None), (None, None)]


def test_fields_that_the_contract_does_not_name_follow_it_and_the_envelope_is_no_drift() -> None:
    events = [event("c", None, {**ANN, "more": 1.10}, extra_of_envelope={"a": 1}), event("d", {**ANN, "older": [1]})]
    kept = of(*events, made=changes(schema_change=SchemaChange.EVOLVE))
    assert [row["_extra"] for row in kept.rows] == ['{"more": 1.1}', '{"older": [1]}']
    assert kept.drift.added == ("more", "older")
    assert of(*events, made=changes(schema_change=SchemaChange.IGNORE)).reasons == []
    assert of(*events).reasons == [(1, "SCHEMA_ADDED"), (2, "SCHEMA_ADDED")]


def test_decimals_are_exact_as_numbers_and_as_text() -> None:
    texts = ["9999999999999999.99", "-0.10", "1E+3", "0E-10", "1.005", "NaN", "1,5"]
    numbers = [b"9999999999999999.99", b"0.1", b"12345e-2", b"1.005"]
    lines = [event("c", None, {"id": 1, "amount": text}) for text in texts]
    raw = [b'{"before":null,"after":{"id":1,"amount":%b},"op":"c"}' % number for number in numbers]
    outcome = of(*lines, *raw)
    assert [row["amount"] for row in outcome.rows] == [
        Decimal("9999999999999999.99"),
        Decimal("-0.10"),
        Decimal("1000.00"),
        Decimal("0.00"),
        Decimal("9999999999999999.99"),
        Decimal("0.10"),
        Decimal("123.45"),
    ]
    assert outcome.reasons == [(5, "TYPE_DECIMAL"), (6, "TYPE_DECIMAL"), (7, "TYPE_DECIMAL"), (11, "TYPE_DECIMAL")]


def test_an_integer_is_no_day_or_moment_where_no_schema_says_so() -> None:
    made = changes(column("id", INTEGER), column("day", DATE), column("at", MOMENT))
    day, at = {"id": 1, "day": 20_455}, {"id": 1, "at": 1_767_348_672_123}
    iso = {"id": 1, "day": "2026-01-02", "at": "2026-01-02T10:11:12.123+00:00"}
    outcome = of(event("c", None, day), event("c", None, at), event("c", None, iso), made=made)
    assert outcome.reasons == [(1, "TYPE_DATE"), (2, "TYPE_TIMESTAMP")]
    assert (outcome.rows[0]["day"], outcome.rows[0]["at"]) == (date(2026, 1, 2), AT)


def unscaled(number: int) -> str:
    return base64.b64encode(number.to_bytes(12, "big", signed=True)).decode()


def with_schema(payload: Any, *fields: dict[str, Any]) -> dict[str, Any]:
    rows = [{"type": "struct", "fields": list(fields), "field": part} for part in ("before", "after")]
    return {"schema": {"type": "struct", "fields": [*rows, {"type": "string", "field": "op"}]}, "payload": payload}


def field(name: str, semantic: str | None = None, **parameters: str) -> dict[str, Any]:
    return {"type": "int64", "field": name, "name": semantic, "parameters": parameters}


CONNECT = "org.apache.kafka.connect.data."


@pytest.mark.parametrize(
    ("kind", "semantic", "written", "value"),
    [
        (DATE, "io.debezium.time.Date", 20_455, date(2026, 1, 2)),
        (DATE, "io.debezium.time.Date", -719_162, date(1, 1, 1)),
        (DATE, CONNECT + "Date", 0, date(1970, 1, 1)),
        (DATE, "io.debezium.time.IsoDate", "2026-01-02Z", date(2026, 1, 2)),
        (MOMENT, "io.debezium.time.Timestamp", 1_767_348_672_123, AT),
        (MOMENT, CONNECT + "Timestamp", 1_767_348_672_123, AT),
        (MOMENT, "io.debezium.time.MicroTimestamp", 1_767_348_672_123_000, AT),
        (MOMENT, "io.debezium.time.NanoTimestamp", 1_767_348_672_123_000_000, AT),
        (MOMENT, "io.debezium.time.ZonedTimestamp", "2026-01-02T11:11:12.123+01:00", AT),
        (MOMENT, "io.debezium.time.Timestamp", -1, datetime(1969, 12, 31, 23, 59, 59, 999_000, UTC)),
        (BERLIN, "io.debezium.time.MicroTimestamp", 1_767_348_672_123_000, AT.replace(hour=9)),
        (INTEGER, "io.debezium.time.MicroTimestamp", 1_767_348_672_123_000, 1_767_348_672_123_000),
        (MONEY, CONNECT + "Decimal", unscaled(12_345), Decimal("123.45")),
        (MONEY, CONNECT + "Decimal", unscaled(-5), Decimal("-0.05")),
        (MONEY, CONNECT + "Decimal", unscaled(0), Decimal("0.00")),
        (MONEY, CONNECT + "Decimal", unscaled(10**18 - 1), Decimal("9999999999999999.99")),
        (MONEY, "io.debezium.data.VariableScaleDecimal", {"scale": 3, "value": unscaled(1_230)}, Decimal("1.23")),
        (MONEY, "io.debezium.data.VariableScaleDecimal", {"scale": -2, "value": unscaled(7)}, Decimal("700.00")),
        (DATE, "io.debezium.time.Date", 99_999_999_999, "OUT_OF_RANGE"),
        (DATE, "io.debezium.time.Date", 3_000_000, "OUT_OF_RANGE"),
        (DATE, "io.debezium.time.Timestamp", 5, "TYPE_DATE"),
        (DATE, "io.debezium.time.Date", True, "TYPE_DATE"),
        (MOMENT, "io.debezium.time.NanoTimestamp", 1, "TYPE_TIMESTAMP"),
        (MOMENT, "io.debezium.time.Timestamp", 10**18, "OUT_OF_RANGE"),
        (MONEY, CONNECT + "Decimal", "1234*", "TYPE_DECIMAL"),
        (MONEY, CONNECT + "Decimal", unscaled(10**18), "OUT_OF_RANGE"),
        (BERLIN, "io.debezium.time.Timestamp", 1_774_751_400_000, "TYPE_TIMESTAMP"),
    ],
)
@pytest.mark.parametrize("spaced", [False, True])
def test_the_schema_in_the_envelope_says_what_a_number_means(
    kind: Any, semantic: str, written: Any, value: Any, spaced: bool
) -> None:
    made = changes(column("id", INTEGER), column("value", kind), column("ratio", DOUBLE))
    parameters = {"scale": "2"} if semantic == CONNECT + "Decimal" else {}
    lines = [
        with_schema(event(op, row, row), field("id"), field("value", semantic, **parameters), field("ratio"))
        for op in "cud"
        for row in [{"id": 7, "value": written, "ratio": 0.1}, {"id": 7, "value": None}]
    ]
    outcome = of(*lines, made=made, spaced=spaced)
    assert [row["cdc_ts"] for row in outcome.rows] == [AT] * len(outcome.rows)
    if isinstance(value, str):
        assert [(item["reason"], item["column"]) for item in outcome.rejected] == [(value, "value")] * 3
        assert [row["value"] for row in outcome.rows] == [None] * 3
    else:
        assert [(row["value"], row["ratio"]) for row in outcome.rows] == [(value, 0.1), (None, None)] * 3


def test_a_schema_that_changes_within_a_file_is_followed() -> None:
    made = changes(column("id", INTEGER), column("value", DATE))
    days = with_schema(event("c", None, {"id": 1, "value": 1}), field("id"), field("value", "io.debezium.time.Date"))
    texts = with_schema(event("c", None, {"id": 1, "value": "1970-01-02"}), field("id"), field("value"))
    outcome = of(days, texts, days, event("c", None, {"id": 1, "value": "1970-01-02"}), days, texts, made=made)
    assert [row["value"] for row in outcome.rows] == [date(1970, 1, 2)] * 6


def test_text_that_looks_like_an_envelope_does_not_mislead() -> None:
    tricky = '"op":"d","after":{"id":9},"source":{'
    rows: list[dict[str, Any]] = [
        {"id": 1, "name": tricky, "amount": "1.00"},
        {"id": 2, "name": '{"amount":"1.00"}', "amount": "2.00"},
        {"id": 3, "name": "\\", "amount": "3.00"},
    ]
    for line_up in (rows, rows[::-1]):
        outcome = of(*[event("u", row, row) for row in line_up for _ in range(2)])
        assert [(row["id"], row["name"]) for row in outcome.rows] == [
            (row["id"], row["name"]) for row in line_up for _ in range(2)
        ]
        assert [row["amount"] for row in outcome.rows] == [Decimal(row["id"]) for row in line_up for _ in range(2)]
