"""Every rule, one family after the other: a family that fails hides no other, and nothing of it is called over."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from data_platform.incidents.model import Alert, Symptom
from data_platform.incidents.rules import catalog, connectors, ledger, objectives, platform, project, runs, security
from data_platform.incidents.rules.facts import Facts
from data_platform.observability.logs.logger import get_logger

Rule = Callable[[Facts], Iterator[Symptom]]
FAMILIES: Mapping[str, tuple[Rule, Sequence[Alert]]] = {
    "runs": (runs.symptoms, runs.ALERTS),
    "ledger": (ledger.symptoms, ledger.ALERTS),
    "connectors": (connectors.symptoms, connectors.ALERTS),
    "objectives": (objectives.symptoms, objectives.ALERTS),
    "catalog": (catalog.symptoms, catalog.ALERTS),
    "project": (project.symptoms, project.ALERTS),
    "platform": (platform.symptoms, platform.ALERTS),
    "security": (security.symptoms, security.ALERTS),
}
_log = get_logger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """What the rules found.

    Attributes:
        symptoms: everything that is wrong now, each alert of each subject once.
        unknown: alerts that could not be judged: what was wrong stays wrong.
        failed: families that failed, and why.
        aged: what happened too long ago for a ticket, and nothing mended.
        since: from when on was looked for what happened once.
    """

    symptoms: tuple[Symptom, ...]
    unknown: frozenset[Alert]
    failed: Mapping[str, str]
    at: datetime
    aged: frozenset[tuple[str, str]] = frozenset()
    since: datetime | None = None


def look(facts: Facts) -> Found:
    """Asks every family."""
    found: dict[tuple[str, str], Symptom] = {}
    unknown: set[Alert] = set()
    failed: dict[str, str] = {}
    for family, (rule, alerts) in FAMILIES.items():
        try:
            for symptom in rule(facts):
                found.setdefault(symptom.key, symptom)
        except Exception as error:  # noqa: BLE001 - one family that fails must not silence the others
            _log.warning("a family of rules failed", family=family, error=told(error))
            unknown.update(alerts)
            failed[family] = type(error).__name__
    aged = frozenset(key for key, symptom in found.items() if symptom.is_aged)
    return Found(
        symptoms=tuple(symptom for key, symptom in found.items() if key not in aged),
        unknown=frozenset(unknown),
        failed=failed,
        at=facts.now,
        aged=aged,
        since=facts.since,
    )


def told(error: BaseException) -> str:
    """An error's class and first line, for a log: no values of variables, which may be secrets."""
    return f"{type(error).__name__}: {(str(error).splitlines() or [''])[0][:300]}"
