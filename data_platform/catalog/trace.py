"""One id to the whole chain: from the source's batches over every table version in between to the served tables.

The chain is read from the ledger (batches, runs with the versions that they read and made). Events of other producers,
which have no ledger, lead from their run to the tables that it wrote.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import TypeAlias

from data_platform.errors import ConfigurationError
from data_platform.lineage.facts import RunFacts
from data_platform.lineage.names import PLATFORM
from data_platform.metastore.batches import BatchEntry, FileEntry
from data_platform.metastore.catalog_events import EventLine
from data_platform.metastore.catalog_reads import CatalogRun, DatasetLine
from data_platform.metastore.engine import Metastore
from data_platform.metastore.runs import RunEntry

_RAW = "raw."
_MOST_BATCHES = 100
_MOST_EVENTS = 1_000
_MOST_DIGITS = 19  # of what the ledger's columns hold
_Ahead: TypeAlias = Callable[[str, int], Iterable[tuple[str, int]]]


class UnknownId(ConfigurationError):
    """Nothing has this id."""


@dataclass(frozen=True, slots=True, kw_only=True)
class BatchStep:
    """One batch of a source, with its files."""

    batch: BatchEntry
    files: tuple[FileEntry, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class VersionStep:
    """One version of a table and the run that made it, None where the ledger does not have it.

    Attributes:
        reads: version of each input.
        distance: steps from what was asked for; negative towards the source.
    """

    table: str
    version: int
    run: RunEntry | None
    reads: dict[str, int]
    distance: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Trace:
    """The chain, from the source on.

    Attributes:
        kind: run, batch, event, trace or version: what the id is of.
        batches: those that the raw versions in the chain brought since they were read before; the last 100 of them.
        versions: of tables, the nearest to the source first.
        events: those of the runs in the chain that the catalog has.
        foreign: runs of other producers, with the datasets that they wrote.
    """

    id: str
    kind: str
    batches: tuple[BatchStep, ...] = ()
    versions: tuple[VersionStep, ...] = ()
    events: tuple[EventLine, ...] = ()
    foreign: tuple[tuple[CatalogRun, tuple[DatasetLine, ...]], ...] = ()


def trace(metastore: Metastore, text: str) -> Trace:
    """The chain that an id is part of.

    Raises:
        UnknownId: nothing has it.
    """
    for tried in (_of_version, _of_batch, _of_run, _of_trace, _of_event, _of_foreign_run):
        found = tried(metastore, text)
        if found is not None:
            return found
    raise UnknownId(
        f"nothing has the id {text!r}; write a run id, a batch `<source>/<n>`, an event id, a trace id or "
        "`<table>@<version>`"
    )


def _of_version(metastore: Metastore, text: str) -> Trace | None:
    table, at, version = text.replace("/", ".").rpartition("@")
    number = _number(version)
    if not at or number is None:
        return None
    if metastore.runs.producer(table, version=number) or metastore.batches.made(table, raw_version=number):
        return _chain(metastore, text, "version", [(table, number)])
    return None


def _of_batch(metastore: Metastore, text: str) -> Trace | None:
    batches = metastore.batches.named(text)
    if not batches:
        return None
    return _chain(metastore, text, "batch", [(one.dataset, one.raw_version) for one in batches], only=text)


def _of_run(metastore: Metastore, text: str) -> Trace | None:
    runs = metastore.runs.of_run(text)
    if not runs:
        return None
    made = [(run.dataset, run.output_version) for run in runs if run.output_version is not None]
    found = _chain(metastore, text, "run", [(dataset, version) for dataset, version in made])
    failed = [
        VersionStep(table=run.dataset, version=-1, run=run, reads=dict(run.inputs), distance=0)
        for run in runs
        if run.output_version is None
    ]
    its = metastore.catalog.events.of_runs([text])  # of the run that started the others
    events = _in_time(found.events, _events(metastore, (), failed), its)
    return Trace(id=text, kind="run", batches=found.batches, versions=(*found.versions, *failed), events=events)


def _of_trace(metastore: Metastore, text: str) -> Trace | None:
    """What was landed and made in a trace, with the rest of the chain that it is part of."""
    trace_id = text.strip().lower()
    runs, batches = metastore.runs.of_trace(trace_id), metastore.batches.of_trace(trace_id)
    made = {(run.dataset, run.output_version) for run in runs if run.output_version is not None}
    made |= {(batch.dataset, batch.raw_version) for batch in batches}
    if not made and not runs:
        return None
    found = _chain(metastore, text, "trace", sorted(made))
    failed = tuple(
        VersionStep(table=run.dataset, version=-1, run=run, reads=dict(run.inputs), distance=0)
        for run in runs
        if run.output_version is None
    )
    return replace(found, versions=(*found.versions, *failed))


def _of_event(metastore: Metastore, text: str) -> Trace | None:
    event = metastore.catalog.events.get(text)
    if event is None:
        return None
    found = _of_foreign_run(metastore, event.run_id) if event.run_id else None
    if found is None:
        return Trace(id=text, kind="event", events=(event,))
    return Trace(
        id=text, kind="event", batches=found.batches, versions=found.versions, events=found.events,
        foreign=found.foreign,
    )  # fmt: skip


def _of_foreign_run(metastore: Metastore, text: str) -> Trace | None:
    """A run by the id that it has in OpenLineage; the platform's own lead on into the ledger by what they wrote."""
    run = metastore.catalog.reads.run(text.lower())
    if run is None:
        return None
    written = metastore.catalog.reads.datasets(run.outputs)
    made: list[tuple[str, int]] = []
    for dataset in written.values():
        if dataset.namespace == PLATFORM:
            for line in metastore.catalog.reads.versions_of_run(dataset.id, run_id=run.run_id):
                number = _number(line.version)
                made += [(dataset.name, number)] if number is not None else []
    found = _chain(metastore, text, "run", made)
    events = _in_time(found.events, metastore.catalog.events.of_runs([run.run_id]))
    return Trace(
        id=text,
        kind="run",
        batches=found.batches,
        versions=found.versions,
        events=events,
        foreign=((run, tuple(written.values())),),
    )


def _number(version: str) -> int | None:
    """A version of a table; None for what no table's version can be."""
    is_one = version.isascii() and version.isdecimal() and len(version) <= _MOST_DIGITS
    return int(version) if is_one and int(version) < 1 << 63 else None


def _chain(
    metastore: Metastore, text: str, kind: str, start: list[tuple[str, int]], *, only: str | None = None
) -> Trace:
    ledger = _Ledger(metastore)
    steps: dict[tuple[str, int], int] = dict.fromkeys(start, 0)
    _walk(steps, start, -1, ledger.above)
    _walk(steps, start, 1, ledger.below)
    made = [
        VersionStep(table=table, version=version, run=run, reads=dict(run.inputs) if run else {}, distance=distance)
        for (table, version), distance in steps.items()
        for run in [metastore.runs.producer(table, version=version)]
    ]
    batches = [batch for table, version in steps for batch in ledger.batches(table, version, only)]
    batches.sort(key=lambda one: (one.dataset, one.source, one.number))
    shown = batches[-_MOST_BATCHES:]
    versions = tuple(sorted(made, key=lambda step: (step.distance, step.table, step.version)))
    return Trace(
        id=text,
        kind=kind,
        batches=tuple(
            BatchStep(batch=one, files=metastore.batches.files(one.dataset, batch_id=one.batch_id)) for one in shown
        ),
        versions=versions,
        events=_events(metastore, shown, versions),
    )


def _events(
    metastore: Metastore, batches: Iterable[BatchEntry], versions: Iterable[VersionStep]
) -> tuple[EventLine, ...]:
    """What the catalog was told of the runs that landed batches and made versions, in order of time."""
    runs = [_run_in_lineage(f"{one.run_id}/{one.batch_id}", one.dataset) for one in batches]
    runs += [_run_in_lineage(step.run.run_id, step.table) for step in versions if step.run is not None]
    return metastore.catalog.events.of_runs(runs, limit=_MOST_EVENTS)


def _run_in_lineage(run_id: str, job: str) -> str:
    return RunFacts(run_id=run_id, namespace=PLATFORM, job=job, job_type="").uuid


def _in_time(*several: Iterable[EventLine]) -> tuple[EventLine, ...]:
    found = {event.event_id: event for events in several for event in events}
    return tuple(sorted(found.values(), key=lambda event: (event.event_time, event.id or 0)))


def _walk(steps: dict[tuple[str, int], int], start: list[tuple[str, int]], sign: int, ahead: _Ahead) -> None:
    level, distance = list(start), 0
    while level:
        distance += sign
        found = [node for at in level for node in ahead(*at) if node not in steps]
        level = list(dict.fromkeys(found))
        steps.update(dict.fromkeys(level, distance))


@dataclass(frozen=True)
class _Ledger:
    """Which version was made from which; each dataset's runs are read once."""

    metastore: Metastore
    _published: dict[str, tuple[RunEntry, ...]] = field(default_factory=dict)
    _since: dict[tuple[str, int], int] = field(default_factory=dict)

    def above(self, table: str, version: int) -> Iterator[tuple[str, int]]:
        """The versions that a version was made from."""
        run = self.metastore.runs.producer(table, version=version)
        for name, read in sorted(run.inputs.items()) if run is not None else ():
            before = [one.inputs[name] for one in self._runs(table) if one.inputs.get(name, read) < read]
            since = max(before, default=-1)
            self._since[name, read] = min(since, self._since.get((name, read), since))
            yield name, read

    def below(self, table: str, version: int) -> Iterator[tuple[str, int]]:
        """The first version of each dataset that was made from this version or a later one."""
        for dataset in self._datasets:
            for run in self._runs(dataset):
                if run.inputs.get(table, -1) >= version and run.output_version is not None:
                    yield dataset, run.output_version
                    break

    def batches(self, table: str, version: int, only: str | None) -> tuple[BatchEntry, ...]:
        """The batches that a raw version brought to who read it: those after the version that was read before."""
        if not table.startswith(_RAW):
            return ()
        since = self._since.get((table, version), version - 1)
        newer = self.metastore.batches.after(table, raw_version=since)
        return tuple(one for one in newer if one.raw_version <= version and only in (None, one.batch_id))

    @cached_property
    def _datasets(self) -> tuple[str, ...]:
        return self.metastore.runs.datasets()

    def _runs(self, dataset: str) -> tuple[RunEntry, ...]:
        if dataset not in self._published:
            self._published[dataset] = self.metastore.runs.published(dataset)
        return self._published[dataset]
