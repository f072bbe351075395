"""Putting charges together under names: of datasets, domains, owners, cost centres, or one cost tag's values."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from data_platform.costs.charges import ADDED, Charge
from data_platform.costs.ownership import domain_of
from data_platform.errors import ConfigurationError

WAYS = ("dataset", "domain", "owner", "cost_centre")
TAG = "tag:"
NOBODY = "untagged"


def naming(by: str) -> Callable[[Charge], str]:
    """What a charge is called under a way of showing costs: one of `WAYS`, or `tag:<key>`.

    Raises:
        ConfigurationError: there is no such way.
    """
    if by.startswith(TAG) and len(by) > len(TAG):
        key = by.removeprefix(TAG)
        return lambda charge: charge.tags.get(key) or _unnamed(charge)
    match by:
        case "dataset":
            return lambda charge: charge.dataset
        case "domain":
            return lambda charge: domain_of(charge.dataset) or NOBODY
        case "owner":
            return lambda charge: charge.owner or _unnamed(charge)
        case "cost_centre":
            return lambda charge: charge.cost_centre or _unnamed(charge)
    raise ConfigurationError(f"costs cannot be shown by {by!r}; use one of: {', '.join(WAYS)}, {TAG}<key>")


def _unnamed(charge: Charge) -> str:
    return domain_of(charge.dataset) if charge.is_shared else NOBODY


def grouped(found: Sequence[Charge], name_of: Callable[[Charge], str]) -> list[tuple[str, list[Charge]]]:
    """The charges of each name, by name."""
    groups: dict[str, list[Charge]] = {}
    for charge in found:
        groups.setdefault(name_of(charge), []).append(charge)
    return sorted(groups.items())


def merged(found: Sequence[Charge]) -> Charge:
    """All of them as one, under no name."""
    sums = {name: sum((getattr(charge, name) for charge in found), nothing) for name, nothing in ADDED.items()}
    return Charge(dataset="", **sums)
