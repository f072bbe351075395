"""What new raw rows became: each row counts once, however often its partition is computed again."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby

from data_platform.contracts.model import Materialization
from data_platform.metastore.partitions import PartitionEntry
from data_platform.metastore.runs import RunEntry
from data_platform.metastore.tables import PartitionState
from data_platform.observability.slis.moment import Moment

_WITH_FATES = (Materialization.ADMIT, Materialization.MERGE, Materialization.SCD2)


@dataclass(frozen=True, slots=True, kw_only=True)
class NewRows:
    """Raw rows that a dataset accounted for the first time."""

    dataset: str
    runs: tuple[RunEntry, ...]
    rows: int
    quarantined: int
    duplicate: int
    late: int


def new_rows(moment: Moment, sli: str) -> Iterator[NewRows]:
    """By dataset that admits rows one by one, what became of the rows that are new since an indicator counted."""
    fated = {name for name, contract in moment.contracts().items() if contract.materialization in _WITH_FATES}
    runs = [run for run in moment.new_runs(sli) if run.dataset in fated and run.output_version is not None]
    ids = {(run.dataset, run.run_id) for run in runs}
    facts = moment.metastore.operations.sli_facts
    touched = [
        line
        for line in facts.lines_of_runs({run.run_id for run in runs}, tx=moment.tx)
        if (line.dataset, line.run_id) in ids
    ]
    histories: dict[str, dict[str, list[PartitionEntry]]] = defaultdict(lambda: defaultdict(list))
    for line in facts.lines_of({(line.dataset, line.partition) for line in touched}, tx=moment.tx):
        if line.state is PartitionState.PUBLISHED:
            histories[line.dataset][line.partition].append(line)
    by_dataset = {name: tuple(runs) for name, runs in groupby(sorted(runs, key=_dataset), key=_dataset)}
    for dataset in by_dataset:
        its = by_dataset[dataset]
        ours = {run.run_id for run in its}
        added = [_added(lines, ours) for lines in histories[dataset].values()]
        rows, quarantined, duplicate, late = (sum(values) for values in zip(*added, strict=True)) if added else (0,) * 4
        yield NewRows(dataset=dataset, runs=its, rows=rows, quarantined=quarantined, duplicate=duplicate, late=late)


def _dataset(run: RunEntry) -> str:
    return run.dataset


def _added(lines: Sequence[PartitionEntry], runs: set[str]) -> tuple[int, int, int, int]:
    """What the runs' lines have more than the line before the first of them."""
    in_order = sorted(lines, key=lambda line: (line.table_version, line.recorded_at))
    first = next((index for index, line in enumerate(in_order) if line.run_id in runs), None)
    if first is None:
        return (0, 0, 0, 0)
    last = next(line for line in reversed(in_order) if line.run_id in runs)
    old = _counts(in_order[first - 1]) if first else (0, 0, 0, 0)
    rows, quarantined, duplicate, late = (max(0, n - o) for n, o in zip(_counts(last), old, strict=True))
    return (rows, min(quarantined, rows), min(duplicate, rows), min(late, rows))


def _counts(line: PartitionEntry) -> tuple[int, int, int, int]:
    return (line.raw_rows, line.quarantined, line.duplicate, line.late)
