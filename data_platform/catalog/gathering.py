"""What a batch of events says, as the newest fact of each thing. Pure; what was known before is not looked at.

Every fact is either newest-wins by its stamp or a set that only grows, so any order of events gathers the same.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from functools import lru_cache
from typing import Any, TypeAlias

from data_platform.catalog.canonical import canonical, digest
from data_platform.catalog.event import DatasetMention, Event, Key, Stamp
from data_platform.catalog.lineage_facets import LINEAGE_FACETS, declared_outputs, told_by
from data_platform.lineage.names import CONTRACT
from data_platform.metastore.column_types import storable

_MOST_CACHED = 32_768  # characters of a facet: at most 32 MB stay in memory
ENDED = 2
GOING = 1
_STATES = {
    "START": (GOING, "running"),
    "RUNNING": (GOING, "running"),
    "COMPLETE": (ENDED, "succeeded"),
    "FAIL": (ENDED, "failed"),
    "ABORT": (ENDED, "aborted"),
}

Output: TypeAlias = tuple[Key, Key]  # (job, dataset)
Subject: TypeAlias = "Key | Output"


@dataclass(slots=True)
class FacetFact:
    """The newest body of a facet as JSON text; None where it was deleted."""

    stamp: Stamp
    body: str | None

    @property
    def digest(self) -> str:
        """Tells bodies apart; empty for none."""
        return digest(self.body) if self.body is not None else ""


@dataclass(slots=True)
class VersionFact:
    """What the newest event says of a version that it wrote."""

    stamp: Stamp
    run_id: str
    contract_version: str
    rows: int | None
    size_bytes: int | None
    files: int | None


@dataclass(slots=True)
class OutputFact:
    """The newest event that names an output, its run, and without a run the inputs that it names."""

    stamp: Stamp
    run_id: str | None
    inputs: frozenset[Key]


@dataclass(slots=True)
class RunFact:
    """One run; `decided` orders the events that may say its state."""

    job: Key
    decided: tuple[int, datetime, str]
    state: str
    error: str
    started_at: datetime
    parent_run_id: str
    inputs: set[tuple[Key, str]]
    outputs: set[Key]


@dataclass(slots=True)
class Gathered:
    """Facts by what they are about. `facets` by (kind, subject, name); kinds: dataset, input, output, job, written."""

    datasets: dict[Key, tuple[datetime, datetime]] = field(default_factory=dict)
    jobs: set[Key] = field(default_factory=set)
    facets: dict[tuple[str, Subject, str], FacetFact] = field(default_factory=dict)
    history: dict[tuple[Key, str, str], tuple[Stamp, str]] = field(default_factory=dict)
    versions: dict[tuple[Key, str], VersionFact] = field(default_factory=dict)
    outputs: dict[Output, OutputFact] = field(default_factory=dict)
    runs: dict[str, RunFact] = field(default_factory=dict)


def gather(events: Iterable[Event]) -> Gathered:
    """The facts of events."""
    gathered = Gathered()
    for event in events:
        _gather(event, gathered)
    return gathered


def _gather(event: Event, into: Gathered) -> None:
    if event.kind != "dataset":
        into.jobs.add(event.job)
        _facets(into, "job", event.job, event.job_facets, event.stamp)
    # outputs first: of a table that is read and written, the event says what it was and what it became
    for mention in event.outputs:
        _dataset(into, mention, event)
        _facets(into, "output", mention.key, mention.io_facets, event.stamp)
        _output(into, mention, event)
        _version(into, mention, event)
    for mention in event.inputs:
        _dataset(into, mention, event)
        _facets(into, "input", mention.key, mention.io_facets, event.stamp)
    for mention in event.datasets:
        _dataset(into, mention, event)
        if any(name in mention.facets for name in LINEAGE_FACETS):
            _output(into, mention, event)
    _history(into, event)
    for key, facet in declared_outputs(event.job_facets):
        mention = DatasetMention(key=key, facets={"lineage": facet})
        _seen(into, key, event.at)
        _output(into, mention, event)
    if event.kind == "run":
        _run(into, event)


def _dataset(into: Gathered, mention: DatasetMention, event: Event) -> None:
    _seen(into, mention.key, event.at)
    described = {name: facet for name, facet in mention.facets.items() if name not in LINEAGE_FACETS}
    _facets(into, "dataset", mention.key, described, event.stamp)


def _history(into: Gathered, event: Event) -> None:
    told: dict[tuple[Key, str], Mapping[str, Any]] = {}
    for mention in (*event.outputs, *event.inputs, *event.datasets):
        for name in _HISTORY.keys() & mention.facets.keys():
            told.setdefault((mention.key, name), mention.facets[name])
    for (key, name), facet in told.items():
        if facet.get("_deleted") is True:
            continue
        body = remembered(name, facet)
        place = (key, name, digest(body))
        if place not in into.history or event.stamp < into.history[place][0]:
            into.history[place] = (event.stamp, body)


def _seen(into: Gathered, key: Key, at: datetime) -> None:
    first, last = into.datasets.get(key, (at, at))
    into.datasets[key] = (min(first, at), max(last, at))


def _facets(into: Gathered, kind: str, subject: Subject, facets: Mapping[str, Mapping[str, Any]], stamp: Stamp) -> None:
    for name, facet in facets.items():
        known = into.facets.get((kind, subject, name))
        if known is None or stamp > known.stamp:
            body = None if facet.get("_deleted") is True else canonical(facet)
            into.facets[kind, subject, name] = FacetFact(stamp, body)


def _output(into: Gathered, mention: DatasetMention, event: Event) -> None:
    output = (event.job, mention.key)
    known = into.outputs.get(output)
    if known is None or event.stamp > known.stamp:
        inputs = frozenset(one.key for one in event.inputs) if event.run_id is None else frozenset()
        into.outputs[output] = OutputFact(event.stamp, event.run_id, inputs)
    traced = {name: mention.facets[name] for name in LINEAGE_FACETS if name in mention.facets}
    _facets(into, "written", output, traced, event.stamp)
    for facet in traced.values():
        body = canonical(facet)
        for key in _keys_in(body) if len(body) <= _MOST_CACHED else _read_keys(body):
            _seen(into, key, event.at)


def _version(into: Gathered, mention: DatasetMention, event: Event) -> None:
    version = _version_of(mention)
    if not version or event.run_id is None:
        return
    place = (mention.key, version)
    known = into.versions.get(place)
    if known is not None and known.stamp >= event.stamp:
        return
    statistics = mention.io_facets.get("outputStatistics", {})
    contract = mention.facets.get(CONTRACT, {}).get("contractVersion")
    into.versions[place] = VersionFact(
        stamp=event.stamp,
        run_id=event.run_id,
        contract_version=contract if isinstance(contract, str) else "",
        rows=_count(statistics.get("rowCount")),
        size_bytes=_count(statistics.get("size")),
        files=_count(statistics.get("fileCount")),
    )


def _run(into: Gathered, event: Event) -> None:
    assert event.run_id is not None
    rank, state = _STATES.get(event.event_type or "", (0, "unknown"))
    decided = (rank, event.at, event.event_id)
    error = event.run_facets.get("errorMessage", {}).get("message")
    parent_run = event.run_facets.get("parent", {}).get("run")
    parent = parent_run.get("runId") if isinstance(parent_run, dict) else None
    run = into.runs.get(event.run_id)
    if run is None:
        run = into.runs[event.run_id] = RunFact(event.job, decided, state, "", event.at, "", set(), set())
    if decided >= run.decided:
        run.job, run.decided, run.state = event.job, decided, state
        run.error = error[:2_000] if isinstance(error, str) else ""
    run.started_at = min(run.started_at, event.at)
    run.parent_run_id = max(run.parent_run_id, parent if isinstance(parent, str) else "")
    run.inputs.update((one.key, _version_of(one)) for one in event.inputs)
    run.outputs.update(one.key for one in event.outputs)


def _version_of(mention: DatasetMention) -> str:
    version = mention.facets.get("version", {}).get("datasetVersion")
    is_one = isinstance(version, str | int) and not isinstance(version, bool)
    return storable(str(version))[:200] if is_one else ""


def _schema(facet: Mapping[str, Any]) -> object:
    return facet.get("fields")


def _contract(facet: Mapping[str, Any]) -> object:
    return {name: facet.get(name) for name in ("contractId", "contractVersion", "contractSha256")}


def remembered(name: str, facet: Mapping[str, Any]) -> str:
    """What of a schema or a contract is remembered: where it is the same, nothing changed."""
    return canonical(_HISTORY[name](facet))


_HISTORY = {"schema": _schema, CONTRACT: _contract}  # facets whose every body is remembered


def _count(value: Any) -> int | None:
    is_count = isinstance(value, int) and not isinstance(value, bool) and 0 <= value < 1 << 63
    return int(value) if is_count else None


def _read_keys(body: str) -> tuple[Key, ...]:
    """The datasets that a lineage facet names."""
    return tuple(sorted(told_by(json.loads(body)).sources))


_keys_in = lru_cache(maxsize=1_024)(_read_keys)  # the same facet comes with every run of a job
