"""What connectors say, or do not say any more. What their beats mean is judged where connectors are."""

from __future__ import annotations

from collections.abc import Iterator

from data_platform.incidents.model import Alert, Symptom, page_or_ticket
from data_platform.incidents.rules.facts import Facts

ALERTS = (Alert.CONNECTOR_LOST,)


def symptoms(facts: Facts) -> Iterator[Symptom]:
    """One for each source that somebody has to look at: a page where it feeds a critical dataset."""
    for standing in facts.standings:
        if standing.is_healthy:
            continue
        is_critical = facts.estate.is_critical(standing.dataset)
        since = max((at for at in (standing.beat_at, standing.expected_by) if at), default=facts.now)
        # a batch kind that was to be started and was not: it has expected rows and a time, and no beat since
        is_late = standing.beat_at is not None and standing.beat_at < since <= facts.now
        yield Symptom(
            alert=Alert.CONNECTOR_LOST,
            subject=f"{standing.dataset}/{standing.source}",
            severity=page_or_ticket(is_page=is_critical),
            dataset=standing.dataset,
            began_at=min(since, facts.now),
            ready_at=facts.now if is_critical else None,
            waits_for_scheduler=is_late,
            evidence={"state": str(standing.state), "detail": standing.detail, "backlog": standing.backlog},
        )
