"""Samples the queue of runs: how long each waits, in which lane, and what holds it up. Judging that is in
`observability.slis.task_age`.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import dagster as dg

from data_platform.contracts.domain_files import ConnectorEntry
from data_platform.contracts.model import DatasetName
from data_platform.metastore.component_beats import QUEUE, ComponentBeat
from data_platform.metastore.incident_tables import BreakerState
from data_platform.metastore.instances import this_instance
from data_platform.metastore.queued_runs import QueuedRunEntry

if TYPE_CHECKING:
    from data_platform.wiring.platform import Platform

_WAITING = [dg.DagsterRunStatus.QUEUED, dg.DagsterRunStatus.NOT_STARTED]
_AT_WORK = [dg.DagsterRunStatus.STARTING, dg.DagsterRunStatus.STARTED, dg.DagsterRunStatus.CANCELING]
_LOOK_BACK = timedelta(hours=1)  # runs that came and started between two samples are counted too
_MOST = 1_000


@dataclass(frozen=True, slots=True)
class _Limits:
    """What may run at once, and what does.

    Attributes:
        free: places for runs; None where there is no limit.
        full_tags: (key, value) of tags of which no more runs may start; the value is None for any.
        open_breakers: names of open circuit breakers.
        blocked: datasets with a blocked partition or pending rows.
    """

    free: int | None
    full_tags: Collection[tuple[str, str | None]]
    open_breakers: Collection[str]
    blocked: Collection[str]


def sample_queue(instance: dg.DagsterInstance, platform: Platform, *, every_seconds: float = 15.0) -> int:
    """Notes the runs that wait and those that started since; gives the number of runs that wait.

    It beats as a part of the platform, so that an empty queue and one that nobody looked into are two things.
    """
    now = platform.clock.now()
    queue = platform.metastore.operations.queued_runs
    waiting = list(instance.get_run_records(dg.RunsFilter(statuses=_WAITING), limit=_MOST))
    recent = dg.RunsFilter(created_after=now - _LOOK_BACK)
    known = {run.run_id for run in queue.waiting()} - {record.dagster_run.run_id for record in waiting}
    left = list(instance.get_run_records(dg.RunsFilter(run_ids=sorted(known)))) if known else []
    started = {
        record.dagster_run.run_id: record
        for record in (*instance.get_run_records(recent, limit=_MOST), *left)
        if record.start_time is not None
    }
    limits = _limits(instance, platform, waiting)
    entries = [_entry(record, now, _reason(record.dagster_run, platform, limits)) for record in waiting]
    entries += [_entry(record, now, "") for record in started.values()]
    with platform.metastore.transaction() as tx:
        queue.record(entries, tx=tx)
        queue.forget(sorted(known - started.keys()), tx=tx)
        platform.metastore.operations.component_beats.beat(_beat(now, every_seconds), tx=tx)
    return len(waiting)


def _beat(now: datetime, every_seconds: float) -> ComponentBeat:
    instance = this_instance()
    return ComponentBeat(component=QUEUE, instance=instance, beat_at=now, expected_every_seconds=every_seconds)


def _limits(instance: dg.DagsterInstance, platform: Platform, waiting: Sequence[dg.RunRecord]) -> _Limits:
    if not waiting:
        return _Limits(None, (), (), ())
    at_work = [record.dagster_run for record in instance.get_run_records(dg.RunsFilter(statuses=_AT_WORK))]
    config = instance.get_concurrency_config().run_queue_config
    most = config.max_concurrent_runs if config is not None else -1
    breakers = platform.metastore.operations.breakers.all()
    names = {dataset for record in waiting for dataset in _datasets(record.dagster_run)}
    upstream = {str(one) for name in names for one in _inputs(platform, name)}
    with platform.metastore.operations.sli_facts.reading() as tx:
        reach = platform.metastore.operations.sli_facts.reach(upstream, tx=tx)
    return _Limits(
        free=None if most < 0 else max(0, most - len(at_work)),
        full_tags=tuple(_full(config.tag_concurrency_limits, at_work)) if config is not None else (),
        open_breakers=tuple(one.name for one in breakers if one.state is BreakerState.OPEN),
        blocked=frozenset(name for name, its in reach.items() if its.stuck is not None),
    )


def _full(limits: Sequence[Mapping[str, Any]], at_work: Sequence[dg.DagsterRun]) -> list[tuple[str, str | None]]:
    found: list[tuple[str, str | None]] = []
    for limit in limits:
        key, value = limit["key"], limit.get("value")
        values = Counter(run.tags[key] for run in at_work if key in run.tags)
        if isinstance(value, str):
            found += [(key, value)] if values[value] >= limit["limit"] else []
        elif isinstance(value, dict):  # a limit for each value of the tag
            found += [(key, one) for one, count in values.items() if count >= limit["limit"]]
        elif values.total() >= limit["limit"]:
            found.append((key, None))
    return found


def _reason(run: dg.DagsterRun, platform: Platform, limits: _Limits) -> str:
    """What holds a run up, the most particular first; empty where nothing does, so that nobody takes it."""
    datasets = _datasets(run)
    sources = {entry.name for name in datasets for entry in _sources(platform, name)}
    if any(breaker.partition("/")[2] in {*datasets, *sources} for breaker in limits.open_breakers):
        return "breaker"
    if any(str(one) in limits.blocked for name in datasets for one in _inputs(platform, name)):
        return "upstream"
    if any(key in run.tags and value in (None, run.tags[key]) for key, value in limits.full_tags):
        return "quota"
    return "slot" if limits.free == 0 else ""


def _entry(record: dg.RunRecord, now: datetime, reason: str) -> QueuedRunEntry:
    run = record.dagster_run
    started = None if record.start_time is None else datetime.fromtimestamp(record.start_time, UTC)
    return QueuedRunEntry(
        run_id=run.run_id,
        job=run.job_name,
        lane="backfill" if "dagster/backfill" in run.tags else "default",
        datasets={"names": _datasets(run)},
        enqueued_at=record.create_timestamp.astimezone(UTC),
        started_at=started,
        reason=reason,
        sampled_at=now,
    )


def _datasets(run: dg.DagsterRun) -> list[str]:
    return sorted(".".join(key.path) for key in run.asset_selection or () if len(key.path) == 3)


def _inputs(platform: Platform, name: str) -> Collection[DatasetName]:
    try:
        return platform.graph.inputs.get(DatasetName.parse(name), ())
    except ValueError:
        return ()  # an asset that is no dataset


def _sources(platform: Platform, name: str) -> Collection[ConnectorEntry]:
    return [e for domain in platform.project.domains for e in domain.connectors if str(e.dataset) == name]
