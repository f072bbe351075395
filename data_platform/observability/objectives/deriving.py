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
from datetime import timedelta

from data_platform.contracts.domain_files import ConnectorEntry
from data_platform.contracts.domains import Project
from data_platform.contracts.model import Contract
from data_platform.contracts.tiers import is_critical
from data_platform.observability.objectives.durations import Duration
from data_platform.observability.objectives.model import PLATFORM, Objective
from data_platform.observability.objectives.windows import Window

DAY, WEEK, MONTH = Window(Duration(1, "d")), Window(Duration(7, "d")), Window(Duration(30, "d"))
_PLATFORM_WIDE = (
    ("pipeline_success", 0.999, WEEK, "Runs that were due and published"),
    ("processing_lag", 0.95, WEEK, "Batches available within the lag that is promised"),
    ("task_age", 0.95, WEEK, "Runs that began soon enough"),
    ("catalog_coverage", 0.95, MONTH, "Stored tables that a contract describes"),
    ("schema_compatibility", 0.999, MONTH, "Contract changes that went through the check"),
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
        yield _wide("pipeline_success", domain.name, domain=domain.name, owner=domain.team, target=0.999, window=WEEK)
    for sli, target, window, title in _PLATFORM_WIDE:
        yield _wide(sli, PLATFORM, domain="", owner=PLATFORM, target=target, window=window, title=title)


def _of_contract(contract: Contract) -> Iterator[Objective]:
    """What one contract promises."""
    promised, critical = contract.service_level, is_critical(contract.tier)
    if promised.latency is not None:
        stated = promised.availability_percent
        target = float(stated) / 100 if stated is not None else (0.995 if critical else 0.99)
        title = f"{contract.name} is at most {_spoken(promised.latency)} behind"
        yield _of("freshness", contract, target=min(target, 0.99999), window=MONTH, title=title)
    if promised.frequency is not None and promised.frequency > timedelta(0):
        target = feasible(0.999, MONTH, promised.frequency)
        title = f"{contract.name} is published every {_spoken(promised.frequency)}"
        yield _of("pipeline_success", contract, target=target, window=MONTH, title=title)


def feasible(target: float, window: Window, every: timedelta) -> float:
    """The target, or the highest that leaves room for one failure in a window with one event `every` so often.

    99.9 % of 30 runs would be spent by a thirtieth of a failure: an objective that says nothing but "never".
    """
    events = window.duration.seconds / every.total_seconds()
    return round(max(0.5, min(target, 1 - 1 / events)), 6) if events >= 1 else 0.5


def _of_connector(entry: ConnectorEntry, contract: Contract) -> Objective:
    critical = is_critical(contract.tier)
    title = f"{entry.name} is heard of in time"
    return _of(
        "connector_heartbeat", contract, target=0.999 if critical else 0.99, window=WEEK, title=title,
        subject=f"{entry.dataset}/{entry.name}",
    )  # fmt: skip


def _of_sources(contract: Contract) -> Objective:
    title = f"{contract.name} holds what its sources hold"
    return _of("completeness", contract, target=0.9995, window=DAY, title=title)


def _of(
    sli: str,
    contract: Contract,
    *,
    target: float,
    window: Window,
    title: str,
    subject: str = "",
) -> Objective:
    about = subject or str(contract.name)
    return Objective(
        id=f"{sli}.{about}",
        sli=sli,
        subject=about,
        domain=contract.name.domain,
        owner=contract.owner.team,
        is_critical=is_critical(contract.tier),
        target=target,
        window=window,
        title=title,
        origin=contract.path,
    )


def _wide(
    sli: str, subject: str, *, domain: str, owner: str, target: float, window: Window, title: str = ""
) -> Objective:
    return Objective(
        id=f"{sli}.{subject}",
        sli=sli,
        subject=subject,
        domain=domain,
        owner=owner,
        is_critical=sli in WAKES,
        target=target,
        window=window,
        title=title or f"Runs of {subject} that were due and published",
        origin="defaults of the platform",
    )


def _spoken(span: timedelta) -> str:
    seconds = int(span.total_seconds())
    for size, unit in ((86_400, "d"), (3_600, "h"), (60, "min")):
        if seconds % size == 0 and seconds >= size:
            return f"{seconds // size} {unit}"
    return f"{seconds} s"
