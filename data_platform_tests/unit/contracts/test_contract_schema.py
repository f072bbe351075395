"""Contracts as Arrow schemas."""

from __future__ import annotations

from dataclasses import replace

import pyarrow as pa

from data_platform.contracts.model import SchemaChange
from data_platform.contracts.odcs import read_contract
from data_platform.contracts.schema import arrow_schema, raw_schema
from data_platform_tests.unit.contracts.shop_project import SHOP


def test_columns_keep_their_order_and_types() -> None:
    contract = read_contract(SHOP / "curated/orders.odcs.yaml").contract
    assert contract is not None
    assert [(field.name, field.type) for field in arrow_schema(contract)] == [
        ("order_no", pa.string()),
        ("placed_on", pa.date32()),
        ("customer_no", pa.string()),
        ("email", pa.string()),
        ("status", pa.string()),
        ("amount", pa.decimal128(12, 2)),
        ("pieces", pa.int32()),
        ("weight", pa.float64()),
        ("places", pa.list_(pa.struct([("city", pa.string()), ("visits", pa.int64())]))),
    ]


def test_raw_adds_where_a_record_comes_from() -> None:
    contract = read_contract(SHOP / "raw/orders.odcs.yaml").contract
    assert contract is not None
    added = [
        ("_batch_id", pa.string()),
        ("_record_no", pa.int64()),
        ("_ingested_at", pa.timestamp("us", tz="UTC")),
        ("_late", pa.bool_()),
        ("_event_date", pa.date32()),
    ]
    extra = ("_extra", pa.string())
    for change, tail in (
        (SchemaChange.EVOLVE, [*added, extra]),
        (SchemaChange.QUARANTINE, [*added, extra]),
        (SchemaChange.FREEZE, added),
        (SchemaChange.IGNORE, added),
    ):
        schema = raw_schema(replace(contract, schema_change=change))
        assert [(field.name, field.type) for field in schema][3:] == tail
