"""The estate of a project: what incidents need to know of its contracts."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial

from data_platform.contracts.domains import Project
from data_platform.incidents.model import DatasetInfo, Estate
from data_platform.observability.slis.due import days_due


def estate_of(project: Project, upstream: Mapping[str, tuple[str, ...]]) -> Estate:
    """Who answers for every dataset of a project, and who reads whom."""
    domains = {domain.name: domain for domain in project.domains}
    datasets = {}
    for name, dataset in project.datasets.items():
        domain, contract = domains.get(name.domain), dataset.contract
        datasets[str(name)] = DatasetInfo(
            name=str(name),
            domain=name.domain,
            team=contract.owner.team,
            on_call=domain.on_call if domain else "",
            tier=contract.tier,
            runbooks=str(domain.path / "runbooks") if domain else "",
            days_due=partial(days_due, contract),
        )
    return Estate(
        datasets=datasets,
        upstream=upstream,
        on_call={domain.name: domain.on_call for domain in project.domains},
        teams={domain.name: domain.team for domain in project.domains},
    )
