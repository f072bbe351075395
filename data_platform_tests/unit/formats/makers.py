"""Contracts and readings for the tests of formats."""

from __future__ import annotations

import io
from dataclasses import dataclass, field
from typing import Any

from data_platform.contracts.model import (
    Column,
    Contract,
    DatasetName,
    FileFormat,
    FileKind,
    Layer,
    Materialization,
    Owner,
    SchemaChange,
)
from data_platform.contracts.types import ColumnType, TypeKind
from data_platform.formats.reading import Drift, open_reader
from data_platform.formats.rejected import FileRejected

STRING = ColumnType(kind=TypeKind.STRING)
INTEGER = ColumnType(kind=TypeKind.INTEGER)
INT32 = ColumnType(kind=TypeKind.INTEGER, bits=32)
MONEY = ColumnType(kind=TypeKind.DECIMAL, precision=18, scale=2)
DOUBLE = ColumnType(kind=TypeKind.DOUBLE)
BOOLEAN = ColumnType(kind=TypeKind.BOOLEAN)
DATE = ColumnType(kind=TypeKind.DATE)
MOMENT = ColumnType(kind=TypeKind.TIMESTAMP)
BERLIN = ColumnType(kind=TypeKind.TIMESTAMP, timezone="Europe/Berlin")


def contract(*columns: Column, schema_change: SchemaChange = SchemaChange.FREEZE, **file_format: Any) -> Contract:
    """A raw contract with just these columns."""
    return Contract(
        name=DatasetName(Layer.RAW, "shop", "orders"),
        version="1.0.0",
        status="active",
        path="orders.odcs.yaml",
        sha256="0" * 64,
        columns=columns,
        owner=Owner(team="shop"),
        materialization=Materialization.INGEST,
        schema_change=schema_change,
        format=FileFormat(**{"kind": FileKind.CSV, **file_format}),
    )


def column(name: str, column_type: ColumnType, **more: Any) -> Column:
    return Column(name=name, type=column_type, **more)


ORDERS = (
    column("id", INTEGER, required=True),
    column("small", INT32),
    column("name", STRING),
    column("amount", MONEY),
    column("day", DATE),
    column("at", MOMENT),
    column("local", BERLIN),
    column("paid", BOOLEAN),
    column("ratio", DOUBLE),
)


@dataclass
class Outcome:
    """All that one reading gave."""

    rows: list[dict[str, Any]] = field(default_factory=list)
    rejected: list[dict[str, Any]] = field(default_factory=list)
    source_rows: int = 0
    drift: Drift = field(default_factory=Drift)
    file_reason: str | None = None

    @property
    def reasons(self) -> list[tuple[int, str]]:
        return [(item["record_no"], item["reason"]) for item in self.rejected]


class Trickle(io.RawIOBase):
    """A stream that gives a few bytes at a time, so that every boundary is met."""

    def __init__(self, data: bytes, step: int) -> None:
        self._stream = io.BytesIO(data)
        self._step = step

    def read(self, size: int = -1) -> bytes:
        return self._stream.read(self._step)


def read(made: Contract, data: bytes, *, step: int | None = None) -> Outcome:
    """Reads `data`; a rejected file keeps nothing, as a caller must."""
    outcome = Outcome()
    reading = open_reader(made).read(io.BytesIO(data) if step is None else Trickle(data, step), name="orders")
    try:
        for chunk in reading:
            outcome.rows += chunk.records.to_pylist()
            outcome.rejected += chunk.rejected.to_pylist()
    except FileRejected as refused:
        return Outcome(file_reason=refused.reason.value)
    outcome.source_rows, outcome.drift = reading.source_rows, reading.drift
    return outcome
