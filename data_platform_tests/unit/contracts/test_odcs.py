"""What a good contract's text means, value by value."""

from __future__ import annotations

import subprocess
import sys
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from hashlib import sha256
from pathlib import Path

import pytest

from data_platform.contracts.model import (
    Charset,
    Contract,
    DatasetName,
    Delivery,
    FileFormat,
    FileKind,
    Layer,
    Materialization,
    Owner,
    Reference,
    SchemaChange,
    ServiceLevel,
    Severity,
    Tolerance,
)
from data_platform.contracts.odcs import published_faults, read_contract
from data_platform.contracts.types import ColumnType, StructField, TypeKind
from data_platform.contracts.yaml_lines import parse_yaml
from data_platform_tests.unit.contracts.shop_project import SHOP, copy_of_shop, exchange

PROJECT = Path(__file__).resolve().parents[3]
EXAMPLES = PROJECT / ".." / "shared" / "standards" / "odcs" / "examples"


def read(name: str) -> Contract:
    contract = read_contract(SHOP / f"{name}.odcs.yaml").contract
    assert contract is not None
    return contract


def test_the_head_of_a_contract_is_read() -> None:
    path = SHOP / "curated/orders.odcs.yaml"
    contract = read("curated/orders")
    assert contract.name == DatasetName(Layer.CURATED, "shop", "orders")
    assert (contract.version, contract.status, contract.path) == ("1.2.0", "active", str(path))
    assert contract.sha256 == sha256(path.read_bytes()).hexdigest()
    assert contract.owner == Owner(
        team="Shop Data", email="ann@example.com", members=("ann@example.com", "bob@example.com")
    )
    assert contract.support == ("#shop",)
    assert contract.granularity == "One row for each order."
    assert (contract.description, contract.usage, contract.limitations) == (
        "Orders as placed.",
        "Join by order_no.",
        "No returns.",
    )
    assert contract.service_level == ServiceLevel(
        latency=timedelta(hours=6), retention=timedelta(days=730), availability_percent=Decimal("99.5")
    )
    assert (contract.tier, contract.cost_tags, contract.tags) == ("gold", (("product", "checkout"),), ("shop",))


def test_columns_carry_types_bounds_and_keys_exactly() -> None:
    contract = read("curated/orders")
    order_no, placed_on = contract.column("order_no"), contract.column("placed_on")
    assert (order_no.min_length, order_no.max_length, order_no.pattern) == (4, 12, "O[0-9]+")
    assert (order_no.required, order_no.critical, order_no.charset, order_no.tags) == (
        True,
        True,
        Charset.IDENTIFIER,
        ("key",),
    )
    assert (placed_on.minimum, placed_on.exclusive_maximum) == (date(2020, 1, 1), date(2100, 1, 1))
    amount = contract.column("amount")
    assert amount.type == ColumnType(kind=TypeKind.DECIMAL, precision=12, scale=2)
    assert (amount.minimum, amount.multiple_of) == (Decimal("0.10"), Decimal("0.05"))
    assert amount.maximum == Decimal("123456789012345678.01")  # a float would have lost the cents
    assert contract.column("pieces").type == ColumnType(kind=TypeKind.INTEGER, bits=32)
    assert contract.column("weight").type.kind is TypeKind.DOUBLE
    assert contract.column("status").enum == ("open", "no", "1")
    assert contract.column("email").charset is Charset.EMAIL
    assert contract.column("email").is_sensitive
    assert contract.column("places").type.item == ColumnType(
        kind=TypeKind.OBJECT,
        fields=(
            StructField("city", ColumnType(kind=TypeKind.STRING), True),
            StructField("visits", ColumnType(kind=TypeKind.INTEGER), False),
        ),
    )
    assert contract.primary_key == ("order_no",)
    assert contract.partition_column == "placed_on"
    lines = (SHOP / "curated/orders.odcs.yaml").read_text().splitlines()
    assert all(f"name: {column.name}" in lines[column.line - 1] for column in contract.columns)


def test_an_admitted_dataset_dedupes_by_its_primary_key_unless_told_otherwise(tmp_path: Path) -> None:
    assert read("curated/orders").dedupe_key == ("order_no",)
    path = copy_of_shop(tmp_path) / "curated/orders.odcs.yaml"
    exchange(
        path, "{property: platform.tier, value: gold}", "{property: platform.dedupe_key, value: [email, placed_on]}"
    )
    contract = read_contract(path).contract
    assert contract is not None
    assert contract.dedupe_key == ("email", "placed_on")


def test_references_name_their_target() -> None:
    target = DatasetName(Layer.CURATED, "shop", "customers")
    reference = Reference(("customer_no",), target, ("customer_no",), Severity.WARN)
    assert read("curated/orders").references == (reference,)
    assert read("curated/orders").column("customer_no").reference == reference


def test_a_reference_of_several_columns_is_read_from_the_dataset(tmp_path: Path) -> None:
    path = copy_of_shop(tmp_path) / "curated/orders.odcs.yaml"
    exchange(
        path,
        "    quality:\n      - {metric: rowCount",
        "    relationships:\n"
        "      - {from: [orders.customer_no, placed_on], to: [served.shop.days.who, served.shop.days.day],\n"
        "         customProperties: [{property: platform.reference_severity, value: block}]}\n"
        "    quality:\n      - {metric: rowCount",
    )
    contract = read_contract(path).contract
    assert contract is not None
    target = DatasetName(Layer.SERVED, "shop", "days")
    assert contract.references[1] == Reference(("customer_no", "placed_on"), target, ("who", "day"), Severity.BLOCK)


def test_raw_says_how_its_bytes_are_read() -> None:
    contract = read("raw/orders")
    assert contract.materialization is Materialization.INGEST
    assert contract.format == FileFormat(
        kind=FileKind.CSV, delimiter=";", quote=None, encoding="latin-1", null_marker="NULL", max_columns=50
    )
    assert contract.column("Order No").aliases == ("OrderNo",)
    assert contract.column("ordered_at").type.timezone == "Europe/Berlin"
    assert contract.column("ordered_at").minimum == datetime(2019, 12, 31, 23, tzinfo=UTC)  # Berlin is at +01:00
    assert contract.watermark == "ordered_at"
    assert contract.allowed_lateness == timedelta(days=1, hours=6)
    assert contract.event_time_range.not_before == datetime(2020, 1, 1, tzinfo=UTC)
    assert contract.event_time_range.max_ahead == timedelta(hours=1)
    assert contract.delivery is Delivery.SNAPSHOT
    assert contract.delivery_date_pattern == r"orders_(?P<date>\d{8})\.csv"
    assert contract.schema_change is SchemaChange.QUARANTINE


def test_quality_entries_keep_bounds_exactly() -> None:
    quality = {rule.name: rule for rule in read("curated/orders").quality}
    assert list(quality) == [
        "row_count",
        "one_mail_each",
        "amount_for_pieces",
        "mean_amount",
        "customer_no_null_values",
        "email_missing_values",
    ]
    assert quality["row_count"].must == (
        ("mustBeGreaterOrEqualTo", Decimal(1)),
        ("mustBeLessOrEqualTo", Decimal(1_000_000)),
    )
    assert quality["mean_amount"].must == (("mustBeGreaterThan", Decimal("1.5")),)
    assert quality["amount_for_pieces"].row_expression
    assert quality["amount_for_pieces"].tolerance == Tolerance(rows=5, ratio=Decimal("0.01"))
    assert (quality["customer_no_null_values"].severity, quality["customer_no_null_values"].unit) == (
        Severity.WARN,
        "percent",
    )
    assert quality["email_missing_values"].severity is Severity.QUARANTINE
    assert quality["email_missing_values"].arguments == (("missingValues", ("", "n/a")),)


def test_the_published_examples_hold_against_the_published_models() -> None:
    if not EXAMPLES.is_dir():
        pytest.skip("the published ODCS examples are not beside the project (shared/standards/odcs/examples)")
    paths = sorted(EXAMPLES.rglob("*.odcs.yaml"))
    assert len(paths) >= 15
    found = {path.name: published_faults(parse_yaml(path.read_bytes()), path.name) for path in paths}
    assert {name: [str(fault) for fault in faults] for name, faults in found.items() if faults} == {}


def test_the_published_examples_give_faults_and_never_crash(tmp_path: Path) -> None:
    if not EXAMPLES.is_dir():
        pytest.skip("the published ODCS examples are not beside the project (shared/standards/odcs/examples)")
    folder = tmp_path / "seller" / "curated"
    folder.mkdir(parents=True)
    for number, example in enumerate(sorted(EXAMPLES.rglob("*.odcs.yaml"))):
        path = folder / f"example_{number}.odcs.yaml"
        path.write_bytes(example.read_bytes())
        assert read_contract(path).faults


def test_reading_contracts_loads_no_heavy_library() -> None:
    code = (
        "import sys, data_platform.contracts.domains, data_platform.contracts.rules\n"
        "print(sorted({'pandera', 'sqlglot', 'polars', 'pandas', 'dagster', 'deltalake'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=PROJECT)
    assert done.stdout.strip() == "[]"
