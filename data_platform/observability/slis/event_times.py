"""How far in event time each dataset is, by what its published version was computed from."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import date, datetime

from data_platform.contracts.days import beginning_of, end_of
from data_platform.contracts.model import Contract, Layer
from data_platform.contracts.types import TypeKind
from data_platform.metastore.batches import BatchEntry
from data_platform.metastore.partitions import WHOLE_TABLE, PartitionEntry
from data_platform.metastore.runs import RunEntry
from data_platform.metastore.sli_facts import Reach
from data_platform.observability.slis.moment import Moment

_RAW = f"{Layer.RAW}."


@dataclass(frozen=True, slots=True, kw_only=True)
class EventTime:
    """The newest complete event time that readers of a dataset can see.

    Attributes:
        at: None where nothing is published, or nothing can be said.
        run: the run that made the newest published day, or the table.
        newest: the newest published day. stuck: the first one that is blocked or has pending rows.
        provenance: `watermark`, `delivery`, `published versions`, `estimate` or `nothing published`.
        is_current: whether it still stands; otherwise it is only what was known before.
    """

    at: datetime | None
    run: str | None = None
    newest: str | None = None
    stuck: str | None = None
    provenance: str
    is_current: bool = True


class EventTimes:
    """Works them out, inputs first; a dataset is looked at only when something ended over it."""

    def __init__(self, moment: Moment, *, known: Mapping[str, EventTime]) -> None:
        self._moment = moment
        self._known = known
        self._facts = moment.metastore.operations.sli_facts
        self._contracts = moment.contracts()
        self._found = dict(self._of_sources())
        derived = [name for name in self._contracts if not name.startswith(_RAW)]
        open_ones = {name for name in derived if name not in known or not known[name].is_current}
        self._found |= {name: known[name] for name in derived if name not in open_ones}
        inputs = {source for name in open_ones for source in moment.upstream.get(name, ())}
        self._read(open_ones | {source for source in inputs if not source.startswith(_RAW)})
        for name in self._inputs_first(open_ones):
            self._found[name] = self._derived(name)

    def of(self, dataset: str) -> EventTime:
        """One dataset's."""
        return self._found[dataset]

    def _of_sources(self) -> Iterator[tuple[str, EventTime]]:
        tx = self._moment.tx
        marked: dict[str, list[datetime]] = {}
        for (dataset, _), mark in self._facts.watermarks(tx=tx).items():
            marked.setdefault(dataset, []).append(mark)
        newest = self._facts.newest_batches(tx=tx)
        dates = self._facts.newest_dates(newest.values(), tx=tx)
        self._raw_versions: dict[str, int] = {}
        by_dataset: dict[str, list[BatchEntry]] = {}
        for batch in newest.values():
            by_dataset.setdefault(batch.dataset, []).append(batch)
            self._raw_versions[batch.dataset] = max(batch.raw_version, self._raw_versions.get(batch.dataset, -1))
        for dataset, contract in self._contracts.items():
            if not dataset.startswith(_RAW):
                continue
            batches = by_dataset.get(dataset, [])
            if contract.watermark is not None:
                marks = [_end_of_period(contract, mark, batches) for mark in marked.get(dataset, ())]
                yield dataset, EventTime(at=min(marks, default=None), provenance=_named("watermark", marks))
                continue
            times = [
                min(end_of(dates[dataset, batch.batch_id]), batch.received_at)
                for batch in batches
                if (dataset, batch.batch_id) in dates
            ]
            before = self._known.get(dataset)
            if not times and before is not None:
                yield dataset, replace(before, is_current=True)  # the newest batch brought no rows
            else:
                yield dataset, EventTime(at=min(times, default=None), provenance=_named("delivery", times))

    def _read(self, datasets: Collection[str]) -> None:
        """The facts about datasets that have to be worked out."""
        facts, tx = self._facts, self._moment.tx
        self._reach: Mapping[str, Reach] = facts.reach(datasets, tx=tx)
        keys = {(name, reach.newest or WHOLE_TABLE) for name, reach in self._reach.items()}
        self._lines: Mapping[str, PartitionEntry] = facts.newest_lines(keys, tx=tx)
        self._runs = facts.runs({(line.run_id, line.dataset) for line in self._lines.values()}, tx=tx)
        versions = {
            (source, version)
            for run in self._runs.values()
            for source, version in run.inputs.items()
            if source.startswith(_RAW) and version < self._raw_versions.get(source, -1)
        }
        self._at_versions = facts.event_times_at(versions, tx=tx)

    def _derived(self, name: str) -> EventTime:
        before, reach, line = self._known.get(name), self._reach.get(name), self._lines.get(name)
        if reach is None or line is None or (run := self._runs.get((line.run_id, name))) is None:
            return replace(before, is_current=True) if before else EventTime(at=None, provenance="nothing published")
        if run.output_version is None or (reach.newest is None and reach.stuck is not None):
            # the newest attempt at the whole table is blocked: what was published before keeps serving
            known = before.at if before else None
            return EventTime(at=known, run=before.run if before else None, stuck=reach.stuck, provenance="estimate")
        at, provenance = self._from_inputs(name, run)
        if before is not None and before.run == run.run_id and before.at is not None:
            at, provenance = before.at, before.provenance  # a version never holds more than when it was made
        caps = [at]
        if reach.newest is not None:
            caps.append(end_of(date.fromisoformat(reach.newest)))
        if reach.stuck is not None and reach.stuck != WHOLE_TABLE:
            caps.append(beginning_of(date.fromisoformat(reach.stuck)))
        known_caps = [cap for cap in caps if cap is not None]
        return EventTime(
            at=None if at is None else min(known_caps),
            run=run.run_id,
            newest=reach.newest,
            stuck=reach.stuck,
            provenance=provenance,
        )

    def _from_inputs(self, name: str, run: RunEntry) -> tuple[datetime | None, str]:
        times: list[datetime | None] = []
        provenance = "published versions"
        for source, version in run.inputs.items():
            known = self._found.get(source)
            if source.startswith(_RAW):
                times.append(self._raw_at(source, version))
            elif known is not None and self._is_consumed(source, version):
                times.append(known.at)
            else:
                # the input moved on since: what was known of this dataset, else no later than the run began
                provenance = "estimate"
                before = self._known.get(name)
                at = known.at if known else None
                times.append(before.at if before else None if at is None else min(at, run.started_at))
        if not times or any(time is None for time in times):
            return None, "estimate"
        return min(time for time in times if time is not None), provenance

    def _raw_at(self, source: str, version: int) -> datetime | None:
        known = self._found.get(source)
        if known is None or known.at is None or version >= self._raw_versions.get(source, -1):
            return known.at if known else None
        found = self._at_versions.get((source, version))
        return min(found, known.at) if found is not None else known.at

    def _is_consumed(self, source: str, version: int) -> bool:
        """Whether a version of a computed dataset holds what its newest published day holds."""
        line = self._lines.get(source)
        return line is not None and line.table_version <= version

    def _inputs_first(self, names: Collection[str]) -> Iterator[str]:
        done: set[str] = set()
        for name in sorted(names):
            stack = [name]
            while stack:
                at = stack[-1]
                waiting = [
                    i for i in self._moment.upstream.get(at, ()) if i in names and i not in done and i not in stack
                ]
                if waiting and at not in done:
                    stack.extend(waiting)
                    continue
                stack.pop()
                if at not in done:
                    done.add(at)
                    yield at


def _named(word: str, times: list[datetime]) -> str:
    return word if times else "nothing published"


def _end_of_period(contract: Contract, mark: datetime, batches: list[BatchEntry]) -> datetime:
    """A watermark that is a date stands for its whole day, as far as it was over when it was received."""
    assert contract.watermark is not None
    if contract.column(contract.watermark).type.kind is not TypeKind.DATE or not batches:
        return mark
    return min(end_of(mark.date()), max(batch.received_at for batch in batches))
