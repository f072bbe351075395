"""What counts say: rows without a fate, rows that a source has and we have not, files that could not be read."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any

from data_platform.incidents.model import Alert, Symptom
from data_platform.incidents.rules.facts import Facts
from data_platform.incidents.rules.runs import is_loss, lost
from data_platform.metastore.sli_values import SliValueEntry

ALERTS = (Alert.DATA_LOSS, Alert.FILES_REJECTED, Alert.INCOMPLETE)
LEAST_COMPLETE = 0.9995  # of the rows that are known to exist
_FILES_HOLD = timedelta(hours=1)  # how long a file that could not be read asks for somebody
_MEASURED = timedelta(days=7)  # until then somebody has to have seen to it
_GUESSES = ("forecast",)


def symptoms(facts: Facts) -> Iterator[Symptom]:
    """Proven loss pages; what is only guessed to be missing is a ticket."""
    yield from _loss(facts)
    yield from _files(facts)


def _loss(facts: Facts) -> Iterator[Symptom]:
    found: dict[str, Symptom] = {}
    for dataset, run in lost(facts):
        evidence: dict[str, Any] = {"error": run.error, "run_id": run.run_id, "code_version": run.code_version}
        since = run.ended_at or run.started_at
        found[dataset] = facts.page(
            Alert.DATA_LOSS, dataset, since=since, dataset=dataset, is_event=True, evidence=evidence
        )
    for standing in facts.standings:
        if not standing.is_healthy and is_loss(standing.detail):
            evidence = {"error": standing.detail, "source": standing.source}
            since = standing.beat_at or facts.now
            found[standing.dataset] = facts.page(
                Alert.DATA_LOSS, standing.dataset, since=since, dataset=standing.dataset, evidence=evidence
            )
    for one in facts.metastore.operations.failing_facts.open_ledgers():
        evidence = {"unaccounted_rows": one.count, "where": one.subject}
        found[one.dataset] = facts.page(
            Alert.DATA_LOSS, one.dataset, since=one.at, dataset=one.dataset, evidence=evidence
        )
    for value in _incomplete(facts):
        is_guess = value.provenance in _GUESSES
        evidence = {"share": value.value, "provenance": value.provenance, "partition": value.partition}
        make = facts.ticket if is_guess else facts.page
        alert = Alert.INCOMPLETE if is_guess else Alert.DATA_LOSS
        symptom = make(alert, value.subject, since=value.measured_at, dataset=value.subject, evidence=evidence)
        if is_guess and value.subject not in found:
            yield symptom
        elif not is_guess:
            found.setdefault(value.subject, symptom)
    yield from found.values()


def _incomplete(facts: Facts) -> Iterator[SliValueEntry]:
    newest = facts.metastore.operations.sli_values.latest("completeness", since=facts.now - _MEASURED)
    for value in newest:
        if value.subject in facts.estate.datasets and value.value is not None and value.value < LEAST_COMPLETE:
            yield value


def _files(facts: Facts) -> Iterator[Symptom]:
    reasons: dict[str, list[tuple[str, int]]] = {}
    newest: dict[str, datetime] = {}
    for one in facts.metastore.operations.failing_facts.rejected_files(since=facts.now - _FILES_HOLD):
        reasons.setdefault(one.dataset, []).append((one.subject, one.count))
        newest[one.dataset] = max(one.at, newest.get(one.dataset, one.at))
    for dataset, found in reasons.items():
        evidence = {"files": sum(count for _, count in found), "reasons": dict(found)}
        yield facts.ticket(
            Alert.FILES_REJECTED, dataset, since=newest[dataset], dataset=dataset, is_event=True, evidence=evidence
        )
