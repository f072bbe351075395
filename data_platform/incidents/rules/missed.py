"""Runs that were due and never started. What makes good for one is a run later; a table by day needs that day."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime

from data_platform.incidents.model import REMEMBERED, Alert, DatasetInfo, Symptom
from data_platform.incidents.rules.facts import Facts
from data_platform.metastore.failing_facts import Counted
from data_platform.metastore.tables import PartitionState, RunState

_READS = ("live", "resting")  # states of a connector that brings what its source has


def missed(facts: Facts) -> Iterator[Symptom]:
    """One for each dataset of which a run was missed and not made good."""
    alert = Alert.RUN_MISSED
    held, since = facts.held_of(alert), facts.since_of(alert)
    found = {one.dataset: one for one in facts.metastore.operations.failing_facts.missed_slots(since=since)}
    for dataset, info in facts.estate.datasets.items():
        slots = found.get(dataset)
        if slots is None or (slots.at < facts.since and dataset not in held):
            continue
        open_slots = _not_made_good(facts, info, slots)
        if open_slots:
            newest = max(open_slots)
            yield facts.ticket(
                alert,
                dataset,
                since=newest,
                dataset=dataset,
                marks={"slot": int(newest.timestamp())},
                waits_for_scheduler=True,
                is_aged=facts.now - newest > REMEMBERED,
                evidence={"missed": slots.count, "due_at": newest.isoformat(), "not_made_good": len(open_slots)},
            )


def _not_made_good(facts: Facts, info: DatasetInfo, slots: Counted) -> list[datetime]:
    """When the runs were due that nothing made good for; of a table that is written whole, the last one."""
    if not info.days_due(slots.at):
        return [] if _ran_after(facts, info.name, slots.at) else [slots.at]
    due = facts.metastore.operations.failing_facts.missed_due(info.name, since=facts.since_of(Alert.RUN_MISSED))
    lines = {line.partition: line for line in facts.metastore.partitions.latest(info.name)}

    def is_published(day: str, due_at: datetime) -> bool:
        line = lines.get(day)
        is_good = line is not None and line.state is PartitionState.PUBLISHED and not line.pending
        return is_good and line is not None and line.recorded_at >= due_at

    return [
        at
        for at in due
        if not any(is_published(day, at) or _ran_after(facts, info.name, at, day=day) for day in info.days_due(at))
    ]


def _ran_after(facts: Facts, dataset: str, moment: datetime, *, day: str = "") -> bool:
    """Whether a run succeeded since, over a day where one is given, or the connector looked and found nothing new."""
    for run in facts.runs.get(dataset, ()):
        is_over_all = run.range_from is None or run.range_to is None
        is_about = not day or is_over_all or str(run.range_from) <= day <= str(run.range_to)
        if is_about and run.state is RunState.SUCCEEDED and run.newest_at > moment:
            return True
    return not day and any(
        one.dataset == dataset and str(one.state) in _READS and one.beat_at is not None and one.beat_at > moment
        for one in facts.standings
    )
