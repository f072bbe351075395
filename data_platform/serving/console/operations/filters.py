"""The filter that goes from page to page in the address: domain, owner, dataset and tier.

What passes it is asked of the `Holdings`, which knows who answers for which dataset.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Annotated, TypeVar

from fastapi import Depends
from starlette.datastructures import URL

from data_platform.contracts.domains import Project
from data_platform.contracts.model import DatasetName

_AnyT = TypeVar("_AnyT")
PAGE = 50  # rows of a table at once


@dataclass(frozen=True, slots=True, kw_only=True)
class Filter:
    """What a page is narrowed to; empty is everything."""

    domain: str = ""
    owner: str = ""
    dataset: str = ""
    tier: str = ""

    @property
    def chosen(self) -> Mapping[str, str]:
        """The narrowings that are set, by name."""
        return {name: value for name, value in asdict(self).items() if value}

    def href(self, path: str, **more: object) -> str:
        """An address with this filter kept; `more` wins over it, and empty values are left out."""
        query = dict(self.chosen) | {name: str(value) for name, value in more.items() if value is not None}
        kept = {name: value for name, value in query.items() if value}
        return str(URL(path).include_query_params(**kept)) if kept else path

    def without(self, path: str, name: str) -> str:
        """The same address with one narrowing taken away."""
        return self.href(path, **{name: ""})


def asked(domain: str = "", owner: str = "", dataset: str = "", tier: str = "") -> Filter:
    """The filter that an address says."""
    return Filter(domain=domain.strip(), owner=owner.strip(), dataset=dataset.strip(), tier=tier.strip())


Asked = Annotated[Filter, Depends(asked)]


@dataclass(frozen=True, slots=True, kw_only=True)
class Holding:
    """Who answers for a dataset, and how much hangs on it."""

    domain: str = ""
    owner: str = ""
    tier: str = ""


class Holdings:
    """Every dataset of the project with its holding."""

    def __init__(self, project: Project) -> None:
        self.project = project
        self._by_dataset = {str(name): _holding(project, name) for name in project.datasets}
        self.domains = sorted({domain.name for domain in project.domains})
        self.owners = sorted({one.owner for one in self._by_dataset.values() if one.owner})
        self.tiers = sorted({one.tier for one in self._by_dataset.values() if one.tier})

    @property
    def datasets(self) -> Sequence[str]:
        """Their names."""
        return tuple(self._by_dataset)

    def of(self, dataset: str) -> Holding:
        """A dataset's holding; of one that the project does not have, what its name says."""
        known = self._by_dataset.get(dataset)
        parts = dataset.split(".")
        return known or Holding(domain=parts[1] if len(parts) > 1 else "")

    def passes(self, narrowed: Filter, dataset: str, *, domain: str = "", owner: str = "") -> bool:
        """Whether something about a dataset is wanted; `domain` and `owner` speak for what is about no dataset."""
        if not narrowed.chosen:
            return True
        own = self.of(dataset)
        is_named = dataset == narrowed.dataset if narrowed.dataset in self._by_dataset else narrowed.dataset in dataset
        return (
            narrowed.domain in ("", own.domain or domain)
            and narrowed.owner in ("", own.owner or owner, owner)
            and narrowed.tier in ("", own.tier)
            and (not narrowed.dataset or is_named)
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Slice:
    """Some rows of many.

    Attributes:
        number: of this page, counted from one.
        first: the place of the first row, counted from one; 0 where there is none.
        back, on: the numbers of the pages around this one; None at the ends.
    """

    rows: Sequence[object]
    total: int
    number: int
    first: int
    back: int | None
    on: int | None


def sliced(
    rows: Iterable[_AnyT], page: int, *, size: int = PAGE, shown: Callable[[_AnyT], object] | None = None
) -> Slice:
    """Page `page`, counted from one, of rows; beyond the end the last one. `shown` makes a row what a page shows."""
    listed = list(rows)
    last = max(1, -(-len(listed) // size))
    number = min(max(page, 1), last)
    start = (number - 1) * size
    return Slice(
        rows=[shown(row) if shown else row for row in listed[start : start + size]],
        total=len(listed),
        number=number,
        first=start + 1 if listed else 0,
        back=number - 1 if number > 1 else None,
        on=number + 1 if number < last else None,
    )


def _holding(project: Project, name: DatasetName) -> Holding:
    contract = project.datasets[name].contract
    return Holding(domain=name.domain, owner=contract.owner.team, tier=contract.tier)
