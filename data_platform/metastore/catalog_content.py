"""Everything that the catalog's tables hold, in names instead of numbers: for comparing two catalogs."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import sqlalchemy as sa

from data_platform.metastore import catalog_tables as tables
from data_platform.metastore.catalog_search import FIELDS
from data_platform.metastore.database import Transaction

_UNNAMED = {"id", "received_at", "subject_id", "dataset_id", "job_id", "src_id", "dst_id"}
_PARTS = {
    "datasets": tables.DATASETS,
    "jobs": tables.JOBS,
    "events": tables.EVENTS,
    "refused": tables.REFUSED,
    "columns": tables.COLUMNS,
    "runs": tables.RUNS,
    "outputs": tables.OUTPUTS,
    "facets": tables.FACETS,
    "facet_history": tables.FACET_HISTORY,
    "versions": tables.VERSIONS,
    "edges": tables.EDGES,
    "column_edges": tables.COLUMN_EDGES,
}


def content(tx: Transaction) -> dict[str, list[dict[str, Any]]]:
    """The lines of every table, sorted, without the numbers and the times of receipt: equal for equal catalogs."""
    names = _Names(tx)
    found = {}
    for part, table in _PARTS.items():
        lines = [names.line(part, row) for row in tx.connection.execute(sa.select(table)).mappings()]
        found[part] = sorted(lines, key=repr)
    found["search"] = sorted(names.documents(tx), key=repr)
    return found


class _Names:
    def __init__(self, tx: Transaction) -> None:
        def keys(table: sa.Table) -> dict[int, str]:
            rows = tx.connection.execute(sa.select(table.c.id, table.c.namespace, table.c.name))
            return {row[0]: f"{row[1]} {row[2]}" for row in rows}

        self._datasets, self._jobs = keys(tables.DATASETS) | {0: ""}, keys(tables.JOBS) | {0: ""}
        outputs = tx.connection.execute(
            sa.select(tables.OUTPUTS.c.id, tables.OUTPUTS.c.job_id, tables.OUTPUTS.c.dataset_id)
        )
        self._outputs = {row[0]: f"{self._jobs[row[1]]} > {self._datasets[row[2]]}" for row in outputs}

    def documents(self, tx: Transaction) -> Iterator[dict[str, Any]]:
        """The different words by which each dataset is found; how often one stands there, not every database tells."""
        is_server = tx.connection.dialect.name == "postgresql"
        fields = [f"tsvector_to_array({name}) AS {name}" if is_server else name for name in FIELDS]
        for row in tx.connection.execute(sa.text(f"SELECT rowid, {', '.join(fields)} FROM catalog_search")).mappings():
            words = {name: sorted(set(row[name] if is_server else row[name].split())) for name in FIELDS}
            yield {"dataset": self._datasets[row["rowid"]], **words}

    def line(self, part: str, row: Any) -> dict[str, Any]:
        """One line with names."""
        line = {name: value for name, value in sorted(row.items()) if name not in _UNNAMED}
        for name in ("dataset_id", "src_id", "dst_id"):
            if name in row:
                line[name.removesuffix("_id")] = self._datasets[row[name]]
        if "job_id" in row:
            line["job"] = self._jobs[row["job_id"]]
        if part == "facets":
            by_kind = {"job": self._jobs, "written": self._outputs}
            line["subject"] = by_kind.get(row["kind"], self._datasets)[row["subject_id"]]
        if part == "runs":
            line["inputs"] = sorted((self._datasets[one], version) for one, version in row["inputs"])
        if part in ("runs", "outputs"):
            for name in {"runs": ("outputs",), "outputs": ("inputs",)}[part]:
                line[name] = sorted(self._datasets[one] for one in row[name])
        return line
