"""Structured CloudEvents become flat records; events that the specification forbids are rejected with their bytes."""

from __future__ import annotations

import base64
import json
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest

from data_platform.contracts.model import Contract, Envelope, FileKind, SchemaChange
from data_platform_tests.unit.formats.makers import BOOLEAN, INTEGER, MOMENT, MONEY, STRING, column, contract, read

OWN = (
    column("ce_id", STRING),
    column("ce_source", STRING),
    column("ce_type", STRING),
    column("ce_subject", STRING),
    column("ce_time", MOMENT),
    column("ce_attempt", INTEGER),
    column("ce_sampled", BOOLEAN),
    column("ce_partitionkey", STRING),
)
ROW = (column("id", INTEGER, required=True), column("name", STRING), column("amount", MONEY))
EVENT = {"specversion": "1.0", "id": "e-1", "source": "/shop/orders", "type": "com.shop.order"}
DATA = {"id": 1, "name": "ann", "amount": 1.5}


def events(**more: Any) -> Contract:
    return contract(*ROW, *OWN, kind=FileKind.NDJSON, envelope=Envelope.CLOUDEVENTS, **more)


def lines(*given: Any) -> bytes:
    made = [item if isinstance(item, bytes) else json.dumps(item).encode() for item in given]
    return b"\n".join([*made, b""])


def test_the_data_is_the_record_and_the_attributes_stand_beside_it() -> None:
    attributes = {
        "subject": "ö",
        "time": "2026-01-02T10:11:12.5+01:00",
        "attempt": 3,
        "sampled": True,
        "partitionkey": 7,
        "datacontenttype": "application/json; charset=utf-8",
        "dataschema": "https://shop.example/order",
        "other": "x",
    }
    event = EVENT | attributes | {"data": DATA}
    outcome = read(events(), lines(event, event | {"subject": None}, EVENT | {"data": DATA}))
    assert outcome.reasons == []
    assert outcome.rows[0] == {
        "id": 1,
        "name": "ann",
        "amount": Decimal("1.50"),
        "ce_id": "e-1",
        "ce_source": "/shop/orders",
        "ce_type": "com.shop.order",
        "ce_subject": "ö",
        "ce_time": datetime(2026, 1, 2, 9, 11, 12, 500_000, UTC),
        "ce_attempt": 3,
        "ce_sampled": True,
        "ce_partitionkey": "7",
        "_record_no": 1,
    }
    assert outcome.rows[1] == outcome.rows[0] | {"ce_subject": None, "_record_no": 2}
    assert [outcome.rows[2][name] for name in ("ce_time", "ce_attempt", "ce_sampled", "ce_partitionkey")] == [None] * 4
    assert outcome.drift.added == ()


def test_attributes_as_text_have_the_type_of_their_column() -> None:
    texts = {"attempt": "-12", "sampled": "false", "partitionkey": True, "time": "2026-01-02t10:11:12z"}
    outcome = read(events(), lines(EVENT | texts | {"data": DATA}, EVENT | {"attempt": "1.0", "data": DATA}))
    row = outcome.rows[0]
    assert (row["ce_attempt"], row["ce_sampled"], row["ce_partitionkey"]) == (-12, False, "true")
    assert row["ce_time"] == datetime(2026, 1, 2, 10, 11, 12, tzinfo=UTC)
    assert [(item["reason"], item["column"]) for item in outcome.rejected] == [("TYPE_INTEGER", "ce_attempt")]


def without(name: str) -> dict[str, Any]:
    return {key: value for key, value in (EVENT | {"data": DATA}).items() if key != name}


def valid(**more: Any) -> dict[str, Any]:
    return EVENT | {"data": DATA} | more


@pytest.mark.parametrize(
    ("event", "reason"),
    [
        *[(without(name), "ENVELOPE") for name in EVENT],
        *[(valid(**{name: None}), "ENVELOPE") for name in EVENT],
        *[(valid(**{name: ""}), "ENVELOPE") for name in [*EVENT, "subject", "time", "dataschema", "datacontenttype"]],
        *[(valid(**{name: 1}), "ENVELOPE") for name in [*EVENT, "subject", "time", "dataschema", "datacontenttype"]],
        (valid(specversion="0.3"), "ENVELOPE"),
        (valid(source="not a reference"), "ENVELOPE"),
        (valid(dataschema="/relative"), "ENVELOPE"),
        (valid(datacontenttype="json"), "ENVELOPE"),
        (valid(time="2026-01-02"), "ENVELOPE"),
        (valid(time="2026-01-02T10:11:12"), "ENVELOPE"),
        (valid(time="2026-02-30T10:11:12Z"), "ENVELOPE"),
        (valid(time="2026-01-02T25:11:12Z"), "ENVELOPE"),
        (valid(time="2026-01-02T10:11:12.1234567Z"), "TYPE_TIMESTAMP"),
        (valid(Upper="x"), "ENVELOPE"),
        (valid(my_name="x"), "ENVELOPE"),
        (valid(attempt=1.5), "ENVELOPE"),
        (valid(attempt=2**31), "ENVELOPE"),
        (valid(other={"a": 1}), "ENVELOPE"),
        (valid(other=["a"]), "ENVELOPE"),
        (valid(subject="a\tb"), "ENVELOPE"),
        (valid(subject="a\x85b"), "ENVELOPE"),
        (valid(other="a\nb"), "ENVELOPE"),
        (valid(id="a\x00b"), "CONTROL_CHAR"),
        (valid(data=["x"]), "ENVELOPE"),
        (valid(data="x"), "ENVELOPE"),
        (valid(data=7), "ENVELOPE"),
        (valid(data_base64="e30="), "ENVELOPE"),
        (EVENT | {"data_base64": "?"}, "ENVELOPE"),
        (EVENT | {"data_base64": 7}, "ENVELOPE"),
        (EVENT | {"data_base64": base64.b64encode(b"<a/>").decode()}, "ENVELOPE"),
        (EVENT | {"data_base64": base64.b64encode(b"[1]").decode()}, "ENVELOPE"),
        (EVENT, "MISSING"),
        (EVENT | {"data": None}, "MISSING"),
        (EVENT | {"data": {}}, "MISSING"),
        (EVENT | {"data": {"id": "1"}}, "TYPE_INTEGER"),
        (EVENT | {"data": {"id": 1, "more": 1}}, "SCHEMA_ADDED"),
        (EVENT | {"data": DATA | {"ce_id": "forged"}}, "DUPLICATE_COLUMN"),
        (b"null", "ENVELOPE"),
        (b"[]", "ENVELOPE"),
        (b'"x"', "ENVELOPE"),
        (b"{}", "ENVELOPE"),
        (b'{"specversion":"1.0",', "SYNTAX"),
        (json.dumps(valid()).encode()[:-1] + b',"id":"e-2"}', "DUPLICATE_COLUMN"),
    ],
)
def test_what_is_no_event_is_rejected_with_its_bytes(event: Any, reason: str) -> None:
    good, bad = json.dumps(valid()).encode(), lines(event).rstrip()
    outcome = read(events(), lines(good, bad, good, bad))
    assert [row["_record_no"] for row in outcome.rows] == [1, 3]
    assert [(item["record_no"], item["reason"], item["raw_text"]) for item in outcome.rejected] == [
        (number, reason, bad.decode()) for number in (2, 4)
    ]
    assert outcome.rejected[0]["byte_offset"] == len(good) + 1
    assert outcome.source_rows == 4


def test_data_in_base64_that_holds_an_object_is_read() -> None:
    data = base64.b64encode(b'{"id": 1,\r\n "name": "a\\nb"}\n').decode()
    outcome = read(events(), lines(EVENT | {"data_base64": data}))
    assert (outcome.rows[0]["id"], outcome.rows[0]["name"]) == (1, "a\nb")


def test_unknown_fields_of_the_data_drift_and_unknown_attributes_do_not() -> None:
    outcome = read(events(schema_change=SchemaChange.EVOLVE), lines(valid(data=DATA | {"more": 1.5}, other="x")))
    assert outcome.drift.added == ("more",)
    assert outcome.rows[0]["_extra"] == '{"more": 1.5}'


def test_an_array_of_events_is_no_ndjson() -> None:
    assert read(events(), json.dumps([valid(), valid()]).encode()).file_reason == "UNSUPPORTED"
