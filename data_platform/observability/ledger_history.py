"""What the ledger says of batches, runs and checks, kept as histograms and counts; each look reads only what is new.

Everything is counted from the ledger, so a restart loses nothing. Facts may be recorded a little before they can be
read, so that each look goes back a while and leaves out what it has seen. How it outlives a process is in
`ledger_rollup`.
"""

from __future__ import annotations

import bisect
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import NamedTuple, TypeAlias, TypeVar

from data_platform.metastore.engine import Metastore
from data_platform.metastore.metric_facts import EndedRun, LandedBatch
from data_platform.metastore.tables import RunState
from data_platform.observability.exposition import Exemplar, Observations
from data_platform.observability.tracing.context import trace_id_of

Source: TypeAlias = tuple[str, str]  # dataset, source
Pair: TypeAlias = tuple[str, str]  # a follower, and the raw dataset that it reads
BatchKey: TypeAlias = tuple[str, str, int]  # dataset, source, number
RunKey: TypeAlias = tuple[str, str, datetime]  # run, dataset, end
Key = TypeVar("Key")

LATENCY_SECONDS = (0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 120.0, 300.0, 900.0, 3600.0)
BATCH_RECORDS = (1.0, 10.0, 100.0, 1_000.0, 10_000.0, 100_000.0, 1_000_000.0, 10_000_000.0)
RUN_SECONDS = (1.0, 5.0, 15.0, 60.0, 300.0, 900.0, 3600.0, 14_400.0)
BEGINNING = datetime.min.replace(tzinfo=UTC)
_OVERLAP = timedelta(minutes=10)
_MOST_WAITING = 10_000  # of a follower that stands still; how late it read what is older is not counted


class Waiting(NamedTuple):
    """A batch that a follower has not read yet."""

    raw_version: int
    received_at: datetime
    source: str
    traceparent: str


@dataclass(slots=True)
class Reading:
    """How far a follower has read a dataset, and the batches that it has not read, by version."""

    newest: int = -1
    waiting: list[Waiting] = field(default_factory=list)


@dataclass(slots=True)
class Counted:
    """All that was counted; it only grows.

    Attributes:
        landed: batches, records and rows in raw. rejected: items by dataset, source and reason.
        durations: by layer and state. ended: by dataset and state.
        verdicts: of each dataset's rule the newest, and when it was given.
        unbalanced: batches whose rows do not add up.
        batches_from, runs_from, checks_from: where the next look begins.
        seen_batches, seen_runs: what it will meet again.
    """

    latency: dict[tuple[str, str, str], Observations] = field(default_factory=dict)
    sizes: dict[Source, Observations] = field(default_factory=dict)
    durations: dict[tuple[str, str], Observations] = field(default_factory=dict)
    ended: dict[tuple[str, str], int] = field(default_factory=lambda: defaultdict(int))
    landed: dict[Source, tuple[int, int, int]] = field(default_factory=dict)
    rejected: dict[tuple[str, str, str], int] = field(default_factory=lambda: defaultdict(int))
    verdicts: dict[tuple[str, str], tuple[datetime, str]] = field(default_factory=dict)
    last_success: dict[str, datetime] = field(default_factory=dict)
    unbalanced: int = 0
    readings: dict[Pair, Reading] = field(default_factory=dict)
    batches_from: datetime = BEGINNING
    runs_from: datetime = BEGINNING
    checks_from: datetime = BEGINNING
    seen_batches: dict[BatchKey, datetime] = field(default_factory=dict)
    seen_runs: dict[RunKey, datetime] = field(default_factory=dict)


class LedgerHistory:
    """Grows by `refresh`.

    Attributes:
        counted: what it holds.
        revision: how often something new was found.
    """

    def __init__(
        self, metastore: Metastore, followers: Mapping[Source, Sequence[str]], counted: Counted | None = None
    ) -> None:
        """`followers`: the datasets computed from each source's dataset. `counted`: what was counted before."""
        self._facts = metastore.operations.metric_facts
        self._followers = followers
        self.counted = counted or Counted()
        self.revision = 0
        self._known_reads: dict[Pair, list[tuple[int, datetime]]] = {}  # of batches that came after their readers
        held = self.counted.readings
        pairs = {(follower, dataset) for (dataset, _), names in followers.items() for follower in names}
        self._unread = pairs - held.keys() if counted else set()
        self.counted.readings = {pair: held.get(pair, Reading()) for pair in sorted(pairs)}

    def refresh(self) -> int:
        """Takes what is new; gives how many batches and runs it was."""
        own = self.counted
        for pair in sorted(self._unread):
            self._catch_up(pair)
        self._unread = set()
        batches = [b for b in self._facts.batches(recorded_from=own.batches_from)
                   if (b.dataset, b.source, b.number) not in own.seen_batches]  # fmt: skip
        runs = [r for r in self._facts.ended_runs(ended_from=own.runs_from)
                if (r.run_id, r.dataset, r.ended_at) not in own.seen_runs]  # fmt: skip
        self._known_reads.clear()
        for batch in batches:
            self._take_batch(batch)
        if batches:
            self._take_rejections({(b.dataset, b.source, b.number) for b in batches})
        for run in runs:
            self._take_run(run)
        own.seen_batches |= {(b.dataset, b.source, b.number): b.recorded_at for b in batches}
        own.seen_runs |= {(r.run_id, r.dataset, r.ended_at): r.ended_at for r in runs}
        own.batches_from = _forget(own.seen_batches, own.batches_from)
        own.runs_from = _forget(own.seen_runs, own.runs_from)
        if self._take_checks() or batches or runs:
            self.revision += 1
        return len(batches) + len(runs)

    def _take_run(self, run: EndedRun) -> None:
        own = self.counted
        own.ended[run.dataset, run.state] += 1
        if run.seconds is not None:
            key = (run.dataset.split(".", 1)[0], str(run.state))
            exemplar = _exemplar(run.traceparent, run.seconds, run.ended_at)
            _held(own.durations, key, RUN_SECONDS).add(run.seconds, exemplar)
        if run.state is not RunState.SUCCEEDED:
            return
        own.last_success[run.dataset] = max(run.ended_at, own.last_success.get(run.dataset, BEGINNING))
        for dataset, version in run.inputs.items():
            pair = (run.dataset, dataset)
            reading = own.readings.get(pair)
            if reading is None or version <= reading.newest:
                continue
            reading.newest = version
            place = bisect.bisect_right(reading.waiting, version, key=_version)
            for batch in reading.waiting[:place]:
                self._observe(pair, batch, run.ended_at)
            del reading.waiting[:place]

    def _take_batch(self, batch: LandedBatch) -> None:
        own, source = self.counted, (batch.dataset, batch.source)
        _held(own.sizes, source, BATCH_RECORDS).add(float(batch.source_rows))
        count, records, rows = own.landed.get(source, (0, 0, 0))
        own.landed[source] = (count + 1, records + batch.source_rows, rows + batch.raw_rows)
        own.unbalanced += batch.source_rows != batch.raw_rows + batch.rejected_rows
        seconds = (batch.recorded_at - batch.received_at).total_seconds()
        exemplar = _exemplar(batch.traceparent, seconds, batch.recorded_at)
        _held(own.latency, (*source, "raw"), LATENCY_SECONDS).add(seconds, exemplar)
        for follower in self._followers.get(source, ()):
            pair = (follower, batch.dataset)
            is_read = batch.raw_version <= own.readings[pair].newest
            if is_read and pair not in self._known_reads:
                self._known_reads[pair] = self._reads(pair)
            self._await(pair, batch, self._known_reads[pair] if is_read else ())

    def _await(self, pair: Pair, batch: LandedBatch, reads: Sequence[tuple[int, datetime]]) -> None:
        """Counts a batch as read by the first of `reads` that holds it, or lets it wait for one."""
        waiting = Waiting(batch.raw_version, batch.received_at, batch.source, batch.traceparent)
        place = bisect.bisect_left(reads, batch.raw_version, key=lambda read: read[0])
        if place < len(reads):
            self._observe(pair, waiting, reads[place][1])
        else:
            held = self.counted.readings[pair].waiting
            bisect.insort(held, waiting, key=_version)
            del held[:-_MOST_WAITING]

    def _reads(self, pair: Pair) -> list[tuple[int, datetime]]:
        """When a follower first read each version of a dataset, or a newer one, as far as runs were taken."""
        follower, dataset = pair
        reads: list[tuple[int, datetime]] = []
        own = self.counted
        for run in self._facts.ended_runs(ended_from=BEGINNING, dataset=follower):
            is_taken = run.ended_at < own.runs_from or (run.run_id, run.dataset, run.ended_at) in own.seen_runs
            version = run.inputs.get(dataset)
            if not is_taken or version is None or run.state is not RunState.SUCCEEDED:
                continue
            if not reads or version > reads[-1][0]:
                reads.append((version, run.ended_at))
        return reads

    def _catch_up(self, pair: Pair) -> None:
        """Counts what was taken before anybody asked about a follower."""
        own, reads = self.counted, self._reads(pair)
        own.readings[pair] = Reading(newest=reads[-1][0] if reads else -1)
        for batch in self._facts.batches(recorded_from=BEGINNING, dataset=pair[1]):
            key = (batch.dataset, batch.source, batch.number)
            is_taken = batch.recorded_at < own.batches_from or key in own.seen_batches
            if is_taken and pair[0] in self._followers.get((batch.dataset, batch.source), ()):
                self._await(pair, batch, reads)

    def _observe(self, pair: Pair, batch: Waiting, at: datetime) -> None:
        follower, dataset = pair
        seconds = max(0.0, (at - batch.received_at).total_seconds())
        held = _held(self.counted.latency, (dataset, batch.source, follower), LATENCY_SECONDS)
        held.add(seconds, _exemplar(batch.traceparent, seconds, at))

    def _take_rejections(self, new: set[BatchKey]) -> None:
        own = self.counted
        for row in self._facts.rejections(recorded_from=own.batches_from):
            if (row.dataset, row.source, row.number) in new:
                own.rejected[row.dataset, row.source, row.reason] += row.rows

    def _take_checks(self) -> bool:
        own, is_changed = self.counted, False
        newest = own.checks_from
        for row in self._facts.checks(since=own.checks_from):
            held, said = own.verdicts.get((row.dataset, row.rule)), (row.recorded_at, row.verdict)
            if held != said and (held is None or held[0] <= row.recorded_at):
                own.verdicts[row.dataset, row.rule] = said
                is_changed = True
            newest = max(newest, row.recorded_at)
        own.checks_from = max(own.checks_from, newest - _OVERLAP) if newest > BEGINNING else BEGINNING
        return is_changed


def _version(batch: Waiting) -> int:
    return batch.raw_version


def _held(observed: dict[Key, Observations], key: Key, bounds: tuple[float, ...]) -> Observations:
    found = observed.get(key)
    if found is None:
        found = observed[key] = Observations.over(bounds)
    return found


def _exemplar(traceparent: str, value: float, at: datetime) -> Exemplar | None:
    trace_id = trace_id_of(traceparent) if traceparent else ""
    return Exemplar(trace_id=trace_id, value=value, at_seconds=at.timestamp()) if trace_id else None


def _forget(seen: dict[Key, datetime], since: datetime) -> datetime:
    """Drops what the next look will not meet again; gives where that begins."""
    newest = max(seen.values(), default=None)
    if newest is None:
        return since
    start = max(newest - _OVERLAP, since)
    _drop(seen, [key for key, at in seen.items() if at < start])
    return start


def _drop(seen: dict[Key, datetime], keys: Iterable[Key]) -> None:
    for key in keys:
        del seen[key]
