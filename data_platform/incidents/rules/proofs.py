"""Proofs of loss, and what takes each of them back: the counts close, the source was counted again and all is here, a
run over the same days succeeded, the connector reads again. Time takes nothing back.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from data_platform.incidents.rules.facts import Facts
from data_platform.metastore.runs import RunEntry
from data_platform.metastore.sli_values import SliValueEntry
from data_platform.metastore.tables import RunState

LOSSES = ("DamagedTable", "SourceGap", "TamperedObject", "ConservationBroken")
_OF_TABLE = "DamagedTable"  # whichever days a run writes, it needs the whole head
LEAST_COMPLETE = 0.9995  # of the rows that are known to exist
GUESSES = ("forecast",)
_READS = ("live", "resting")  # states of a connector that brings what its source has
RUN, COUNT, LEDGER, SOURCE = "run", "count", "ledger", "source"


@dataclass(frozen=True, slots=True, kw_only=True)
class Proof:
    """One thing that proves loss.

    Attributes:
        mark: `<kind>:<what>`; the same for the same thing, however often it is said.
        size: how far it goes, less of the same is no news: rows, where rows are missing; when it was said last.
    """

    dataset: str
    mark: str
    at: datetime
    size: int = 0
    evidence: Mapping[str, Any] = field(default_factory=dict)


def is_loss(error: str) -> bool:
    """Whether an error, which begins with its class, says that data is gone or cannot be trusted."""
    return error.partition(":")[0] in LOSSES


def of_runs(facts: Facts) -> Iterator[Proof]:
    """Runs that ended so, and over whose days none has succeeded since."""
    for dataset, runs in facts.runs.items():
        for place, run in enumerate(runs):
            if is_loss(run.error) and run.state is not RunState.RUNNING and not _is_made_good(run, runs[:place]):
                evidence = {"error": run.error, "run_id": run.run_id, "code_version": run.code_version}
                at = run.newest_at
                yield Proof(dataset=dataset, mark=_mark_of(run), at=at, size=int(at.timestamp()), evidence=evidence)


def of_sources(facts: Facts) -> Iterator[Proof]:
    """Connectors that say so."""
    for standing in facts.standings:
        if not standing.is_healthy and is_loss(standing.detail):
            at = standing.beat_at or facts.now
            evidence = {"error": standing.detail, "source": standing.source}
            mark, size = f"{SOURCE}:{standing.source}", int(at.timestamp())
            yield Proof(dataset=standing.dataset, mark=mark, at=at, size=size, evidence=evidence)


def of_ledgers(facts: Facts) -> Iterator[Proof]:
    """Counts that do not close."""
    for one in facts.metastore.operations.failing_facts.open_ledgers():
        evidence = {"unaccounted_rows": one.count, "where": one.subject}
        mark = f"{LEDGER}:{one.subject}:{one.at.isoformat()}"
        yield Proof(dataset=one.dataset, mark=mark, at=one.at, size=abs(one.count), evidence=evidence)


def of_counts(newest: Mapping[tuple[str, str], SliValueEntry]) -> Iterator[tuple[Proof, bool]]:
    """Places of which fewer rows arrived than somebody knows of; and whether that is only guessed."""
    for (dataset, place), value in newest.items():
        if value.value is not None and value.value < LEAST_COMPLETE:
            evidence = {"share": value.value, "provenance": value.provenance, "partition": place}
            mark = f"{COUNT}:{value.evidence.get('expected', '')}:{place}"
            size = int(value.evidence.get("missing", 0))
            proof = Proof(dataset=dataset, mark=mark, at=value.measured_at, size=size, evidence=evidence)
            yield proof, value.provenance in GUESSES


@dataclass(frozen=True, slots=True, kw_only=True)
class Mends:
    """What has been mended of what was proven before.

    Attributes:
        newest: the last measured completeness of every place.
        open_ledgers: marks of counts that do not close now.
    """

    facts: Facts
    newest: Mapping[tuple[str, str], SliValueEntry]
    open_ledgers: frozenset[str]

    def is_mended(self, dataset: str, mark: str) -> bool:
        """Whether something shows that it was; what nothing is known of any more was not."""
        kind, _, what = mark.partition(":")
        if kind == RUN:
            return _is_undone(what, self.facts.runs.get(dataset, ()))
        if kind == LEDGER:
            return mark not in self.open_ledgers
        if kind == COUNT:
            value = self.newest.get((dataset, what.partition(":")[2]))
            return value is not None and (value.value is None or value.value >= LEAST_COMPLETE)
        return any(
            (one.dataset, one.source) == (dataset, what) and one.is_healthy and str(one.state) in _READS
            for one in self.facts.standings
        )


def newest_counts(facts: Facts, *, since: datetime) -> Mapping[tuple[str, str], SliValueEntry]:
    """The last measured completeness of every place of every dataset, by both."""
    found = facts.metastore.operations.sli_values.latest("completeness", since=since)
    return {(one.subject, one.partition): one for one in found if one.subject in facts.estate.datasets}


def _is_made_good(lost: RunEntry, later: Sequence[RunEntry]) -> bool:
    """Whether a run that ended later succeeded over at least the same days."""
    what = _loss_of(lost)
    return any(run.newest_at > lost.newest_at and _succeeded_over(run, what) for run in later)


def _is_undone(what: str, runs: Sequence[RunEntry]) -> bool:
    """The same of a loss that only its mark tells of: what is not among the newest runs was before them."""
    for run in sorted(runs, key=lambda run: run.newest_at, reverse=True):
        if is_loss(run.error) and _loss_of(run) == what:
            return False
        if _succeeded_over(run, what):
            return True
    return False


def _mark_of(run: RunEntry) -> str:
    return f"{RUN}:{_loss_of(run)}"


def _loss_of(run: RunEntry) -> str:
    """Which error over which days: a retry that fails the same way is the same loss."""
    days = (run.range_from, run.range_to)
    return f"{run.error.partition(':')[0]}:{'' if None in days else '..'.join(map(str, days))}"


def _succeeded_over(run: RunEntry, what: str) -> bool:
    error, _, days = what.partition(":")
    if run.state is not RunState.SUCCEEDED:
        return False
    if run.range_from is None or run.range_to is None or error == _OF_TABLE:
        return True
    first, _, last = days.partition("..")
    return bool(days) and str(run.range_from) <= first and last <= str(run.range_to)
