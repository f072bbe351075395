"""What rules say and what they are said about: alerts, symptoms, and the estate with its owners and its lineage."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any

from data_platform.contracts.tiers import is_critical
from data_platform.metastore.incident_tables import IncidentSeverity

GRACE = timedelta(seconds=30)  # how long a ticket-class symptom has to last
RETRY = timedelta(minutes=2)  # how long a retry under way may hold a failed run back
RECOVERY = timedelta(minutes=5)  # how long all has to be well before an incident is resolved
DAMPING = timedelta(minutes=30)  # how long after that the same fault reopens it
REMEMBERED = timedelta(days=14)  # how long what happened once is looked for, and a ticket about it stays unmended


class Alert(StrEnum):
    """Every alert there is; each has a runbook of the same name."""

    SLO_FAST_BURN = "slo_fast_burn"
    DATA_LOSS = "data_loss"
    SECURITY_BREACH = "security_breach"
    CONNECTOR_LOST = "connector_lost"
    RUN_FAILED = "run_failed"
    RUN_BLOCKED = "run_blocked"
    RUN_MISSED = "run_missed"
    FILES_REJECTED = "files_rejected"
    SLO_SLOW_BURN = "slo_slow_burn"
    FRESHNESS_BREACH = "freshness_breach"
    INCOMPLETE = "incomplete"
    SCHEMA_WARNING = "schema_warning"
    METADATA_GAP = "metadata_gap"
    TASK_AGE = "task_age"
    LINEAGE_STUCK = "lineage_stuck"
    DISK_LOW = "disk_low"
    BREAKER_OPEN = "breaker_open"
    WATCH_SILENT = "watch_silent"


NEVER_SUPPRESSED = frozenset({Alert.DATA_LOSS, Alert.SECURITY_BREACH})
# What makes a dataset a failing node, so that what is below it follows from it. A burn, a forecast or a queue explains
# nothing: a ticket that is open for weeks would swallow every new failure.
FAILING = frozenset(
    {
        Alert.CONNECTOR_LOST,
        Alert.RUN_FAILED,
        Alert.RUN_BLOCKED,
        Alert.RUN_MISSED,
        Alert.DATA_LOSS,
        Alert.FRESHNESS_BREACH,
        Alert.FILES_REJECTED,
        Alert.SCHEMA_WARNING,
    }
)
BURNS = frozenset({Alert.SLO_FAST_BURN, Alert.SLO_SLOW_BURN})
FILES = "files:"  # what the subjects of faulty files begin with; then the dataset, the domain or `project`
# What never follows from anything else, and from which nothing else follows, even of the same dataset.
ALONE = frozenset({Alert.SECURITY_BREACH, Alert.METADATA_GAP})
# What is about something that happened, and is over only with evidence that it was mended, or by a person's word.
HELD = frozenset(
    {
        Alert.DATA_LOSS,
        Alert.SECURITY_BREACH,
        Alert.FILES_REJECTED,
        Alert.INCOMPLETE,
        Alert.RUN_MISSED,
        Alert.SCHEMA_WARNING,
    }
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Symptom:
    """One thing that is wrong now.

    Attributes:
        subject: a dataset, `<dataset>/<source>`, an objective or a part of the platform.
        dataset: that it is about; empty where it is about none.
        domain: where it is about a whole domain; otherwise the dataset's.
        began_at: when the newest failing fact happened.
        ready_at: from when it may open an incident; None: when it has been seen for as long as a ticket has to last.
        marks: of what happened once, by which it is known again, and how far each goes: what a person resolved is
            settled up to there. Empty for what is so now.
        waits_for_scheduler: whether it is about something that a scheduler should have started.
        is_harmless: whether nothing below can follow from it, although its alert usually explains.
        is_old: whether it happened so long ago that what fails now is another thing.
        is_aged: whether it happened too long ago for a ticket, and nothing mended it.
        evidence: rule, counts, redacted text; never values of rows.
    """

    alert: Alert
    subject: str
    severity: IncidentSeverity
    dataset: str = ""
    domain: str = ""
    began_at: datetime
    ready_at: datetime | None
    marks: Mapping[str, int] = field(default_factory=dict)
    waits_for_scheduler: bool = False
    is_harmless: bool = False
    is_old: bool = False
    is_aged: bool = False
    evidence: Mapping[str, Any] = field(default_factory=dict)

    @property
    def key(self) -> tuple[str, str]:
        """What tells symptoms apart."""
        return (self.alert.value, self.subject)

    @property
    def is_event(self) -> bool:
        """Whether it is about something that happened once."""
        return bool(self.marks)

    @property
    def connector(self) -> str:
        """`<dataset>/<source>` where it is about one connector of its dataset, otherwise empty."""
        about = str(self.evidence.get("about", "")) if self.alert in BURNS else ""
        return self.subject if self.alert is Alert.CONNECTOR_LOST else about if "/" in about else ""

    @property
    def is_page(self) -> bool:
        """Whether it wakes somebody."""
        return self.severity is IncidentSeverity.PAGE


@dataclass(frozen=True, slots=True, kw_only=True)
class DatasetInfo:
    """Who answers for a dataset.

    Attributes:
        on_call: who is told; empty where nobody is named.
        runbooks: the folder of its domain's own runbooks; empty where it has none.
        days_due: of a table by day, the partitions that the run due at a moment should have published one of.
    """

    name: str
    domain: str
    team: str = ""
    on_call: str = ""
    tier: str = "standard"
    runbooks: str = ""
    days_due: Callable[[datetime], Sequence[str]] = field(default=lambda _due_at: (), compare=False)

    @property
    def is_critical(self) -> bool:
        """Whether its failure cannot wait until morning."""
        return is_critical(self.tier)


@dataclass(frozen=True, slots=True, kw_only=True)
class Estate:
    """All datasets and who reads whom.

    Attributes:
        upstream: the inputs of each dataset.
        on_call: who is told, by domain.
    """

    datasets: Mapping[str, DatasetInfo]
    upstream: Mapping[str, tuple[str, ...]]
    on_call: Mapping[str, str] = field(default_factory=dict)
    teams: Mapping[str, str] = field(default_factory=dict)

    def is_critical(self, dataset: str) -> bool:
        """Whether a dataset is known and critical."""
        return dataset in self.datasets and self.datasets[dataset].is_critical

    def domain_of(self, dataset: str) -> str:
        """A dataset's domain, also of one that no contract describes; empty for what is no dataset."""
        if dataset in self.datasets:
            return self.datasets[dataset].domain
        parts = dataset.split(".")
        return parts[1] if len(parts) == 3 and parts[1] in self.on_call else ""

    def descendants(self, dataset: str) -> tuple[str, ...]:
        """Everything that reads a dataset, directly or not, by name."""
        reached, level = {dataset}, {dataset}
        readers: dict[str, set[str]] = {}
        for name, inputs in self.upstream.items():
            for one in inputs:
                readers.setdefault(one, set()).add(name)
        while level:
            level = {reader for one in level for reader in readers.get(one, ())} - reached
            reached |= level
        return tuple(sorted(reached - {dataset}))


def page_or_ticket(is_page: bool) -> IncidentSeverity:
    """The severity's word."""
    return IncidentSeverity.PAGE if is_page else IncidentSeverity.TICKET
