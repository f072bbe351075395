"""What runs say: failed, blocked, missed. An error that means loss is data loss, whatever run it ended."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta

from data_platform.incidents.model import GRACE, RETRY, Alert, Symptom
from data_platform.incidents.rules.facts import Facts
from data_platform.metastore.runs import RunEntry
from data_platform.metastore.tables import RunState

ALERTS = (Alert.RUN_FAILED, Alert.RUN_BLOCKED, Alert.RUN_MISSED)
LOSSES = ("DamagedTable", "SourceGap", "TamperedObject", "ConservationBroken")
_LOOK_BACK = timedelta(days=14)  # how long a missed run is remembered


def symptoms(facts: Facts) -> Iterator[Symptom]:
    """One symptom for each dataset whose last finished run did not succeed, whose partitions are blocked, or that
    nobody ran when it was due.
    """
    blocked = {one.dataset: one for one in facts.metastore.operations.failing_facts.blocked_partitions()}
    for dataset, runs in facts.runs.items():
        failing = _failing(runs)
        if failing and not is_loss(failing[0].error):
            yield _of_run(facts, dataset, failing, runs[0])
        if dataset in blocked and (not failing or failing[0].state is not RunState.BLOCKED):
            one = blocked[dataset]
            evidence = {"blocked_partitions": one.count, "newest": one.subject}
            yield facts.ticket(Alert.RUN_BLOCKED, dataset, since=one.at, dataset=dataset, evidence=evidence)
    yield from _missed(facts)


def is_loss(error: str) -> bool:
    """Whether an error, which begins with its class, says that data is gone or cannot be trusted."""
    return error.partition(":")[0] in LOSSES


def lost(facts: Facts) -> Iterator[tuple[str, RunEntry]]:
    """Datasets whose last finished run ended with such an error."""
    for dataset, runs in facts.runs.items():
        failing = _failing(runs)
        if failing and is_loss(failing[0].error):
            yield dataset, failing[0]


def _failing(runs: Sequence[RunEntry]) -> list[RunEntry]:
    """The runs that did not succeed since one did, newest first; none where the last finished run succeeded."""
    failing = []
    for run in runs:
        if run.state is RunState.SUCCEEDED:
            break
        if run.state is not RunState.RUNNING:
            failing.append(run)
    return failing


def _of_run(facts: Facts, dataset: str, failing: Sequence[RunEntry], newest: RunEntry) -> Symptom:
    last, first = failing[0], failing[-1]
    ready_at = _ended(first) + GRACE
    if newest.state is RunState.RUNNING and newest.started_at - _ended(last) <= GRACE:
        ready_at = _ended(first) + RETRY  # what a retry mends nobody needs to know
    return facts.ticket(
        Alert.RUN_BLOCKED if last.state is RunState.BLOCKED else Alert.RUN_FAILED,
        dataset,
        since=_ended(last),
        ready_at=ready_at,
        dataset=dataset,
        is_event=True,
        evidence={
            "error": last.error,
            "run_id": last.run_id,
            "code_version": last.code_version,
            "attempts": len(failing),
            "from": last.range_from or "",
            "to": last.range_to or "",
        },
    )


def _missed(facts: Facts) -> Iterator[Symptom]:
    for slot in facts.metastore.operations.failing_facts.missed_slots(since=facts.now - _LOOK_BACK):
        good = [_ended(run) for run in facts.runs.get(slot.dataset, ()) if run.state is RunState.SUCCEEDED]
        if slot.dataset in facts.estate.datasets and max(good, default=slot.at) <= slot.at:
            yield facts.ticket(
                Alert.RUN_MISSED,
                slot.dataset,
                since=slot.at,
                dataset=slot.dataset,
                waits_for_scheduler=True,
                evidence={"missed": slot.count, "due_at": slot.at.isoformat()},
            )


def _ended(run: RunEntry) -> datetime:
    return run.ended_at or run.started_at
