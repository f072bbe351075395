"""Validity: of the rows that are new, how many kept every rule.

Rows count once: computing valid old partitions again does not thin out the bad ones. Of a dataset that is computed from
published data each publish counts once, by the worst of its row rules; one whose rules saw no row is unknown.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator

from data_platform.contracts.model import Layer, Materialization
from data_platform.contracts.rules import RuleKind
from data_platform.metastore.checks import CheckEntry
from data_platform.metastore.runs import RunEntry
from data_platform.metastore.sli_values import SliValueEntry
from data_platform.observability.slis.counted import Counted, good_share
from data_platform.observability.slis.moment import Moment
from data_platform.observability.slis.row_fates import new_rows

NAME = "validity"
_COMPUTED = (Materialization.TABLE, Materialization.PARTITION)
_TABLE_KINDS = {kind.value for kind in RuleKind if not kind.is_row_kind}


def measure(moment: Moment) -> Iterable[SliValueEntry]:
    """A value for every dataset that has something new: the share of valid rows."""
    for new in new_rows(moment, NAME):
        if new.rows:
            evidence = {"runs": moment.repeatable(new.runs), "rows": new.rows, "quarantined": new.quarantined}
            good = new.rows - new.quarantined
            counted = Counted(good=good, bad=new.quarantined, provenance="ledger fates", evidence=evidence)
            yield good_share(moment, NAME, subject=new.dataset, counted=counted)
    yield from _of_raw(moment)
    yield from _of_computed(moment)


def _of_raw(moment: Moment) -> Iterator[SliValueEntry]:
    """Of raw datasets: records that could be read, of those that came."""
    runs = _runs(moment, lambda name: name.startswith(f"{Layer.RAW}."))
    spans = {
        dataset: (min(r.output_version or 0 for r in its) - 1, max(r.output_version or 0 for r in its))
        for dataset, its in runs.items()
    }
    batches = moment.metastore.operations.sli_facts.batches_between(spans, tx=moment.tx)
    for dataset, its in runs.items():
        versions = {run.output_version for run in its}
        own = [batch for batch in batches.get(dataset, ()) if batch.raw_version in versions]
        good, bad = sum(batch.raw_rows for batch in own), sum(batch.rejected_rows for batch in own)
        if good or bad:
            evidence = {"runs": moment.repeatable(its), "rows": good + bad, "rejected": bad}
            counted = Counted(good=good, bad=bad, provenance="ledger of batches", evidence=evidence)
            yield good_share(moment, NAME, subject=dataset, counted=counted)


def _of_computed(moment: Moment) -> Iterator[SliValueEntry]:
    """Of datasets computed from published data: each publish once."""
    computed = {name for name, contract in moment.contracts().items() if contract.materialization in _COMPUTED}
    runs = _runs(moment, computed.__contains__)
    checks: dict[tuple[str, str], list[CheckEntry]] = defaultdict(list)
    ids = {run.run_id for its in runs.values() for run in its}
    for check in moment.metastore.operations.sli_facts.checks_of_runs(ids, tx=moment.tx):
        if check.kind not in _TABLE_KINDS:
            checks[check.dataset, check.run_id].append(check)
    for dataset, its in runs.items():
        shares = [_share(found) for run in its if (found := checks[dataset, run.run_id])]
        known = [share for share in shares if share is not None]
        if shares:
            evidence = {"runs": moment.repeatable(its), "publishes": len(shares), "worst": min(known, default=None)}
            counted = Counted(
                good=sum(known),
                bad=len(known) - sum(known),
                unknown=len(shares) - len(known),
                provenance="verdicts",
                evidence=evidence,
            )
            yield good_share(moment, NAME, subject=dataset, counted=counted)


def _share(checks: Iterable[CheckEntry]) -> float | None:
    """The share of rows that kept the rule that most rows broke; None where no rule saw a row."""
    seen = [(check.rows_examined, check.failing_rows) for check in checks]
    shares = [1 - failing / examined for examined, failing in seen if examined and failing is not None]
    return max(0.0, min(shares)) if shares else None


def _runs(moment: Moment, is_meant: Callable[[str], bool]) -> dict[str, list[RunEntry]]:
    found: dict[str, list[RunEntry]] = defaultdict(list)
    for run in moment.new_runs(NAME):
        if is_meant(run.dataset) and run.output_version is not None:
            found[run.dataset].append(run)
    return found
