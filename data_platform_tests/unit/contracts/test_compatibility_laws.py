"""What holds for any two contracts: nothing that a contract says changes unseen, and the version steps."""

from __future__ import annotations

from dataclasses import fields, replace
from datetime import date, timedelta
from decimal import Decimal
from typing import Any

import pytest

from data_platform.contracts.compatibility import compare
from data_platform.contracts.compatibility_verdicts import Step, Verdict
from data_platform.contracts.model import (
    Charset,
    Column,
    Contract,
    DatasetName,
    Deletes,
    Delivery,
    Deprecation,
    Envelope,
    EventTimeRange,
    FileFormat,
    FileKind,
    Layer,
    Materialization,
    Owner,
    QualityRule,
    Reference,
    SchemaChange,
    ServiceLevel,
    Severity,
    Tolerance,
)
from data_platform.contracts.types import ColumnType, TypeKind
from data_platform.contracts.versions import step_made, table_of_major

_INTEGER = ColumnType(kind=TypeKind.INTEGER)
_RULE = QualityRule(name="rule", severity=Severity.BLOCK, query="SELECT 1", must=(("mustBe", Decimal(0)),))
BASE = Contract(
    name=DatasetName(Layer.RAW, "shop", "orders"), version="1.0.0", status="active", path="a", sha256="a",
    columns=(Column(name="a", type=_INTEGER, description="A"), Column(name="b", type=_INTEGER)),
    owner=Owner(team="Shop"), materialization=Materialization.INGEST, quality=(_RULE,),
    format=FileFormat(kind=FileKind.CSV), granularity="One row.",
)  # fmt: skip
_REFERENCE = Reference(("a",), DatasetName(Layer.CURATED, "shop", "others"), ("a",))
OTHER: dict[str, Any] = {
    "status": "deprecated", "columns": BASE.columns[:1], "owner": Owner(team="Other"),
    "materialization": Materialization.TABLE, "description": "x", "usage": "x", "limitations": "x", "granularity": "x",
    "tags": ("x",), "support": ("x",), "quality": (), "references": (_REFERENCE,),
    "service_level": ServiceLevel(latency=timedelta(hours=1)), "format": FileFormat(kind=FileKind.NDJSON),
    "watermark": "a", "allowed_lateness": timedelta(hours=1), "event_time_range": EventTimeRange(max_ahead=timedelta(1)),
    "dedupe_key": ("a",), "sequence": ("a",), "deletes": Deletes(column="a", values=(1,)),
    "delivery": Delivery.SNAPSHOT, "delivery_date_pattern": "(?P<date>x)", "schema_change": SchemaChange.IGNORE,
    "tier": "gold", "cost_tags": (("a", "b"),), "nondeterminism": ("uuid",),
    "deprecation": Deprecation(sunset=date(2027, 1, 1)),
}  # fmt: skip
OTHER_COLUMN: dict[str, Any] = {
    "name": "renamed", "type": ColumnType(kind=TypeKind.STRING), "required": True, "unique": True,
    "primary_key_position": 1, "partition_position": 1, "description": "x", "business_name": "x",
    "classification": "internal", "critical": True, "tags": ("x",), "aliases": ("x",), "minimum": 1, "maximum": 9,
    "exclusive_minimum": 1, "exclusive_maximum": 9, "multiple_of": 2, "min_length": 1, "max_length": 9, "pattern": "x",
    "enum": (1,), "charset": Charset.EMAIL, "scale_check": False,
}  # fmt: skip
OTHER_FORMAT: dict[str, Any] = {
    "kind": FileKind.PARQUET, "delimiter": ";", "quote": None, "encoding": "latin-1", "header": False,
    "null_marker": "NULL", "compression": "gzip", "comment": "#", "skip_blank_lines": True, "coerce": True,
    "envelope": Envelope.DEBEZIUM,
}  # fmt: skip
OTHER_RULE: dict[str, Any] = {
    "name": "other", "severity": Severity.WARN, "column": "a", "metric": "rowCount", "query": "SELECT 2",
    "row_expression": True, "must": (("mustBe", Decimal(1)),), "unit": "percent", "arguments": (("pattern", "x"),),
    "tolerance": Tolerance(rows=1), "dimension": "x", "description": "x",
}  # fmt: skip
OTHER_LEVEL: dict[str, Any] = {
    "latency": timedelta(1), "frequency": timedelta(1), "retention": timedelta(1), "availability_percent": Decimal(99),
}  # fmt: skip
_IDENTITY = {"name", "version", "path", "sha256"}  # what the contract is, not what it says


def _differ(head: Contract) -> bool:
    return bool(compare(BASE, head).changes)


@pytest.mark.parametrize("name", [f.name for f in fields(Contract) if f.name not in _IDENTITY])
def test_no_part_of_a_contract_changes_unseen(name: str) -> None:
    assert _differ(replace(BASE, **{name: OTHER[name]}))


@pytest.mark.parametrize("name", [f.name for f in fields(Column) if f.name not in ("line", "reference")])
def test_no_part_of_a_column_changes_unseen(name: str) -> None:
    # A column's reference stands among the contract's references too.
    changed = replace(BASE.columns[0], **{name: OTHER_COLUMN[name]})
    assert _differ(replace(BASE, columns=(changed, BASE.columns[1])))


@pytest.mark.parametrize("name", [f.name for f in fields(FileFormat)])
def test_no_part_of_the_format_changes_unseen(name: str) -> None:
    assert BASE.format is not None
    value = OTHER_FORMAT.get(name, 1)
    assert _differ(replace(BASE, format=replace(BASE.format, **{name: value})))


@pytest.mark.parametrize("name", [f.name for f in fields(QualityRule) if f.name != "line"])
def test_no_part_of_a_quality_rule_changes_unseen(name: str) -> None:
    assert _differ(replace(BASE, quality=(replace(_RULE, **{name: OTHER_RULE[name]}),)))


@pytest.mark.parametrize("name", [f.name for f in fields(ServiceLevel)])
def test_no_service_level_changes_unseen(name: str) -> None:
    assert _differ(replace(BASE, service_level=ServiceLevel(**{name: OTHER_LEVEL[name]})))


def test_a_contract_is_compatible_with_itself_and_needs_no_version() -> None:
    found = compare(BASE, replace(BASE, path="b", sha256="b"))
    assert (found.changes, found.verdict, found.needed, found.lacks_version) == (
        (), Verdict.COMPATIBLE, Step.NONE, False,
    )  # fmt: skip


@pytest.mark.parametrize(
    ("base", "head", "step"),
    [
        ("1.0.0", "1.0.0", Step.NONE), ("1.0.0", "1.0.1", Step.PATCH), ("1.0.9", "1.1.0", Step.MINOR),
        ("1.9.9", "2.0.0", Step.MAJOR), ("9.0.0", "10.0.0", Step.MAJOR), ("1.0.0-rc.1", "1.0.0", Step.PATCH),
        ("1.1.0", "1.0.9", None), ("2.0.0", "1.9.9", None),
    ],
)  # fmt: skip
def test_the_step_between_two_versions(base: str, head: str, step: Step | None) -> None:
    assert step_made(base, head) is step


@pytest.mark.parametrize(
    ("name", "version", "table"),
    [("orders", "1.4.0", "orders"), ("orders", "2.0.0", "orders_v2"), ("orders_v2", "3.0.0", "orders_v3"),
     ("orders_v2", "2.1.0", "orders_v2"), ("orders_v10", "11.0.0", "orders_v11")],
)  # fmt: skip
def test_a_major_version_has_a_table_of_its_own(name: str, version: str, table: str) -> None:
    of = DatasetName(Layer.CURATED, "shop", name)
    assert table_of_major(of, version).name == table


@pytest.mark.parametrize("unrelied", [{"version": "0.3.0"}, {"status": "draft"}, {"status": "proposed"}])
def test_what_nobody_may_rely_on_needs_no_major_version(unrelied: dict[str, Any]) -> None:
    base = replace(BASE, **unrelied)
    assert compare(BASE, replace(BASE, columns=BASE.columns[:1])).needed is Step.MAJOR
    assert compare(base, replace(base, columns=BASE.columns[:1])).needed is Step.MINOR
