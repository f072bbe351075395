"""Every kind of schema drift, in every format and under every `schema_change`: what becomes of the file.

The table of docs/reference/schema-drift.md, row for row. What reading lets through and a rule decides at admission
(NULL in a required column, an enum value) appears here as read.
"""

from __future__ import annotations

import io
import json
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from data_platform.contracts.model import Envelope, FileKind, SchemaChange
from data_platform.formats.source_schema import SourceSchema, source_schema
from data_platform_tests.unit.formats.makers import INT32, INTEGER, MONEY, STRING, Outcome, column, contract, read

COLUMNS = (
    column("id", INTEGER, required=True),
    column("name", STRING, required=True),
    column("amount", MONEY),
    column("small", INT32),
    column("state", STRING, enum=("open", "closed")),
)
NAMES = tuple(item.name for item in COLUMNS)
SOUND = {"id": 1, "name": "ann", "amount": 2, "small": 3, "state": "open"}
TYPES = {
    "id": pa.int64(),
    "name": pa.string(),
    "amount": pa.decimal128(18, 2),
    "small": pa.int32(),
    "state": pa.string(),
}
READ, KEPT, ROW, FILE = "read", "read, kept in _extra", "record rejected", "file rejected"
EACH = tuple(SchemaChange)
CSV, NDJSON, PARQUET = FileKind.CSV, FileKind.NDJSON, FileKind.PARQUET


def without(name: str, **more: Any) -> dict[str, Any]:
    return {key: value for key, value in SOUND.items() if key != name} | more


@dataclass(frozen=True)
class Drift:
    """A row whose schema is another, its Parquet types, and by format and mode what becomes of it."""

    id: str
    row: dict[str, Any]
    outcomes: dict[tuple[FileKind, SchemaChange], tuple[str, str | None]]
    schemas: dict[FileKind, dict[str, Any]] = field(default_factory=dict)
    types: dict[str, pa.DataType] = field(default_factory=dict)


def alike(**outcomes: tuple[str, str | None]) -> dict[tuple[FileKind, SchemaChange], tuple[str, str | None]]:
    """The same under every mode."""
    return {(FileKind(kind), mode): outcome for kind, outcome in outcomes.items() for mode in EACH}


ADDED: dict[tuple[FileKind, SchemaChange], tuple[str, str | None]] = {
    **{(kind, mode): (KEPT, None) for kind in FileKind for mode in (SchemaChange.EVOLVE, SchemaChange.QUARANTINE)},
    **{(kind, SchemaChange.IGNORE): (READ, None) for kind in FileKind},
    (CSV, SchemaChange.FREEZE): (FILE, "SCHEMA_ADDED"),
    (PARQUET, SchemaChange.FREEZE): (FILE, "SCHEMA_ADDED"),
    (NDJSON, SchemaChange.FREEZE): (ROW, "SCHEMA_ADDED"),
}
GONE = (FILE, "SCHEMA_REMOVED")
ALWAYS_READ = alike(csv=(READ, None), ndjson=(READ, None), parquet=(READ, None))

DRIFTS = [
    Drift("nothing", SOUND, ALWAYS_READ, {kind: {} for kind in FileKind}),
    Drift(
        "add", SOUND | {"more": "x"}, ADDED, {kind: {"added": ("more",)} for kind in FileKind}, {"more": pa.string()}
    ),
    Drift(
        "drop, required",
        without("name"),
        alike(csv=GONE, ndjson=(ROW, "MISSING"), parquet=GONE),
        {kind: {"removed": ("name",)} for kind in FileKind},
    ),
    Drift(
        "drop, optional",
        without("amount"),
        alike(csv=GONE, ndjson=(READ, None), parquet=GONE),
        {CSV: {"removed": ("amount",)}, PARQUET: {"removed": ("amount",)}, NDJSON: {}},
    ),
    Drift(
        "rename",
        without("name", label="ann"),
        alike(csv=GONE, ndjson=(ROW, "MISSING"), parquet=GONE),
        {kind: {"added": ("label",), "removed": ("name",)} for kind in FileKind},
        {"label": pa.string()},
    ),
    Drift(
        "reorder",
        dict(reversed(SOUND.items())),
        ALWAYS_READ,
        {CSV: {"reordered": True}, PARQUET: {"reordered": True}, NDJSON: {}},
    ),
    Drift(
        "widen: the source is narrower",
        SOUND,
        ALWAYS_READ,
        {CSV: {}, NDJSON: {}, PARQUET: {"types_changed": ("id is int32, not integer",)}},
        {"id": pa.int32()},
    ),
    Drift(
        "narrow: the source is wider",
        SOUND | {"small": 2**31},
        alike(csv=(ROW, "OUT_OF_RANGE"), ndjson=(ROW, "OUT_OF_RANGE"), parquet=(FILE, "SCHEMA_TYPE")),
        {CSV: {}, NDJSON: {}, PARQUET: {"types_changed": ("small is int64, not integer(i32)",)}},
        {"small": pa.int64()},
    ),
    Drift(
        "another type",
        SOUND | {"small": "three"},
        alike(csv=(ROW, "TYPE_INTEGER"), ndjson=(ROW, "TYPE_INTEGER"), parquet=(FILE, "SCHEMA_TYPE")),
        {
            CSV: {},
            NDJSON: {"types_changed": ("small is text, not integer(i32)",)},
            PARQUET: {"types_changed": ("small is string, not integer(i32)",)},
        },
        {"small": pa.string()},
    ),
    Drift("null in required", SOUND | {"name": None}, ALWAYS_READ, {kind: {} for kind in FileKind}),
    Drift(
        "scalar to object",
        SOUND | {"small": {"value": 3}},
        alike(csv=(ROW, "TYPE_INTEGER"), ndjson=(ROW, "SCHEMA_TYPE"), parquet=(FILE, "SCHEMA_TYPE")),
        {
            CSV: {},
            NDJSON: {"types_changed": ("small is an object, not integer(i32)",)},
            PARQUET: {"types_changed": ("small is struct<value: int64>, not integer(i32)",)},
        },
        {"small": pa.struct([("value", pa.int64())])},
    ),
    Drift("unknown enum value", SOUND | {"state": "lost"}, ALWAYS_READ, {kind: {} for kind in FileKind}),
]


def as_file(drift: Drift, kind: FileKind) -> bytes:
    row = drift.row
    if kind is NDJSON:
        return json.dumps(row).encode() + b"\n"
    if kind is CSV:
        values = ["" if value is None else json.dumps(value).replace('"', "") for value in row.values()]
        return f"{','.join(row)}\n{','.join(values)}\n".encode()
    types = TYPES | drift.types
    sink = io.BytesIO()
    exact = {name: Decimal(value) if name == "amount" else value for name, value in row.items()}
    arrays = {name: pa.array([value], types[name]) for name, value in exact.items()}
    pq.write_table(pa.table(arrays), sink)
    return sink.getvalue()


def outcome_of(outcome: Outcome) -> tuple[str, str | None]:
    if outcome.file_reason:
        return FILE, outcome.file_reason
    if outcome.rejected:
        return ROW, outcome.rejected[0]["reason"]
    return (KEPT if outcome.rows[0].get("_extra") else READ), None


CASES = [(drift, kind, mode) for drift in DRIFTS for kind in FileKind for mode in EACH]


@pytest.mark.parametrize(("drift", "kind", "mode"), CASES, ids=lambda part: getattr(part, "id", None))
def test_every_kind_of_drift_has_its_outcome(drift: Drift, kind: FileKind, mode: SchemaChange) -> None:
    made = contract(*COLUMNS, kind=kind, schema_change=mode)
    assert outcome_of(read(made, as_file(drift, kind))) == drift.outcomes[kind, mode]


@pytest.mark.parametrize(
    ("drift", "kind"), [(d, k) for d in DRIFTS for k in FileKind], ids=lambda part: getattr(part, "id", None)
)
def test_the_door_sees_how_a_source_differs(drift: Drift, kind: FileKind) -> None:
    found = source_schema(io.BytesIO(as_file(drift, kind)), contract(*COLUMNS, kind=kind))
    assert found is not None
    assert found == SourceSchema(fields=found.fields, **drift.schemas[kind])
    assert tuple(name.partition(":")[0] for name in found.fields) == tuple(drift.row)
    assert bool(found) is bool(drift.schemas[kind])


def test_the_fields_of_an_envelope_are_those_of_its_record() -> None:
    own = (column("cdc_op", STRING), column("ce_id", STRING))
    change = {"before": None, "after": SOUND | {"more": 1}, "source": {}, "op": "c"}
    deletion = {"before": {"id": 1}, "after": None, "source": {}, "op": "d"}
    lines = "\n".join(map(json.dumps, [None, deletion, change, {"op": "t"}, "junk"])).encode()
    made = contract(*COLUMNS, own[0], kind=NDJSON, envelope=Envelope.DEBEZIUM)
    assert source_schema(io.BytesIO(lines), made) == SourceSchema(fields=(*NAMES, "more"), added=("more",))
    event = {"specversion": "1.0", "id": "1", "source": "/a", "type": "b", "data": without("name")}
    made = contract(*COLUMNS, own[1], kind=NDJSON, envelope=Envelope.CLOUDEVENTS)
    found = source_schema(io.BytesIO(json.dumps(event).encode()), made)
    assert found == SourceSchema(fields=tuple(without("name")), removed=("name",))


def test_some_bad_values_are_no_drift_of_a_type_and_aliases_are_known() -> None:
    made = contract(*COLUMNS[:1], column("amount", MONEY, aliases=("total",)), kind=NDJSON)
    lines = b'{"id":1,"total":"x"}\n\nnot json\n{"id":2,"total":2.5}\n'
    assert source_schema(io.BytesIO(lines), made) == SourceSchema(fields=("id", "total"))


@pytest.mark.parametrize("kind", list(FileKind))
@pytest.mark.parametrize(
    "data", [b"", b"\x00" * 50, b"\xff\xfe\x00a", b"PAR1" + b"\x01" * 40 + b"PAR1", b'{"id', b'id,"na']
)
def test_a_damaged_file_has_no_schema_or_an_empty_one(kind: FileKind, data: bytes) -> None:
    found = source_schema(io.BytesIO(data), contract(*COLUMNS, kind=kind))
    assert found is None or set(found.fields).isdisjoint(NAMES)


def test_a_file_without_header_has_no_names() -> None:
    assert source_schema(io.BytesIO(b"1,ann\n"), contract(*COLUMNS[:2], header=False)) is None
