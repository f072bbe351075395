"""When the rows of a staged batch happened: by event date, and the newest, also of each part of the source."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, datetime
from itertools import accumulate

from duckdb import DuckDBPyConnection

from data_platform.contracts.model import Contract
from data_platform.contracts.types import TypeKind, quote_identifier
from data_platform.lakehouse.landing import Manifest
from data_platform.lakehouse.staging import scan_staged
from data_platform.publication.raw_staging import RawStaging, usable_event_time
from data_platform.publication.receipt import FileCount


def staged_rows(staging: RawStaging) -> str | None:
    """SELECT of the rows that the batch adds to raw; None where it adds none."""
    return scan_staged(staging.raw, staging.raw_shape, staging.raw_files) if staging.raw_files else None


def event_dates(
    con: DuckDBPyConnection, contract: Contract, manifest: Manifest, staging: RawStaging
) -> tuple[Mapping[date, int], datetime | None]:
    """Rows by event date and the newest usable event time, read back from the staged files."""
    if not staging.raw_files:
        return {}, None
    newest = _newest(contract, manifest)
    staged = scan_staged(staging.raw, staging.raw_shape, staging.raw_files)
    rows = con.execute(f"SELECT _event_date, count(*), {newest} FROM ({staged}) GROUP BY 1 ORDER BY 1").fetchall()
    times = [row[2] for row in rows if row[2] is not None]
    return {row[0]: row[1] for row in rows}, max(times, default=None)


def newest_by_partition(
    con: DuckDBPyConnection,
    contract: Contract,
    manifest: Manifest,
    staging: RawStaging,
    files: list[FileCount],
) -> Mapping[str, datetime]:
    """The newest usable event time of each partition of the source, told by the record numbers of its objects."""
    partitions = [landed.source_partition for landed in manifest.objects]
    if contract.watermark is None or not any(partitions) or not staging.raw_files:
        return {}
    sizes = [1 if file.source_rows is None else file.source_rows for file in files[: len(partitions)]]
    ends = list(accumulate(sizes))
    con.execute("CREATE OR REPLACE TEMP TABLE placed_objects (source_partition VARCHAR, low BIGINT, high BIGINT)")
    con.executemany(
        "INSERT INTO placed_objects VALUES (?, ?, ?)",
        [[name, end - size, end] for name, size, end in zip(partitions, sizes, ends, strict=True)],
    )
    staged = scan_staged(staging.raw, staging.raw_shape, staging.raw_files)
    rows = con.execute(f"""
        SELECT source_partition, {_newest(contract, manifest)}
        FROM ({staged}) JOIN placed_objects ON _record_no > low AND _record_no <= high GROUP BY 1""").fetchall()
    return {name: newest for name, newest in rows if newest is not None}


def _newest(contract: Contract, manifest: Manifest) -> str:
    """SQL aggregate: the newest usable event time."""
    if contract.watermark is None:
        return "NULL::TIMESTAMPTZ"
    column = quote_identifier(contract.watermark)
    if contract.column(contract.watermark).type.kind is TypeKind.DATE:
        column = f"CAST({column} AS TIMESTAMP WITH TIME ZONE)"
    return f"max({column}) FILTER ({usable_event_time(contract, manifest)})"
