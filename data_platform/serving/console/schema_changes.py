"""What changed of one dataset's schema and contract, in words."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime

from data_platform.catalog.history import SchemaChange, history_of
from data_platform.lineage.names import PLATFORM
from data_platform.metastore.catalog import CatalogStore


def schema_changes(store: CatalogStore, dataset: str) -> Iterator[tuple[datetime, str]]:
    """When and what, of one of the platform's own datasets; first versions are no change."""
    line = store.reads.dataset(PLATFORM, name=dataset)
    if line is None:
        return
    history = history_of(store, line.id, versions=0)
    for schema in history.schemas[:-1]:
        yield schema.at, f"schema: {', '.join(_parts(schema)) or 'columns in another order'}"
    for now, before in zip(history.contracts[:-1], history.contracts[1:], strict=True):
        yield now.at, f"contract {before.version} → {now.version}"


def _parts(schema: SchemaChange) -> Iterator[str]:
    yield from (f"+ {name}" for name in schema.added)
    yield from (f"− {name}" for name in schema.removed)
    yield from (f"{name}: {before} → {after}" for name, before, after in schema.changed)
