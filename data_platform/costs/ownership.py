"""Who answers and pays for a dataset, by contract and domain, and what is missing for that."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType

from data_platform.contracts.domains import PLATFORM_DOMAIN, Project
from data_platform.contracts.model import Contract, DatasetName

COST_CENTRE_TAG = "cost_centre"


@dataclass(frozen=True, slots=True, kw_only=True)
class Ownership:
    """Who answers for what was used; empty words where nobody said.

    Attributes:
        owner: the contract's team.
        cost_centre: the contract's cost tag of that name, else the domain's.
        tags: the contract's cost tags.
    """

    owner: str = ""
    cost_centre: str = ""
    tags: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}))


def ownership_of(project: Project, dataset: str) -> Ownership:
    """Who answers for a dataset; nobody where the project does not know it."""
    try:
        name = DatasetName.parse(dataset)
    except ValueError:
        return Ownership()
    known = project.datasets.get(name)
    if known is None:
        return Ownership()
    tags = dict(known.contract.cost_tags)
    centres = [domain.cost_centre for domain in project.domains if domain.name == name.domain]
    centre = tags.get(COST_CENTRE_TAG) or next(iter(centres), "")
    return Ownership(owner=known.contract.owner.team, cost_centre=centre, tags=tags)


def domain_of(dataset: str) -> str:
    """The domain in a dataset's name; `platform` for platform work, empty for what is no dataset's."""
    if dataset == PLATFORM_DOMAIN or dataset.startswith(f"{PLATFORM_DOMAIN}."):
        return PLATFORM_DOMAIN
    parts = dataset.split(".")
    return parts[1] if len(parts) == 3 else ""


def untagged(contract: Contract, *, cost_centre: str | None = None) -> list[str]:
    """What a contract lacks for its costs to be charged to somebody, in words; nothing where it lacks nothing.

    Args:
        contract: of the dataset.
        cost_centre: the domain's; None where it is not to be judged.
    """
    tags = dict(contract.cost_tags)
    missing = []
    if not contract.owner.team.strip():
        missing.append("no owner: add team.name")
    if not tags:
        missing.append("no cost tags: add customProperties platform.cost_tags, for example {product: shop}")
    missing += [f"cost tag {key!r} is empty: give it a value" for key, value in tags.items() if not value.strip()]
    if cost_centre is not None and not (tags.get(COST_CENTRE_TAG, "") or cost_centre).strip():
        missing.append("no cost centre: add cost_centre to domain.yaml")
    return missing
