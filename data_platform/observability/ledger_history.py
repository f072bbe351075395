"""What the ledger says of batches and runs, kept as histograms and counts; each look reads only what is new.

Everything is computed from the ledger, so a restart loses nothing. Facts may be recorded a little before they can be
read, so that each look goes back a while and leaves out what it has seen.
"""

from __future__ import annotations

import bisect
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import TypeAlias

from data_platform.metastore.engine import Metastore
from data_platform.metastore.metric_facts import EndedRun, LandedBatch
from data_platform.metastore.tables import RunState
from data_platform.observability.exposition import Exemplar, Observations
from data_platform.observability.tracing.context import trace_id_of

Source: TypeAlias = tuple[str, str]  # dataset, source

LATENCY_SECONDS = (0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 120.0, 300.0, 900.0, 3600.0)
BATCH_RECORDS = (1.0, 10.0, 100.0, 1_000.0, 10_000.0, 100_000.0, 1_000_000.0, 10_000_000.0)
RUN_SECONDS = (1.0, 5.0, 15.0, 60.0, 300.0, 900.0, 3600.0, 14_400.0)
_BEGINNING = datetime.min.replace(tzinfo=UTC)
_OVERLAP = timedelta(minutes=10)


@dataclass(slots=True)
class _Publishes:
    """When a follower first read each version of a dataset, or a newer one; and batches that it has not read yet."""

    versions: list[int] = field(default_factory=list)  # each higher than the one before
    times: list[datetime] = field(default_factory=list)
    waiting: list[LandedBatch] = field(default_factory=list)


class LedgerHistory:
    """Grows by `refresh`; what it holds only grows too."""

    def __init__(self, metastore: Metastore, followers: Mapping[Source, Sequence[str]]) -> None:
        """`followers`: the datasets computed from each source's dataset."""
        self._metastore = metastore
        self._followers = followers
        self.latency: dict[tuple[str, str, str], Observations] = {}
        self.sizes: dict[Source, Observations] = {}
        self.durations: dict[tuple[str, str], Observations] = {}  # layer, state
        self.ended: dict[tuple[str, str], int] = defaultdict(int)  # dataset, state
        self.landed: dict[Source, tuple[int, int, int]] = {}  # batches, records, rows in raw
        self.unbalanced = 0  # batches whose rows do not add up
        self.last_success: dict[str, datetime] = {}
        self._publishes: dict[tuple[str, str], _Publishes] = defaultdict(_Publishes)  # follower, dataset
        self._batches_from = self._runs_from = _BEGINNING
        self._seen_batches: dict[tuple[str, str, int], datetime] = {}
        self._seen_runs: dict[tuple[str, str, datetime], datetime] = {}

    def refresh(self) -> bool:
        """Takes what is new; whether there was anything."""
        facts = self._metastore.operations.metric_facts
        runs = [r for r in facts.ended_runs(ended_from=self._runs_from)
                if (r.run_id, r.dataset, r.ended_at) not in self._seen_runs]  # fmt: skip
        batches = [b for b in facts.batches(recorded_from=self._batches_from)
                   if (b.dataset, b.source, b.number) not in self._seen_batches]  # fmt: skip
        for run in runs:
            self._take_run(run)
            self._seen_runs[run.run_id, run.dataset, run.ended_at] = run.ended_at
        for batch in batches:
            self._take_batch(batch)
            self._seen_batches[batch.dataset, batch.source, batch.number] = batch.recorded_at
        self._runs_from = _forget(self._seen_runs, self._runs_from)
        self._batches_from = _forget(self._seen_batches, self._batches_from)
        return bool(runs or batches)

    def _take_run(self, run: EndedRun) -> None:
        self.ended[run.dataset, run.state] += 1
        if run.seconds is not None:
            key = (run.dataset.split(".")[0], str(run.state))
            exemplar = _exemplar(run.traceparent, run.seconds, run.ended_at)
            self.durations.setdefault(key, Observations.over(RUN_SECONDS)).add(run.seconds, exemplar)
        if run.state is not RunState.SUCCEEDED:
            return
        self.last_success[run.dataset] = max(run.ended_at, self.last_success.get(run.dataset, _BEGINNING))
        for dataset, version in run.inputs.items():
            held = self._publishes[run.dataset, dataset]
            if held.versions and version <= held.versions[-1]:
                continue
            held.versions.append(version)
            held.times.append(run.ended_at)
            read = [batch for batch in held.waiting if batch.raw_version <= version]
            held.waiting = [batch for batch in held.waiting if batch.raw_version > version]
            for batch in read:
                self._observe(batch, run.dataset, run.ended_at)

    def _take_batch(self, batch: LandedBatch) -> None:
        source = (batch.dataset, batch.source)
        self.sizes.setdefault(source, Observations.over(BATCH_RECORDS)).add(float(batch.source_rows))
        count, records, rows = self.landed.get(source, (0, 0, 0))
        self.landed[source] = (count + 1, records + batch.source_rows, rows + batch.raw_rows)
        self.unbalanced += batch.source_rows != batch.raw_rows + batch.rejected_rows
        self._observe(batch, "raw", batch.recorded_at)
        for follower in self._followers.get(source, ()):
            held = self._publishes[follower, batch.dataset]
            place = bisect.bisect_left(held.versions, batch.raw_version)
            if place < len(held.versions):
                self._observe(batch, follower, held.times[place])
            else:
                held.waiting.append(batch)

    def _observe(self, batch: LandedBatch, stage: str, at: datetime) -> None:
        seconds = (at - batch.received_at).total_seconds()
        seconds = seconds if stage == "raw" else max(0.0, seconds)
        held = self.latency.setdefault((batch.dataset, batch.source, stage), Observations.over(LATENCY_SECONDS))
        held.add(seconds, _exemplar(batch.traceparent, seconds, at))


def _exemplar(traceparent: str, value: float, at: datetime) -> Exemplar | None:
    trace_id = trace_id_of(traceparent)
    return Exemplar(trace_id=trace_id, value=value, at_seconds=at.timestamp()) if trace_id else None


def _forget(seen: dict[tuple[str, str, int], datetime] | dict[tuple[str, str, datetime], datetime],
            since: datetime) -> datetime:  # fmt: skip
    """Drops what the next look will not meet again; gives where that begins."""
    newest = max(seen.values(), default=None)
    if newest is None:
        return since
    start = newest - _OVERLAP
    _drop(seen, [key for key, at in seen.items() if at < start])  # type: ignore[arg-type]
    return start


def _drop(seen: dict[object, datetime], keys: Iterable[object]) -> None:
    for key in keys:
        del seen[key]
