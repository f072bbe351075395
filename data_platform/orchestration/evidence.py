"""What a materialization says about itself: counts, versions, the ledger and a redacted preview, as metadata."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import dagster as dg
import pandas as pd

from data_platform.contracts.domains import Dataset
from data_platform.governance.redaction import redactor
from data_platform.lakehouse.table_ref import TableRef
from data_platform.orchestration.verdicts import plain
from data_platform.publication.candidate import Published
from data_platform.publication.receipt import BatchCount, PartitionCount
from data_platform.quality.profile import preview

if TYPE_CHECKING:
    from data_platform.wiring.platform import Platform

_LEDGER_LINES = 100
_PUBLISHED_FATES = ("curated", "applied")


def published_metadata(dataset: Dataset, published: Published) -> dict[str, Any]:
    """Facts about the table as a whole; the same on every partition of the run."""
    return {
        "dagster/row_count": published.rows,
        "size_bytes": published.size_bytes,
        "table_version": published.commit.version,
        "input_versions": dg.MetadataValue.json(dict(published.inputs)),
        "contract_version": dataset.contract.version,
    }


def partition_metadata(count: PartitionCount) -> dict[str, Any]:
    """Facts about one partition."""
    rows = sum(count.fates.get(fate, 0) for fate in _PUBLISHED_FATES)
    return {"dagster/partition_row_count": rows, "fates": dg.MetadataValue.json(_ledger_line(count))}


def ledger_table(counts: Sequence[PartitionCount]) -> dg.MetadataValue[Any]:
    """The ledger, newest partition first: raw rows, rows by fate, residual."""
    newest = sorted(counts, key=lambda count: count.partition, reverse=True)[:_LEDGER_LINES]
    return _table([{"partition": count.partition, **_ledger_line(count)} for count in newest])


def batch_ledger(batches: Sequence[BatchCount]) -> dg.MetadataValue[Any]:
    """One line for each file of the batches that a run committed."""
    lines: list[dict[str, str | int]] = [
        {
            "batch": f"{batch.source}/{batch.n}",
            "file": file.name,
            "outcome": file.outcome,
            "reason": file.reason,
            "source": -1 if file.source_rows is None else file.source_rows,
            "raw": file.raw_rows,
            "rejected": file.rejected_rows,
        }
        for batch in batches
        for file in batch.files
    ]
    return _table(lines[-_LEDGER_LINES:])


def preview_of(platform: Platform, dataset: Dataset, version: int) -> dg.MetadataValue[Any]:
    """A few rows of the newest file of a version, with everything masked that is not public."""
    name = dataset.name
    snapshot = platform.lake.table(TableRef.of(name)).snapshot(version)
    select = snapshot.scan_files(snapshot.files[-1:])
    with platform.engine.session() as con:
        return dg.MetadataValue.md(_markdown(preview(con, f"({select})", redactor(dataset.contract))))


def _ledger_line(count: PartitionCount) -> dict[str, int]:
    return {"source": count.source, **dict(sorted(count.fates.items())), "residual": count.residual}


def _table(lines: Sequence[Mapping[str, str | int]]) -> dg.MetadataValue[Any]:
    names = list(dict.fromkeys(name for line in lines for name in line))
    types = {name: "int" if any(isinstance(line.get(name), int) for line in lines) else "string" for name in names}
    schema = dg.TableSchema(columns=[dg.TableColumn(name, type=types[name]) for name in names])
    records = [
        dg.TableRecord({name: line.get(name, 0 if types[name] == "int" else "") for name in names}) for line in lines
    ]
    return dg.MetadataValue.table(records=records, schema=schema)


def _markdown(frame: pd.DataFrame) -> str:
    rows = [list(map(str, frame.columns)), ["---"] * len(frame.columns)]
    rows += [
        [_cell(value) for value in plain({str(k): v for k, v in row.items()}).values()]
        for row in frame.to_dict("records")
    ]
    return "\n".join("| " + " | ".join(row) + " |" for row in rows)


def _cell(value: object) -> str:
    return str(value).replace("|", "\\|").replace("\n", " ")
