"""Everything that the page of one dataset shows: what events say, and for the platform's own datasets the ledger."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from data_platform.catalog.deriving import count_columns
from data_platform.catalog.history import History, history_of
from data_platform.catalog.walks import Walk, Walks
from data_platform.lineage.names import PLATFORM
from data_platform.metastore.batches import BatchEntry
from data_platform.metastore.catalog_derived import ColumnEdge, ColumnLine
from data_platform.metastore.catalog_reads import CatalogRun, DatasetLine
from data_platform.metastore.checks import CheckEntry
from data_platform.metastore.database import Transaction
from data_platform.metastore.engine import Metastore
from data_platform.metastore.partitions import PartitionEntry
from data_platform.metastore.runs import RunEntry

_MOST = 20


@dataclass(frozen=True, slots=True, kw_only=True)
class Source:
    """One column that a column is made of."""

    dataset: DatasetLine
    column: str
    kind: str
    subtype: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Ledger:
    """What the platform itself recorded of a dataset, newest first.

    Attributes:
        partitions: newest line of each of the last partitions.
        newest_event_time: how fresh the data is; None where nothing has a time.
    """

    runs: tuple[RunEntry, ...]
    checks: tuple[CheckEntry, ...]
    partitions: tuple[PartitionEntry, ...]
    batches: tuple[BatchEntry, ...]
    newest_event_time: datetime | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """One dataset.

    Attributes:
        facets, input_facets, output_facets: by name, as they came last.
        sources: by column, none for a column that is made of no other; under the empty name what influences all of
            the dataset.
        traced: the lineage facets by the job (namespace and name with a space between) that told them; empty for none.
        around: one step both ways.
        writers: jobs (namespace, name).
        columns_left_out: of the schema, since the catalog keeps only the first of very many.
        runs: those that wrote it, and those of its writers that failed before they said what they write.
        ledger: None for datasets that are not the platform's.
    """

    dataset: DatasetLine
    columns: tuple[ColumnLine, ...]
    columns_left_out: int
    sources: Mapping[str, tuple[Source, ...]]
    facets: Mapping[str, Any]
    input_facets: Mapping[str, Any]
    output_facets: Mapping[str, Any]
    traced: Mapping[str, Mapping[str, Any]]
    around: Walk
    writers: tuple[tuple[str, str], ...]
    runs: tuple[CatalogRun, ...]
    history: History
    ledger: Ledger | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Entries:
    """Pages of datasets."""

    metastore: Metastore

    def of(self, dataset: DatasetLine) -> Entry:
        """The entry of a dataset."""
        store = self.metastore.catalog
        with store.reading() as tx:
            writers = store.reads.writers(dataset.id, tx=tx)
            edges = store.graph.column_edges([dataset.id], direction="up", tx=tx)
            columns, facets = store.reads.columns(dataset.id, tx=tx), self._facets("dataset", dataset.id, tx)
            return Entry(
                dataset=dataset,
                columns=columns,
                columns_left_out=count_columns(facets) - len(columns),
                sources=self._sources(edges, tx),
                facets=facets,
                input_facets=self._facets("input", dataset.id, tx),
                output_facets=self._facets("output", dataset.id, tx),
                traced=self._traced(dataset.id, tx),
                around=Walks(store=store).datasets(dataset.id, up=1, down=1, limit=200, tx=tx),
                writers=tuple((namespace, name) for _, namespace, name in writers),
                runs=store.reads.runs_of_dataset(dataset.id, limit=_MOST, tx=tx),
                history=history_of(store, dataset.id, versions=_MOST, tx=tx),
                ledger=self._ledger(dataset.name, tx) if dataset.namespace == PLATFORM else None,
            )

    def _facets(self, kind: str, dataset_id: int, tx: Transaction) -> dict[str, Any]:
        lines = self.metastore.catalog.reads.facets(kind, subject_id=dataset_id, tx=tx)
        return {line.name: json.loads(line.body) for line in lines if line.body is not None}

    def _traced(self, dataset_id: int, tx: Transaction) -> dict[str, dict[str, Any]]:
        outputs = self.metastore.catalog.reads.outputs(dataset_id, tx=tx)
        found = {" ".join(key).strip(): self._facets("written", one, tx) for one, key in outputs}
        return {job: facets for job, facets in found.items() if facets}

    def _sources(self, edges: list[ColumnEdge], tx: Transaction) -> dict[str, tuple[Source, ...]]:
        datasets = self.metastore.catalog.reads.datasets({edge.src_id for edge in edges if edge.src_id}, tx=tx)
        found: dict[str, dict[Source, None]] = {}
        for edge in sorted(edges, key=lambda e: (e.dst_column, e.kind, e.src_id, e.src_column, e.subtype)):
            if not edge.src_id:
                found.setdefault(edge.dst_column, {})
            elif edge.src_id in datasets:
                source = Source(
                    dataset=datasets[edge.src_id], column=edge.src_column, kind=edge.kind, subtype=edge.subtype
                )
                found.setdefault(edge.dst_column, {})[source] = None
        return {column: tuple(sources) for column, sources in found.items()}

    def _ledger(self, name: str, tx: Transaction) -> Ledger:
        metastore = self.metastore
        partitions = metastore.partitions.history(name, limit=_MOST, tx=tx)
        return Ledger(
            runs=metastore.runs.recent(dataset=name, limit=_MOST, tx=tx),
            checks=metastore.checks.latest(name, tx=tx),
            partitions=partitions,
            batches=metastore.batches.of(name, limit=_MOST, tx=tx),
            newest_event_time=metastore.event_dates.newest(name, tx=tx),
        )
