"""The objectives that follow from contracts and connectors, with the guide's starting targets where these say nothing.

| promise | objective |
|---|---|
| slaProperties.latency | freshness: 99 % of 30 days within it (99.5 % where critical; or `availability`) |
| slaProperties.frequency | pipeline_success: 99.9 % of what is due in 30 days, but never less than one failure |
| a connector | completeness 99.95 % a day; connector_heartbeat 99 % over 7 days (99.9 % where critical) |
| a domain, the platform | pipeline_success 99.9 % a week |
| the platform | processing_lag, task_age 95 % a week; catalog_coverage 95 %, schema_compatibility 99.9 %, in 30 days |
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta

from data_platform.contracts.domain_files import ConnectorEntry, Domain
from data_platform.contracts.domains import PLATFORM_DOMAIN, Project
from data_platform.contracts.model import Contract
from data_platform.contracts.tiers import is_critical
from data_platform.observability import words
from data_platform.observability.objectives.durations import Duration
from data_platform.observability.objectives.model import Objective
from data_platform.observability.objectives.windows import Window
from data_platform.observability.slis.freshness import bound

DAY, WEEK, MONTH = Window(Duration(1, "d")), Window(Duration(7, "d")), Window(Duration(30, "d"))


@dataclass(frozen=True, slots=True, kw_only=True)
class _Promise:
    """What is promised, of whatever: a share of an indicator's good events in a window."""

    sli: str
    target: float
    window: Window
    title: str


_PLATFORM_WIDE = (
    _Promise(sli="pipeline_success", target=0.999, window=WEEK, title="Runs that were due and published"),
    _Promise(sli="processing_lag", target=0.95, window=WEEK, title="Batches available within the lag that is promised"),
    _Promise(sli="task_age", target=0.95, window=WEEK, title="Runs that began soon enough"),
    _Promise(sli="catalog_coverage", target=0.95, window=MONTH, title="Stored tables that a contract describes"),
    _Promise(
        sli="schema_compatibility", target=0.999, window=MONTH, title="Contract changes that went through the check"
    ),
)
WAKES = ("pipeline_success", "processing_lag")  # gaps of metadata can wait until morning


def derived(project: Project) -> Iterator[Objective]:
    """Every objective that nobody had to write."""
    for dataset in project.datasets.values():
        yield from _of_contract(dataset.contract)
    for domain in project.domains:
        counted = set()
        for entry in domain.connectors:
            if entry.dataset in project.datasets:
                contract = project.dataset(entry.dataset).contract
                yield _of_connector(entry, contract)
                if entry.dataset not in counted:
                    yield _of_sources(contract)
                counted.add(entry.dataset)
        yield _of_domain(domain)
    for promise in _PLATFORM_WIDE:
        yield _wide(promise, PLATFORM_DOMAIN, domain="", owner=PLATFORM_DOMAIN)


def _of_contract(contract: Contract) -> Iterator[Objective]:
    """What one contract promises."""
    promised, critical = contract.service_level, is_critical(contract.tier)
    oldest = bound(contract)
    if oldest is not None:
        stated = promised.availability_percent
        target = float(stated) / 100 if stated is not None else (0.995 if critical else 0.99)
        title = f"{contract.name} is at most {words.duration(oldest)} old"
        promise = _Promise(sli="freshness", target=min(target, 0.99999), window=MONTH, title=title)
        yield _of(contract, promise)
    if promised.frequency is not None and promised.frequency > timedelta(0):
        target = feasible(0.999, MONTH, promised.frequency)
        title = f"{contract.name} is published every {words.duration(promised.frequency)}"
        yield _of(contract, _Promise(sli="pipeline_success", target=target, window=MONTH, title=title))


def feasible(target: float, window: Window, every: timedelta) -> float:
    """The target, or the highest that leaves room for one failure in a window with one event `every` so often.

    99.9 % of 30 runs would be spent by a thirtieth of a failure: an objective that says nothing but "never".
    """
    events = window.duration.seconds / every.total_seconds()
    return round(max(0.5, min(target, 1 - 1 / events)), 6) if events >= 1 else 0.5


def _of_connector(entry: ConnectorEntry, contract: Contract) -> Objective:
    target = 0.999 if is_critical(contract.tier) else 0.99
    title = f"{entry.name} is heard of in time"
    promise = _Promise(sli="connector_heartbeat", target=target, window=WEEK, title=title)
    return _of(contract, promise, subject=f"{entry.dataset}/{entry.name}")


def _of_sources(contract: Contract) -> Objective:
    title = f"{contract.name} holds what its sources hold"
    return _of(contract, _Promise(sli="completeness", target=0.9995, window=DAY, title=title))


def _of_domain(domain: Domain) -> Objective:
    title = f"Runs of {domain.name} that were due and published"
    promise = _Promise(sli="pipeline_success", target=0.999, window=WEEK, title=title)
    return _wide(promise, domain.name, domain=domain.name, owner=domain.team)


def _of(contract: Contract, promise: _Promise, *, subject: str = "") -> Objective:
    about = subject or str(contract.name)
    return Objective(
        id=f"{promise.sli}.{about}",
        sli=promise.sli,
        subject=about,
        domain=contract.name.domain,
        owner=contract.owner.team,
        is_critical=is_critical(contract.tier),
        target=promise.target,
        window=promise.window,
        title=promise.title,
        origin=contract.path,
    )


def _wide(promise: _Promise, subject: str, *, domain: str, owner: str) -> Objective:
    return Objective(
        id=f"{promise.sli}.{subject}",
        sli=promise.sli,
        subject=subject,
        domain=domain,
        owner=owner,
        is_critical=promise.sli in WAKES,
        target=promise.target,
        window=promise.window,
        title=promise.title,
        origin="defaults of the platform",
    )
