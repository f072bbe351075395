"""Rules and contracts written by hand for the tests of quality."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal

from data_platform.contracts.model import Column, Contract, DatasetName, Layer, Materialization, Owner, Severity
from data_platform.contracts.rules import Rule, RuleKind
from data_platform.contracts.types import ColumnType, TypeKind

STRING = ColumnType(kind=TypeKind.STRING)
INTEGER = ColumnType(kind=TypeKind.INTEGER)
DOUBLE = ColumnType(kind=TypeKind.DOUBLE)
BOOLEAN = ColumnType(kind=TypeKind.BOOLEAN)
DATE = ColumnType(kind=TypeKind.DATE)
TIMESTAMP = ColumnType(kind=TypeKind.TIMESTAMP)
MONEY = ColumnType(kind=TypeKind.DECIMAL, precision=18, scale=2)

DATASET = DatasetName(Layer.CURATED, "shop", "orders")


def rule(kind: RuleKind, column: str | None = None, /, **fields: object) -> Rule:
    name = f"{column}_{kind}" if column else str(kind)
    made = Rule(
        name=name, kind=kind, reason=kind.upper(), severity=Severity.QUARANTINE, columns=(column,) if column else ()
    )
    return replace(made, **fields)  # type: ignore[arg-type]


def column(name: str, kind: ColumnType, /, **fields: object) -> Column:
    return Column(name=name, type=kind, **fields)  # type: ignore[arg-type]


def contract(*columns: Column, name: DatasetName = DATASET) -> Contract:
    return Contract(
        name=name,
        version="1.0.0",
        status="active",
        path="orders.odcs.yaml",
        sha256="0" * 64,
        columns=columns,
        owner=Owner(team="shop"),
        materialization=Materialization.ADMIT,
    )


def decimal(text: str) -> Decimal:
    return Decimal(text)
