"""Duplication: of the rows that are new, how many had come before.

Counted where duplicates are taken out, since the result has none to be found; rows count once. Of a dataset that
is computed from published data each publish counts once, by its rules of uniqueness.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator

from data_platform.contracts.model import Materialization
from data_platform.contracts.rules import RuleKind
from data_platform.metastore.checks import CheckEntry
from data_platform.metastore.sli_values import SliValueEntry
from data_platform.observability.slis.moment import Moment
from data_platform.observability.slis.row_fates import new_rows

NAME = "duplication"
_COMPUTED = (Materialization.TABLE, Materialization.PARTITION)


def measure(moment: Moment) -> Iterable[SliValueEntry]:
    """A value for every dataset that has something new: the share of rows that were duplicates."""
    for new in new_rows(moment, NAME):
        if new.rows:
            yield SliValueEntry(
                sli=NAME,
                subject=new.dataset,
                measured_at=moment.now,
                value=new.duplicate / new.rows,
                good=float(new.rows - new.duplicate),
                bad=float(new.duplicate),
                provenance="ledger fates",
                evidence={"runs": moment.repeatable(new.runs), "rows": new.rows, "duplicate": new.duplicate},
            )
    yield from _of_computed(moment)


def _of_computed(moment: Moment) -> Iterator[SliValueEntry]:
    computed = {name for name, contract in moment.contracts().items() if contract.materialization in _COMPUTED}
    runs = [run for run in moment.new_runs(NAME) if run.dataset in computed and run.output_version is not None]
    ids = {(run.dataset, run.run_id) for run in runs}
    unique: dict[str, list[CheckEntry]] = defaultdict(list)
    for check in moment.metastore.operations.sli_facts.checks_of_runs({run.run_id for run in runs}, tx=moment.tx):
        if check.kind == RuleKind.UNIQUE and (check.dataset, check.run_id) in ids:
            unique[check.dataset].append(check)
    for dataset, checks in unique.items():
        seen = [(check.rows_examined, check.failing_rows or 0) for check in checks if check.rows_examined]
        rows, failing = sum(examined or 0 for examined, _ in seen), sum(count for _, count in seen)
        share = failing / rows if rows else None
        yield SliValueEntry(
            sli=NAME,
            subject=dataset,
            measured_at=moment.now,
            value=share,
            good=0.0 if share is None else 1 - share,
            bad=share or 0.0,
            unknown=1.0 if share is None else 0.0,
            provenance="verdicts",
            evidence={"runs": moment.repeatable(r for r in runs if r.dataset == dataset), "rows": rows},
        )
