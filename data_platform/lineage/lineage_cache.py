"""Column lineage kept from process to process: reading a SELECT takes longer than all else that an event needs.

A file that is gone, torn or of another version only costs the work again.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any

from data_platform.lineage.facts import ColumnLineage, Edge, Influence, SourceColumn

_VERSION = f"1/{version('sqlglot')}"  # raised when equal inputs give another lineage


@dataclass(frozen=True, slots=True)
class LineageCache:
    """One small file for each state of a dataset's contract, SELECT and inputs, in `folder`."""

    folder: Path

    def get(self, *key: str) -> ColumnLineage | None:
        """What was kept under `key`; None where nothing usable is."""
        try:
            return _read(json.loads(self._file(key).read_bytes()))
        except (OSError, ValueError, KeyError, TypeError):
            return None

    def put(self, lineage: ColumnLineage, *key: str) -> None:
        """Keeps a lineage, if the folder can be written."""
        file = self._file(key)
        aside = file.with_name(f"{file.name}.{os.getpid()}")
        with suppress(OSError):
            self.folder.mkdir(parents=True, exist_ok=True)
            aside.write_text(json.dumps(_written(lineage)))
            aside.replace(file)

    def _file(self, key: Iterable[str]) -> Path:
        return self.folder / hashlib.sha256(json.dumps([_VERSION, *key]).encode()).hexdigest()


def _written(lineage: ColumnLineage) -> dict[str, Any]:
    return {
        "edges": {output: _edges(edges) for output, edges in lineage.edges.items()},
        "rows": _edges(lineage.rows),
        "unresolved": lineage.unresolved,
        "is_rows_known": lineage.is_rows_known,
    }


def _edges(edges: Iterable[Edge]) -> list[list[str]]:
    return [[e.source.table, e.source.column, e.source.namespace, e.influence.value] for e in sorted(edges)]


def _read(kept: dict[str, Any]) -> ColumnLineage:
    return ColumnLineage(
        edges={output: _read_edges(edges) for output, edges in kept["edges"].items()},
        rows=_read_edges(kept["rows"]),
        unresolved=tuple(kept["unresolved"]),
        is_rows_known=kept["is_rows_known"],
    )


def _read_edges(edges: list[list[str]]) -> frozenset[Edge]:
    return frozenset(
        Edge(SourceColumn(table, column, namespace), Influence(influence))
        for table, column, namespace, influence in edges
    )
