"""What the platform's own parts say: lineage that is not taken, a full disk, open breakers, parts that fell silent."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta

from data_platform.incidents.model import Alert, Symptom
from data_platform.incidents.rules.facts import Facts
from data_platform.metastore.component_beats import DAGSTER, OWN_DATASETS, QUEUE, WATCH
from data_platform.metastore.incident_tables import BreakerState

ALERTS = (Alert.LINEAGE_STUCK, Alert.DISK_LOW, Alert.BREAKER_OPEN, Alert.WATCH_SILENT)
LEAST_FREE = 0.10  # of the disk
_SINK_MAY_FAIL = timedelta(minutes=10)


def symptoms(facts: Facts) -> Iterator[Symptom]:
    """One for each part."""
    yield from _lineage(facts)
    free = facts.outside.free_disk()
    if free is not None and free < LEAST_FREE:
        evidence = {"free_percent": round(100 * free, 1)}
        yield facts.ticket(Alert.DISK_LOW, "disk", since=facts.now, ready_at=None, evidence=evidence)
    yield from _breakers(facts)
    yield from _silent(facts)


def _lineage(facts: Facts) -> Iterator[Symptom]:
    wanted = facts.outside.sinks()
    found = [
        (sink, since, error)
        for sink, since, error in facts.metastore.operations.failing_facts.failing_sinks(
            since=facts.now - _SINK_MAY_FAIL
        )
        if wanted is None or sink in wanted
    ]
    if found:
        since = min(since for _, since, _ in found) + _SINK_MAY_FAIL
        evidence = {"sinks": len(found), "error": found[0][2]}
        yield facts.ticket(Alert.LINEAGE_STUCK, "lineage", since=since, evidence=evidence)


def _breakers(facts: Facts) -> Iterator[Symptom]:
    for breaker in facts.metastore.operations.breakers.all():
        if breaker.state is not BreakerState.CLOSED:
            source = breaker.name.removeprefix("connector/") if breaker.name.startswith("connector/") else ""
            evidence = {"state": breaker.state.value, "failures": breaker.failures, "error": breaker.error}
            yield facts.ticket(
                Alert.BREAKER_OPEN,
                f"breaker:{breaker.name}",
                since=breaker.changed_at,
                dataset=source.rpartition("/")[0],
                evidence=evidence,
            )


def _silent(facts: Facts) -> Iterator[Symptom]:
    beats = facts.metastore.operations.component_beats.all()
    silent = {beat.component: beat for beat in beats if beat.is_silent(facts.now)}
    silent.pop(WATCH, None)  # it is watched from outside
    if DAGSTER in silent:
        silent.pop(QUEUE, None)  # a part of it
    for beat in beats:
        if beat.component == OWN_DATASETS and beat.detail:
            evidence = {"error": beat.detail, "instance": beat.instance}
            yield facts.ticket(
                Alert.WATCH_SILENT, f"{OWN_DATASETS}/warehouse", since=beat.beat_at, ready_at=None, evidence=evidence
            )
    for component, beat in silent.items():
        evidence = {"last_beat": beat.beat_at.isoformat(), "instance": beat.instance}
        yield facts.ticket(Alert.WATCH_SILENT, component, since=beat.silent_from, evidence=evidence)
    for stage, error in facts.failed_stages.items():
        evidence = {"error": error}
        yield facts.ticket(Alert.WATCH_SILENT, f"{WATCH}/{stage}", since=facts.now, ready_at=None, evidence=evidence)
