"""Rows to files: CSV, NDJSON and Parquet, with equal bytes for equal rows."""

from __future__ import annotations

import csv
from collections.abc import Iterable, Sequence
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from data_platform.samples.rows import COLUMNS, PaymentRow, TextRow

PAYMENT_SCHEMA = pa.schema(
    [
        ("payment_id", pa.string()),
        ("order_id", pa.string()),
        ("kind", pa.string()),
        ("method", pa.string()),
        ("currency", pa.string()),
        ("amount", pa.decimal128(18, 2)),
        ("paid_at", pa.timestamp("us", tz="UTC")),
    ]
)


def write_csv(path: Path, dataset: str, rows: Iterable[TextRow]) -> None:
    """A header and one line per row; nothing is the empty field."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(COLUMNS[dataset])
        writer.writerows(rows)


def write_lines(path: Path, lines: Iterable[str]) -> None:
    """One line per text."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w", encoding="utf-8", newline="") as file:
        file.writelines(f"{line}\n" for line in lines)


def write_payments(path: Path, rows: Sequence[PaymentRow]) -> None:
    """One Parquet file of exact types."""
    path.parent.mkdir(parents=True, exist_ok=True)
    columns = zip(*rows, strict=True) if rows else ([],) * len(PAYMENT_SCHEMA)
    arrays = [pa.array(list(values), type=field.type) for values, field in zip(columns, PAYMENT_SCHEMA, strict=True)]
    pq.write_table(pa.Table.from_arrays(arrays, schema=PAYMENT_SCHEMA), path, compression="zstd")
