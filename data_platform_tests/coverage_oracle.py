"""How much of the served layer is traced, worked out from contracts and queries alone: what the catalog, which works it
out from events, is held against.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass

from data_platform.contracts.model import DatasetName, Layer
from data_platform.lineage.facts import ColumnLineage, SourceColumn
from data_platform.lineage.project_lineage import ProjectLineage


@dataclass(frozen=True, slots=True, kw_only=True)
class Coverage:
    """Of one domain's served columns those with a full path to raw.

    Attributes:
        unresolved: the others, as `<layer>.<domain>.<dataset>.<column>`.
    """

    domain: str
    columns: int
    unresolved: tuple[str, ...]

    @property
    def traced(self) -> int:
        """Columns with a full path."""
        return self.columns - len(self.unresolved)

    @property
    def ratio(self) -> float:
        """From 0 to 1; 1 where there is nothing to trace."""
        return self.traced / self.columns if self.columns else 1.0


def coverage(lineage: ProjectLineage, *, layer: Layer = Layer.SERVED) -> tuple[Coverage, ...]:
    """The coverage of each domain that has datasets in the layer, by name.

    A column has a full path where everything that bears on its value is a column of a raw dataset, or has a full path
    itself. A value made of no column (a count of rows) has one where all that bears on the rows has.
    """
    paths = _Paths(lineage)
    columns: dict[str, list[tuple[str, bool]]] = defaultdict(list)
    for name, dataset in lineage.project.datasets.items():
        if name.layer is layer:
            for column in dataset.contract.columns:
                columns[name.domain].append((f"{name}.{column.name}", paths.is_full(name, column.name)))
    return tuple(
        Coverage(domain=domain, columns=len(found), unresolved=tuple(text for text, is_full in found if not is_full))
        for domain, found in sorted(columns.items())
    )


class _Paths:
    def __init__(self, lineage: ProjectLineage) -> None:
        self._lineage = lineage
        self._found: dict[tuple[DatasetName, str], bool] = {}

    def is_full(self, name: DatasetName, column: str) -> bool:
        key = (name, column.lower())
        if key not in self._found:
            self._found[key] = False  # for a column that would come from itself
            self._found[key] = self._is_full(name, column)
        return self._found[key]

    def _is_full(self, name: DatasetName, column: str) -> bool:
        dataset = self._lineage.project.datasets.get(name)
        if dataset is None:
            return False
        if name.layer is Layer.RAW:
            return any(c.name.lower() == column.lower() for c in dataset.contract.columns) or column.startswith("_")
        lineage = self._lineage.of(name)
        edges = next((found for known, found in lineage.edges.items() if known.lower() == column.lower()), None)
        if edges is None:
            return False
        return self._are_full(edge.source for edge in edges) if edges else self._are_rows_full(lineage)

    def _are_rows_full(self, lineage: ColumnLineage) -> bool:
        return lineage.is_rows_known and self._are_full(edge.source for edge in lineage.rows)

    def _are_full(self, sources: Iterable[SourceColumn]) -> bool:
        return all(not source.namespace and self._is_source_full(source) for source in set(sources))

    def _is_source_full(self, source: SourceColumn) -> bool:
        try:
            return self.is_full(DatasetName.parse(source.table), source.column)
        except ValueError:
            return False
