"""How much of the served layer is traced: columns with a full path to raw, as the events tell it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from weakref import WeakKeyDictionary

from data_platform.catalog.event import WHOLE
from data_platform.contracts.schema import LANDING_COLUMNS
from data_platform.lineage.names import PLATFORM
from data_platform.metastore.catalog import CatalogStore
from data_platform.metastore.catalog_reads import DatasetLine
from data_platform.metastore.database import Transaction

_CONSTANT = 0
_PAGE = 500


@dataclass(frozen=True, slots=True, kw_only=True)
class DomainCoverage:
    """One domain's served columns.

    Attributes:
        untraced: those without a full path, as `dataset.column`.
        undescribed: datasets of which no columns are known.
    """

    domain: str
    columns: int
    untraced: tuple[str, ...]
    undescribed: tuple[str, ...] = ()

    @property
    def traced(self) -> int:
        """Columns with a full path."""
        return self.columns - len(self.untraced)

    @property
    def ratio(self) -> float | None:
        """From 0 to 1; None where there is nothing to trace."""
        return self.traced / self.columns if self.columns else None

    @property
    def is_full(self) -> bool:
        """Whether the columns of every dataset are known, and all have a full path."""
        return not self.untraced and not self.undescribed


# by store and layer, with the number of the newest event then: it takes seconds for 80,000 columns, and pages show it
_KNOWN: WeakKeyDictionary[CatalogStore, dict[str, tuple[int, tuple[DomainCoverage, ...]]]] = WeakKeyDictionary()


def column_coverage(store: CatalogStore, *, layer: str = "served") -> tuple[DomainCoverage, ...]:
    """The coverage of each domain that has datasets in the layer, by name; found once for each state of the catalog.

    A column has a full path where every column that bears on its value is in the schema of a raw dataset or of a source
    outside the platform, or has a full path itself; of sources outside that have no schema, what was told is taken. A
    value made of no column has one where all that bears on its rows has.
    """
    known = _KNOWN.setdefault(store, {})
    with store.reading() as tx:
        newest = store.events.newest(tx=tx)
        if layer not in known or known[layer][0] != newest:
            known[layer] = (newest, _coverage(store, layer, tx))
    return known[layer][1]


def _coverage(store: CatalogStore, layer: str, tx: Transaction) -> tuple[DomainCoverage, ...]:
    datasets = _datasets(store, f"{layer}.", tx)
    paths = _Paths(store, tx, set(datasets))
    columns = store.reads.columns_of(datasets, tx=tx)
    found: dict[str, list[tuple[str, bool]]] = {}
    undescribed: dict[str, list[str]] = {}
    for one, dataset in datasets.items():
        domain = dataset.name.split(".")[1] if "." in dataset.name else ""
        its = found.setdefault(domain, [])
        its.extend((f"{dataset.name}.{column}", paths.is_full((one, column))) for column in columns.get(one, ()))
        if one not in columns:
            undescribed.setdefault(domain, []).append(dataset.name)
    return tuple(
        DomainCoverage(
            domain=domain,
            columns=len(its),
            untraced=tuple(name for name, is_full in its if not is_full),
            undescribed=tuple(undescribed.get(domain, ())),
        )
        for domain, its in sorted(found.items())
    )


def _datasets(store: CatalogStore, prefix: str, tx: Transaction) -> dict[int, DatasetLine]:
    found: dict[int, DatasetLine] = {}
    after: tuple[str, str] | None = None
    while page := store.reads.page(namespace=PLATFORM, prefix=prefix, after=after, limit=_PAGE, tx=tx):
        found.update({line.id: line for line in page})
        after = (page[-1].name, page[-1].namespace)
    return found


@dataclass(slots=True)
class _Sources:
    """Where one dataset's columns come from."""

    values: dict[str, set[tuple[int, str]]] = field(default_factory=dict)
    rows: set[tuple[int, str]] = field(default_factory=set)
    constants: set[str] = field(default_factory=set)


class _Paths:
    """The edges upstream of datasets, read level by level, and which columns they lead to an origin."""

    def __init__(self, store: CatalogStore, tx: Transaction, start: set[int]) -> None:
        self._sources: dict[int, _Sources] = {}
        self._full: dict[tuple[int, str], bool] = {}
        self._is_origin: dict[int, bool] = {}
        self._origins: dict[int, frozenset[str] | None] = {}
        level = set(start)
        while level:
            lines: Mapping[int, DatasetLine] = store.reads.datasets(level, tx=tx)
            self._is_origin.update({one: _is_origin(line) for one, line in lines.items()})
            self._origins.update(_origins(store, lines, tx))
            inner = {one for one in level if not self._is_origin.get(one, False)}
            steps = store.graph.column_steps(sorted(inner), direction="up", tx=tx)
            for source, source_column, target, column, _ in steps:
                sources = self._sources.setdefault(target, _Sources())
                if source == _CONSTANT:
                    sources.constants.add(column)
                elif column == WHOLE:
                    sources.rows.add((source, source_column))
                else:
                    sources.values.setdefault(column, set()).add((source, source_column))
            ahead = {
                source
                for one in inner
                for its in ([self._sources[one]] if one in self._sources else [])
                for source, _ in (*its.rows, *(pair for pairs in its.values.values() for pair in pairs))
            }
            level = ahead - self._is_origin.keys()

    def is_full(self, node: tuple[int, str]) -> bool:
        """Whether a column has a full path; the walk keeps its own stack, so that long chains are no matter."""
        stack = [node]
        while stack:
            at = stack[-1]
            needed = self._needed(at)
            if self._full.get(at):
                stack.pop()
                continue
            if at not in self._full:
                self._full[at] = False  # for a column that would come from itself
                waiting = [one for one in needed or () if one not in self._full]
                if waiting:
                    stack.extend(waiting)
                    continue
            self._full[at] = needed is not None and all(self._full.get(one, False) for one in needed)
            stack.pop()
        return self._full[node]

    def _needed(self, node: tuple[int, str]) -> set[tuple[int, str]] | None:
        """The columns that must have a full path; None where nothing is known."""
        dataset, column = node
        if self._is_origin.get(dataset, False):
            known = self._origins[dataset]
            return set() if known is None or column.lower() in known else None
        sources = self._sources.get(dataset)
        if sources is None:
            return None
        if column in sources.values:
            return sources.values[column]
        return sources.rows if column in sources.constants else None


def _origins(
    store: CatalogStore, lines: Mapping[int, DatasetLine], tx: Transaction
) -> dict[int, frozenset[str] | None]:
    """The columns of those datasets that are origins, in lower case as queries may name them; None for any."""
    origins = {one: line for one, line in lines.items() if _is_origin(line)}
    columns = store.reads.columns_of(origins, tx=tx)
    found: dict[int, frozenset[str] | None] = {}
    for one, line in origins.items():
        names = frozenset(name.lower() for name in columns.get(one, ()))
        if line.namespace == PLATFORM:
            found[one] = names | LANDING_COLUMNS if names else names
        else:
            found[one] = names or None
    return found


def _is_origin(dataset: DatasetLine) -> bool:
    return dataset.namespace != PLATFORM or dataset.name.startswith("raw.")
