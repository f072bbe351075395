"""Lineage as a graph around a dataset or a column: level by level, each node once, so that cycles end."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, TypeAlias

from data_platform.catalog.event import WHOLE
from data_platform.catalog.naming import Named
from data_platform.metastore.catalog import CatalogStore
from data_platform.metastore.catalog_derived import ColumnEdge
from data_platform.metastore.catalog_graph import Direction
from data_platform.metastore.catalog_reads import DatasetLine
from data_platform.metastore.database import Transaction

MOST_NODES = 2_000
MOST_STEPS = 100  # that people and programs may ask for
Way: TypeAlias = Literal["both", "up", "down"]
ColumnNode: TypeAlias = tuple[int, str]  # (dataset id, column); an empty column is all of the dataset


@dataclass(frozen=True, slots=True, kw_only=True)
class Edge:
    """Data of `source` goes into `target` through a job (namespace, name)."""

    source: int
    target: int
    job: tuple[str, str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Walk:
    """A part of the graph.

    Attributes:
        nodes: datasets by id.
        distances: levels from the start by dataset id; against the flow negative.
        is_cut: whether there is more than the walk was allowed to bring.
    """

    start: int
    nodes: dict[int, DatasetLine]
    distances: dict[int, int]
    edges: tuple[Edge, ...]
    is_cut: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class ColumnWalk:
    """The same for columns; `nodes` are the datasets of the columns in `distances`."""

    start: ColumnNode
    nodes: dict[int, DatasetLine]
    distances: dict[ColumnNode, int]
    edges: tuple[ColumnEdge, ...]
    is_cut: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Walks:
    """Walks over the catalog's graph."""

    store: CatalogStore

    def around(self, named: Named, *, way: Way, depth: int) -> Walk | ColumnWalk:
        """What lies within `depth` levels of a dataset, or of its column if one is named."""
        up, down = depth * (way != "down"), depth * (way != "up")
        if named.column is None:
            return self.datasets(named.dataset.id, up=up, down=down)
        return self.columns((named.dataset.id, named.column), up=up, down=down)

    def datasets(
        self, start: int, *, up: int = 0, down: int = 0, limit: int = MOST_NODES, tx: Transaction | None = None
    ) -> Walk:
        """The datasets within `up` levels against the flow and `down` levels with it, at most `limit`."""
        distances, found, is_cut = {start: 0}, set(), False
        for direction, depth in _ways(up, down):
            edges, cut = self._levels(start, direction, depth, distances, limit, tx)
            found |= edges
            is_cut = is_cut or cut
        jobs = self.store.graph.jobs({job for _, _, job in found}, tx=tx)
        return Walk(
            start=start,
            nodes=self.store.reads.datasets(distances, tx=tx),
            distances=distances,
            edges=tuple(Edge(source=s, target=t, job=jobs.get(job, ("", ""))) for s, t, job in sorted(found)),
            is_cut=is_cut,
        )

    def columns(
        self, start: ColumnNode, *, up: int = 0, down: int = 0, limit: int = MOST_NODES, tx: Transaction | None = None
    ) -> ColumnWalk:
        """The same for a column. What influences all of a dataset influences each of its columns."""
        distances: dict[ColumnNode, int] = {start: 0}
        edges: dict[ColumnEdge, None] = {}
        is_cut = False
        for direction, depth in _ways(up, down):
            is_cut |= self._column_levels(start, direction, depth, (distances, edges), limit, tx)
        return ColumnWalk(
            start=start,
            nodes=self.store.reads.datasets({dataset for dataset, _ in distances}, tx=tx),
            distances=distances,
            edges=tuple(edges),
            is_cut=is_cut,
        )

    def _levels(
        self,
        start: int,
        direction: Direction,
        depth: int,
        distances: dict[int, int],
        limit: int,
        tx: Transaction | None,
    ) -> tuple[set[tuple[int, int, int]], bool]:
        far = 0 if direction == "up" else 1
        sign = -1 if direction == "up" else 1
        level, seen, found = {start}, {start}, set()
        for step in range(1, depth + 1):
            edges = self.store.graph.edges(sorted(level), direction=direction, tx=tx)
            ahead = sorted({edge[far] for edge in edges} - seen)
            room = max(0, limit - len(distances))
            allowed = set(ahead[:room])
            seen |= allowed
            found |= {(s, t, job) for s, t, job in edges if s in seen and t in seen}
            for one in allowed:
                distances.setdefault(one, sign * step)
            if len(ahead) > room:
                return found, True
            level = allowed
            if not level:
                break
        return found, False

    def _column_levels(
        self,
        start: ColumnNode,
        direction: Direction,
        depth: int,
        found: tuple[dict[ColumnNode, int], dict[ColumnEdge, None]],
        limit: int,
        tx: Transaction | None,
    ) -> bool:
        distances, edges = found
        sign = -1 if direction == "up" else 1
        level, seen = {start}, {start}
        for step in range(1, depth + 1):
            ways: dict[ColumnEdge, ColumnNode] = {}
            by_dataset: dict[int, set[str]] = {}
            for dataset, column in level:
                by_dataset.setdefault(dataset, set()).add(column)
            for edge in self.store.graph.column_edges(sorted(by_dataset), direction=direction, tx=tx):
                if _is_on_the_way(edge, by_dataset, direction):
                    ways[edge] = (edge.src_id, edge.src_column) if direction == "up" else (edge.dst_id, edge.dst_column)
            ahead = sorted({node for node in ways.values() if node[0]} - seen)  # constants are made of nothing
            room = max(0, limit - len(distances))
            level = set(ahead[:room])
            seen |= level
            edges.update({edge: None for edge, node in ways.items() if node in seen or not node[0]})
            for node in level:
                distances.setdefault(node, sign * step)
            if len(ahead) > room:
                return True
            if not level:
                break
        return False


def _ways(up: int, down: int) -> tuple[tuple[Direction, int], ...]:
    return (("up", up), ("down", down))


def _is_on_the_way(edge: ColumnEdge, by_dataset: dict[int, set[str]], direction: Direction) -> bool:
    if direction == "up":
        asked = by_dataset[edge.dst_id]
        return edge.dst_column in asked or edge.dst_column == WHOLE or WHOLE in asked
    asked = by_dataset[edge.src_id]
    return edge.src_column in asked or WHOLE in asked
