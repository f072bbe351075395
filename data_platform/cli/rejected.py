"""The work of `rejected`, and what a run says of it: what a source delivered that could not be read. Places and reasons
only: the text of a record is at raw's access level, and `query --unmask` reads it.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass

from data_platform.cli.contracts import dataset_name
from data_platform.cli.environment import platform_here
from data_platform.cli.output import counted, print_json, print_table, say
from data_platform.contracts.model import DatasetName, Layer
from data_platform.errors import ConfigurationError
from data_platform.lakehouse.table_ref import TableRef, Zone
from data_platform.metastore.tables import FileOutcome
from data_platform.wiring.platform import Platform

_FILES_NAMED = 5


@dataclass(frozen=True, slots=True, kw_only=True)
class RejectedRow:
    """One record, or one whole file, and its place in the source. `column` and `byte_offset` are None where unknown."""

    batch_id: str
    record_no: int
    source_name: str
    byte_offset: int | None
    reason: str
    column: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class RejectedOfSource:
    """What runs could not read of one source: files rejected whole, with the reason, and records of other files."""

    dataset: str
    source: str
    files: tuple[tuple[str, str], ...]
    records: int

    def __str__(self) -> str:
        named = ", ".join(f"{name} ({reason})" for name, reason in self.files[:_FILES_NAMED])
        more = f" and {len(self.files) - _FILES_NAMED} more" if len(self.files) > _FILES_NAMED else ""
        whole = f"{counted(len(self.files), 'file')} whole: {named}{more}" if self.files else ""
        return "; ".join(part for part in (whole, counted(self.records, "record") if self.records else "") if part)


def list_rejected(*, dataset: str | None, limit: int, as_json: bool) -> int:
    """Prints counts by source and reason, or with a dataset where in the source each item stood."""
    with platform_here() as platform:
        if dataset is None:
            return _print_counts(platform, as_json=as_json)
        name = raw_name(platform, dataset)
        total, rows = rejected_rows(platform, name, limit)
    if as_json:
        print_json(rows)
        return 0
    columns = ("batch", "record", "delivered as", "byte", "reason", "column")
    print_table(
        "", columns, [(r.batch_id, r.record_no, r.source_name, r.byte_offset, r.reason, r.column) for r in rows]
    )
    say(f"{len(rows)} of {total} rejected from {name}")
    if rows:
        table = f"rejected.{name.domain}.{name.name}"
        say(f'the records themselves: `data-platform query "SELECT detail, raw_text FROM {table}" --unmask`')
    return 0


def rejected_in(platform: Platform, run_ids: Collection[str]) -> list[RejectedOfSource]:
    """What runs could not read, by source; sources without a rejection are left out."""
    found: dict[tuple[str, str], RejectedOfSource] = {}
    for batch in platform.metastore.batches.of_runs(run_ids):
        if not batch.rejected_rows:
            continue
        lines = platform.metastore.batches.files(batch.dataset, batch_id=batch.batch_id)
        files = tuple((line.name, line.reason) for line in lines if line.outcome is FileOutcome.REJECTED)
        before = found.get((batch.dataset, batch.source))
        found[batch.dataset, batch.source] = RejectedOfSource(
            dataset=batch.dataset,
            source=batch.source,
            files=(*(before.files if before else ()), *files),
            # A file that was rejected whole counts as one item.
            records=batch.rejected_rows - len(files) + (before.records if before else 0),
        )
    return list(found.values())


def say_rejected(found: Iterable[RejectedOfSource]) -> None:
    """One line a source, and the command that shows more."""
    datasets = []
    for each in found:
        say(f"rejected from {each.source}: {each}")
        datasets.append(each.dataset)
    if datasets:
        dataset = datasets[0] if len(set(datasets)) == 1 else "DATASET"
        say(f"next: `data-platform rejected list {dataset}` shows where in the source")


def rejected_rows(platform: Platform, name: DatasetName, limit: int) -> tuple[int, list[RejectedRow]]:
    """How many items of the batches that raw holds were rejected, and the first of them, oldest batch first."""
    table = platform.lake.table(TableRef.of(name, Zone.REJECTED))
    rejected = platform.heads.for_reading(table)
    batches = [batch.batch_id for batch in platform.metastore.batches.of(str(name)) if batch.rejected_rows]
    if rejected.version < 0 or not batches:
        return 0, []
    with platform.engine.session() as con:
        found = con.execute(
            "SELECT _batch_id, _record_no, source_name, byte_offset, reason, column_name, count(*) OVER () "
            f"FROM ({rejected.scan()}) WHERE list_contains(?, _batch_id) "
            "ORDER BY _ingested_at, _batch_id, _record_no LIMIT ?",
            [batches, limit],
        ).fetchall()
    rows = [
        RejectedRow(
            batch_id=row[0], record_no=row[1], source_name=row[2], byte_offset=row[3], reason=row[4], column=row[5]
        )
        for row in found
    ]
    return (found[0][6] if found else 0), rows


def raw_name(platform: Platform, text: str) -> DatasetName:
    """The raw dataset that somebody typed: as much of the end of its name as names one, or with `rejected.` before it.

    Raises:
        ConfigurationError: it does not exist, or is not raw.
    """
    end = text.replace("/", ".").removeprefix("rejected.").split(".")
    found = [n for n in platform.project.datasets if n.layer is Layer.RAW and list(n.key[-len(end) :]) == end]
    name = found[0] if len(found) == 1 else dataset_name(platform.project, ".".join(end))
    if name.layer is not Layer.RAW:
        raise ConfigurationError(f"{name} is not raw: only what sources deliver is rejected")
    return name


def _print_counts(platform: Platform, *, as_json: bool) -> int:
    lines = [
        {"dataset": dataset, "source": source, "reason": reason, "rejected": items}
        for (dataset, source, reason), items in sorted(platform.metastore.batches.rejections().items())
    ]
    if as_json:
        print_json(lines)
        return 0
    print_table("", ["dataset", "source", "reason", "rejected"], [list(line.values()) for line in lines])
    say(f"{sum(int(str(line['rejected'])) for line in lines)} rejected; a file that was rejected whole counts as one")
    return 0
