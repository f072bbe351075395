"""What runs say: failed, blocked, missed. An error that means loss is data loss, whatever run it ended."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from data_platform.incidents.model import GRACE, RETRY, Alert, Symptom
from data_platform.incidents.rules.facts import Facts
from data_platform.incidents.rules.missed import missed
from data_platform.incidents.rules.proofs import is_loss
from data_platform.metastore.runs import RunEntry
from data_platform.metastore.tables import RunState

ALERTS = (Alert.RUN_FAILED, Alert.RUN_BLOCKED, Alert.RUN_MISSED)


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
    yield from missed(facts)


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
    ready_at = first.newest_at + GRACE
    if newest.state is RunState.RUNNING and newest.started_at - last.newest_at <= GRACE:
        ready_at = first.newest_at + RETRY  # what a retry mends nobody needs to know
    return facts.ticket(
        Alert.RUN_BLOCKED if last.state is RunState.BLOCKED else Alert.RUN_FAILED,
        dataset,
        since=last.newest_at,
        ready_at=ready_at,
        dataset=dataset,
        marks={f"run:{last.run_id}": 0},
        evidence={
            "error": last.error,
            "run_id": last.run_id,
            "code_version": last.code_version,
            "attempts": len(failing),
            "from": last.range_from or "",
            "to": last.range_to or "",
        },
    )
