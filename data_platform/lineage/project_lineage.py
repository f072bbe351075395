"""Column lineage of a project's datasets: what their SELECT says, and what the platform's own steps add to it.

Landing copies source fields into raw columns. `admit`, `merge` and `scd2` fold rows by key and sequence, hold back rows
that break a rule, and `scd2` adds three columns. Reading a SELECT is in `column_lineage`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace

from data_platform.contracts.domains import Dataset, Project
from data_platform.contracts.model import Contract, DatasetName, Layer, Materialization, Severity
from data_platform.contracts.rules import rules_of
from data_platform.contracts.schema import raw_schema
from data_platform.contracts.types import TypeKind
from data_platform.lineage.column_lineage import column_lineage, tables_of
from data_platform.lineage.facts import ColumnLineage, Edge, Influence, SourceColumn
from data_platform.lineage.lineage_cache import LineageCache
from data_platform.lineage.sources import external_name

_FOLDED = frozenset({Materialization.ADMIT, Materialization.MERGE, Materialization.SCD2})
_BY_KEY = frozenset({Materialization.MERGE, Materialization.SCD2})
_GENERATED = ("valid_from", "valid_to", "is_current")  # by scd2


@dataclass(frozen=True, slots=True)
class ProjectLineage:
    """The column lineage of every dataset of a project, each worked out when it is first asked for.

    Attributes:
        declared: of datasets without a SELECT, as their authors state it.
        inputs_of: the datasets that a SELECT reads, where somebody has read it already; otherwise it is parsed here.
        cache: what earlier processes worked out.
    """

    project: Project
    declared: Mapping[DatasetName, ColumnLineage] = field(default_factory=dict)
    inputs_of: Callable[[DatasetName], tuple[DatasetName, ...]] | None = None
    cache: LineageCache | None = None
    _known: dict[DatasetName, ColumnLineage] = field(default_factory=dict, repr=False, compare=False)

    def of(self, name: DatasetName) -> ColumnLineage:
        """The lineage of a dataset's contract columns; a dataset that the project lacks has none."""
        if name not in self._known:
            dataset = self.project.datasets.get(name)
            self._known[name] = self._of(dataset) if dataset is not None else ColumnLineage(edges={})
        return self._known[name]

    def inputs(self, name: DatasetName) -> tuple[DatasetName, ...]:
        """The datasets of the project that a dataset reads, by name."""
        dataset = self.project.datasets.get(name)
        if dataset is None:
            return ()
        if dataset.sql_text is not None:
            return self.inputs_of(name) if self.inputs_of else tuple(sorted(_datasets(tables_of(dataset.sql_text))))
        stated = self.declared.get(name)
        return tuple(sorted(_datasets({e.source.table for e in _all_edges(stated)}))) if stated else ()

    def _of(self, dataset: Dataset) -> ColumnLineage:
        outputs = [column.name for column in dataset.contract.columns]
        if dataset.name.layer is Layer.RAW:
            return self._landed(dataset.contract)
        if dataset.sql_text is not None:
            read = [self.project.datasets[n].contract for n in self.inputs(dataset.name) if n in self.project.datasets]
            key = (dataset.contract.sha256, dataset.sql_text, *(contract.sha256 for contract in read))
            kept = self.cache.get(*key) if self.cache else None
            lineage = kept or lineage_of(dataset.contract, dataset.sql_text, read)
            if self.cache and kept is None:
                self.cache.put(lineage, *key)
            return lineage
        unknown = ColumnLineage(edges={}, unresolved=tuple(outputs), is_rows_known=False)
        return self.declared.get(dataset.name, unknown)

    def _landed(self, contract: Contract) -> ColumnLineage:
        """Each raw column is the field of the same name, or of its first alias, of every source that fills it."""
        sources = [external_name(entry) for entry in self.project.connectors_of(contract.name)]
        edges = {
            column.name: frozenset(
                Edge(SourceColumn(s.name, next(iter(column.aliases), column.name), s.namespace), Influence.IDENTITY)
                for s in sources
            )
            for column in contract.columns
        }
        if not sources:
            return ColumnLineage(edges={}, unresolved=tuple(edges), is_rows_known=False)
        return ColumnLineage(edges=edges)


def lineage_of(contract: Contract, sql: str, read: Sequence[Contract]) -> ColumnLineage:
    """What a dataset's SELECT over the contracts in `read` says, with what its materialization adds."""
    schemas = {str(each.name): _columns(each) for each in read}
    traced = column_lineage(sql, schemas=schemas, outputs=[column.name for column in contract.columns])
    is_folded = contract.materialization in _FOLDED and len(read) == 1
    return _with_own_steps(traced, contract, read[0]) if is_folded else traced


def _with_own_steps(traced: ColumnLineage, contract: Contract, raw: Contract) -> ColumnLineage:
    own = _OwnSteps(traced, contract, raw)
    edges = {**traced.edges, **own.generated()}
    return replace(
        traced,
        edges={column.name: edges[column.name] for column in contract.columns if column.name in edges},
        rows=traced.rows | frozenset(own.rows()),
        unresolved=tuple(name for name in traced.unresolved if name not in edges),
    )


@dataclass(frozen=True, slots=True)
class _OwnSteps:
    """What folding and holding back rows adds to the lineage of a one-to-one SELECT over one raw dataset."""

    traced: ColumnLineage
    contract: Contract
    raw: Contract

    def rows(self) -> Iterator[Edge]:
        contract = self.contract
        key = contract.primary_key if contract.materialization in _BY_KEY else contract.dedupe_key
        yield from self._through([n for n in key if n not in _GENERATED], Influence.GROUP_BY)
        if contract.materialization is Materialization.SCD2:  # equal successors become one
            yield from self._through(self.traced.edges, Influence.GROUP_BY)
        yield from self._through(contract.sequence, Influence.SORT)
        yield from self._through([contract.deletes.column] if contract.deletes else [], Influence.FILTER)
        yield from self._through(_judged(contract), Influence.FILTER)
        late = [self.raw.watermark] if self.raw.watermark else []
        for name in {*_judged(self.raw), *late}:
            yield self._raw(name, Influence.FILTER)

    def generated(self) -> dict[str, frozenset[Edge]]:
        """The columns that scd2 adds: a state holds from its moment on, until that of the key's next one."""
        if self.contract.materialization is not Materialization.SCD2:
            return {}
        begins = frozenset(self._through(self.contract.sequence, Influence.TRANSFORMATION))
        if self.raw.watermark and not self._is_ordered_by_time():
            begins |= {self._raw(self.raw.watermark, Influence.TRANSFORMATION)}
        key = [name for name in self.contract.primary_key if name not in _GENERATED]
        ends = begins | frozenset(self._through(key, Influence.WINDOW))
        return {"valid_from": begins, "valid_to": ends, "is_current": ends}

    def _is_ordered_by_time(self) -> bool:
        first = self.contract.sequence[:1]
        columns = (*self.contract.columns, *self.raw.columns)
        return any(c.name in first and c.type.kind in (TypeKind.TIMESTAMP, TypeKind.DATE) for c in columns)

    def _through(self, names: Iterable[str], how: Influence) -> Iterator[Edge]:
        for name in names:
            if name in self.traced.edges:
                yield from (edge.through(how) for edge in self.traced.edges[name])
            elif any(column.name == name for column in self.raw.columns):  # borrowed from raw
                yield self._raw(name, how)

    def _raw(self, name: str, how: Influence) -> Edge:
        return Edge(SourceColumn(str(self.raw.name), name), how)


def _judged(contract: Contract) -> set[str]:
    """Columns whose values can hold a row back."""
    own = {column.name for column in contract.columns}
    rules = [r for r in rules_of(contract) if r.kind.is_row_kind and r.severity is Severity.QUARANTINE]
    return {name for rule in rules for name in rule.columns if name in own}


def _columns(contract: Contract) -> list[str]:
    if contract.name.layer is Layer.RAW:
        return list(raw_schema(contract).names)
    return [column.name for column in contract.columns]


def _datasets(tables: Iterable[str]) -> Iterator[DatasetName]:
    for table in tables:
        try:
            yield DatasetName.parse(table)
        except ValueError:
            continue


def _all_edges(lineage: ColumnLineage) -> Iterator[Edge]:
    yield from lineage.rows
    for edges in lineage.edges.values():
        yield from edges
