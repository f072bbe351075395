"""Who is hit if a dataset or a column changes or goes: everything downstream, with owners, contract and path.

A column hits a column (`direct`, or `indirect` through a condition), or the rows of a whole dataset through a filter,
a join or a grouping (`rows`), and with them those of what is made from it. Where a dataset is made from the one that is
hit but nobody told its columns, all of it counts as hit too, as `unresolved`.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from data_platform.catalog.event import WHOLE
from data_platform.catalog.naming import Named
from data_platform.catalog.walks import ColumnNode
from data_platform.metastore.catalog import CatalogStore
from data_platform.metastore.catalog_reads import DatasetLine
from data_platform.metastore.database import Transaction

_STRENGTH = {"direct": 2, "indirect": 1, "unresolved": 0}


@dataclass(frozen=True, slots=True, kw_only=True)
class Hit:
    """One dataset that is hit.

    Attributes:
        columns: those that are hit, in order of name; through the rows all that are known. Empty where all of the
            dataset is hit and nobody told its columns, or a whole dataset was asked about.
        computed: those of the columns whose values are made from it.
        kind: direct, indirect, rows or unresolved: how all of it is hit, or its columns most strongly.
        distance: steps from the start by the shortest way.
        path: datasets of that way, the start first, this one last.
    """

    dataset: DatasetLine
    columns: tuple[str, ...]
    computed: tuple[str, ...]
    kind: str
    distance: int
    path: tuple[DatasetLine, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Impact:
    """Everything downstream, the nearest first."""

    start: Named
    hits: tuple[Hit, ...]

    @property
    def owners(self) -> tuple[str, ...]:
        """Everybody to be asked, in order of name."""
        return tuple(sorted({owner for hit in self.hits for owner in hit.dataset.owners}))


@dataclass(slots=True)
class _Reached:
    """How a node was first reached: from where, in how many steps, how strongly."""

    origin: ColumnNode | None
    distance: int
    kind: str


def impact_of(store: CatalogStore, start: Named) -> Impact:
    """What lies downstream of a dataset, or of one of its columns."""
    with store.reading() as tx:
        first = (start.dataset.id, start.column or WHOLE)
        reached = {first: _Reached(None, 0, "direct")}
        level = {first}
        step = _column_step if start.column else _dataset_step
        while level:
            ahead: set[ColumnNode] = set()
            for origin, node, kind in step(store, level, tx):
                known = reached.get(node)
                strength = min(kind, reached[origin].kind, key=_STRENGTH.__getitem__)
                if known is None:
                    reached[node] = _Reached(origin, reached[origin].distance + 1, strength)
                    ahead.add(node)
                elif _STRENGTH[strength] > _STRENGTH[known.kind]:
                    known.kind = strength  # a longer way may be a stronger one: those behind it hear of it too
                    ahead.add(node)
            level = ahead
        lines = store.reads.datasets({dataset for dataset, _ in reached}, tx=tx)
        rows = {dataset for (dataset, column), how in reached.items() if column == WHOLE and how.kind == "indirect"}
        columns = store.reads.columns_of(rows, tx=tx)
    hits = [_hit(reached, nodes, lines, columns) for nodes in _by_dataset(reached, but=start.dataset.id)]
    in_order = sorted(hits, key=lambda hit: (hit.distance, hit.dataset.name, hit.dataset.namespace))
    return Impact(start=start, hits=tuple(in_order))


def _dataset_step(
    store: CatalogStore, level: set[ColumnNode], tx: Transaction
) -> Iterator[tuple[ColumnNode, ColumnNode, str]]:
    for source, target in sorted(store.graph.neighbours([one for one, _ in level], direction="down", tx=tx)):
        yield (source, WHOLE), (target, WHOLE), "direct"


def _column_step(
    store: CatalogStore, level: set[ColumnNode], tx: Transaction
) -> Iterator[tuple[ColumnNode, ColumnNode, str]]:
    columns: dict[int, list[str]] = {}
    for dataset, column in sorted(level):
        columns.setdefault(dataset, []).append(column)
    steps = store.graph.column_steps(sorted(columns), direction="down", tx=tx)
    told = {(source, target) for source, _, target, _, _ in steps}
    for source, column, target, target_column, kind in sorted(steps):
        for origin in columns[source]:
            if origin in (WHOLE, column):
                yield (source, origin), (target, target_column), kind
    edges = sorted(store.graph.edges(sorted(columns), direction="down", tx=tx))
    traced = store.graph.traced({(job, target) for _, target, job in edges}, tx=tx)
    for source, target, job in edges:
        # a job that tells its columns would have named this source; one that tells none may use any of them
        if (source, target) not in told and (job, target) not in traced:
            for origin in columns[source]:
                yield (source, origin), (target, WHOLE), "unresolved"
        elif WHOLE in columns[source]:  # other rows, so other rows here too, whatever the columns are made of
            yield (source, WHOLE), (target, WHOLE), "indirect"


def _by_dataset(reached: dict[ColumnNode, _Reached], *, but: int) -> Iterable[list[ColumnNode]]:
    found: dict[int, list[ColumnNode]] = {}
    for node in reached:
        if node[0] != but:
            found.setdefault(node[0], []).append(node)
    return found.values()


def _hit(
    reached: dict[ColumnNode, _Reached],
    nodes: list[ColumnNode],
    lines: dict[int, DatasetLine],
    columns: dict[int, list[str]],
) -> Hit:
    nearest = min(nodes, key=lambda node: (reached[node].distance, node))
    one = nearest[0]
    names = {column for _, column in nodes}
    computed = {column for _, column in nodes if reached[one, column].kind == "direct"} - {WHOLE}
    if WHOLE not in names:
        kind = max((reached[node].kind for node in nodes), key=_STRENGTH.__getitem__)
    else:  # all of it, whichever of its columns are hit on other ways
        kind = reached[one, WHOLE].kind
        kind = "rows" if kind == "indirect" else kind
        names = names.union(columns[one]) - {WHOLE} if one in columns else set()
    return Hit(
        dataset=lines[one],
        columns=tuple(sorted(names)),
        computed=tuple(sorted(computed)),
        kind=kind,
        distance=reached[nearest].distance,
        path=tuple(lines[step] for step in _path(reached, nearest)),
    )


def _path(reached: dict[ColumnNode, _Reached], node: ColumnNode) -> list[int]:
    path: list[int] = []
    at: ColumnNode | None = node
    while at is not None:
        if not path or path[-1] != at[0]:
            path.append(at[0])
        at = reached[at].origin
    return path[::-1]
