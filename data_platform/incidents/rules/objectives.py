"""What objectives and indicators say: budgets that burn, old events, contracts that changed, runs that wait."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import datetime, timedelta

from data_platform.incidents.model import REMEMBERED, Alert, Symptom
from data_platform.incidents.rules.facts import Facts
from data_platform.metastore.objectives import ObjectiveEntry
from data_platform.observability.objectives.burn import FAST, PAIRS

ALERTS = (
    Alert.SLO_FAST_BURN,
    Alert.SLO_SLOW_BURN,
    Alert.FRESHNESS_BREACH,
    Alert.SCHEMA_WARNING,
    Alert.TASK_AGE,
)
LONGEST_WAIT = timedelta(minutes=30)  # in the queue
_MEASURED = timedelta(minutes=15)  # an older value says nothing about now
_CHANGE_EXPLAINS = timedelta(days=1)  # how long a change may be why something else fails
_SAMPLED = timedelta(minutes=10)


def symptoms(facts: Facts) -> Iterator[Symptom]:
    """Burning budgets, old events, incompatible contracts, long waits."""
    for objective in facts.metastore.operations.objectives.all():
        if found := _burning(facts, objective):
            yield found
    yield from _stale(facts)
    yield from _schemas(facts)
    yield from _waiting(facts)


def _burning(facts: Facts, objective: ObjectiveEntry) -> Symptom | None:
    kind = objective.detail.get("burning") if "burning" in objective.detail else burning_by(objective.burn)
    if not kind or facts.now - objective.evaluated_at > _MEASURED:
        return None
    dataset = objective.subject.partition("/")[0] if "." in objective.subject else ""
    is_page = kind == FAST and objective.is_critical
    make = facts.page if is_page else facts.ticket
    return make(
        Alert.SLO_FAST_BURN if is_page else Alert.SLO_SLOW_BURN,
        objective.objective,
        since=objective.since,
        dataset=dataset,
        domain=objective.domain if not dataset else "",
        evidence={
            "objective": objective.objective,
            "about": objective.subject,
            "target": objective.target,
            "burn": dict(objective.burn),
            "budget_left": objective.budget_left,
        },
    )


def burning_by(burn: Mapping[str, float | None]) -> str:
    """Which pair of windows agrees that the budget goes too fast: `fast`, `slow` or empty."""
    for short, long, rate, kind in PAIRS:
        if (burn.get(short) or 0) > rate and (burn.get(long) or 0) > rate:
            return kind
    return ""


def _stale(facts: Facts) -> Iterator[Symptom]:
    for value in facts.metastore.operations.sli_values.latest("freshness", since=facts.now - _MEASURED):
        allowed = value.evidence.get("allowed_seconds")
        is_old = allowed is not None and value.value is not None and value.value > allowed
        if is_old and value.subject in facts.estate.datasets and not value.partition:
            yield facts.ticket(
                Alert.FRESHNESS_BREACH,
                value.subject,
                since=value.measured_at,
                ready_at=None,
                dataset=value.subject,
                waits_for_scheduler=not value.subject.startswith("raw."),
                evidence={"age_seconds": value.value, **value.evidence},
            )


def _schemas(facts: Facts) -> Iterator[Symptom]:
    alert = Alert.SCHEMA_WARNING
    held, since = facts.held_of(alert), facts.since_of(alert)
    for value in facts.metastore.operations.sli_values.latest("schema_compatibility", since=since):
        is_news = value.measured_at >= facts.since or value.subject in held
        if value.bad > 0 and value.subject in facts.estate.datasets and is_news:
            age = facts.now - value.measured_at
            yield facts.ticket(
                alert,
                value.subject,
                since=value.measured_at,
                ready_at=None,  # of ten changes in five minutes the first one counts
                dataset=value.subject,
                marks={f"change:{value.measured_at.isoformat()}": 0},
                is_old=age > _CHANGE_EXPLAINS,
                is_aged=age > REMEMBERED,
                is_harmless=value.evidence.get("verdict") == "warning",
                evidence=dict(value.evidence),
            )


def _waiting(facts: Facts) -> Iterator[Symptom]:
    lanes: dict[str, tuple[datetime, dict[str, str]]] = {}
    for run in facts.metastore.operations.queued_runs.waiting():
        since = run.enqueued_at + LONGEST_WAIT
        if since > facts.now or run.sampled_at < facts.now - _SAMPLED:
            continue
        evidence = {"job": run.job, "lane": run.lane, "reason": run.reason, "run_id": run.run_id}
        names = [name for name in run.datasets.get("names", ()) if name in facts.estate.datasets]
        if run.reason == "upstream" and names:
            for name in names:
                yield facts.ticket(Alert.TASK_AGE, name, since=since, dataset=name, evidence=evidence)
        elif run.lane not in lanes:
            lanes[run.lane] = (since, evidence)
    for lane, (longest, evidence) in lanes.items():
        yield facts.ticket(Alert.TASK_AGE, f"lane:{lane}", since=longest, evidence=evidence)
