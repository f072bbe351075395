"""What the catalog says: tables that nobody described, contracts that the store does not keep, datasets of nobody."""

from __future__ import annotations

from collections.abc import Iterator

from data_platform.incidents.model import Alert, Symptom
from data_platform.incidents.rules.facts import Facts

ALERTS = (Alert.METADATA_GAP,)


def symptoms(facts: Facts) -> Iterator[Symptom]:
    """One for each finding of the newest scan that nobody settled."""
    for finding in facts.metastore.catalog.findings.all(only_open=True):
        yield facts.ticket(
            Alert.METADATA_GAP,
            finding.name,
            since=finding.changed_at,
            dataset=finding.name if finding.name in facts.estate.datasets else "",
            evidence={
                "standing": finding.standing,
                "place": finding.place,
                "differences": [f"{one.get('kind', '')} {one.get('subject', '')}" for one in finding.differences[:20]],
            },
        )
