"""How people name a dataset or a column: `layer.domain.dataset[.column]`, or `namespace/name[#column]` for others."""

from __future__ import annotations

import difflib
from dataclasses import dataclass

from data_platform.catalog.event import PLATFORM
from data_platform.errors import ConfigurationError
from data_platform.metastore.catalog import CatalogStore
from data_platform.metastore.catalog_reads import DatasetLine

_PARTS = 3  # of a platform dataset's name


@dataclass(frozen=True, slots=True)
class Named:
    """A dataset, and the column that was named too, if one was."""

    dataset: DatasetLine
    column: str | None = None


class UnknownDataset(ConfigurationError):
    """The catalog has no dataset or column of that name."""


def find(store: CatalogStore, text: str) -> Named:
    """The dataset or column that a person named.

    Raises:
        UnknownDataset: there is none, or several namespaces have one; the message lists what comes near.
    """
    whole, _, marked = text.partition("#")
    found = _dataset(store, whole)
    if found is not None:
        return _with_column(store, found, marked or None)
    dataset = whole.rpartition(".")[0]
    while dataset and not marked:
        found = _dataset(store, dataset)
        if found is not None:
            return _with_column(store, found, whole[len(dataset) + 1 :])
        dataset = dataset.rpartition(".")[0]
    raise UnknownDataset(f"the catalog has no dataset {text!r}; {_hint(store, whole)}")


def display(dataset: DatasetLine) -> str:
    """The name by which a dataset is shown, and found again."""
    return dataset.name if dataset.namespace == PLATFORM else f"{dataset.namespace}/{dataset.name}"


def _dataset(store: CatalogStore, name: str) -> DatasetLine | None:
    if ours := store.reads.dataset(PLATFORM, name=name.replace("/", ".") if name.count("/") == _PARTS - 1 else name):
        return ours
    for position, character in enumerate(name):
        if character == "/" and (found := store.reads.dataset(name[:position], name=name[position + 1 :])):
            return found
    several = store.reads.named(name)
    if len(several) > 1:
        listed = ", ".join(display(one) for one in several)
        raise UnknownDataset(f"{name!r} is in several namespaces; name one of {listed}")
    return several[0] if several else None


def _with_column(store: CatalogStore, dataset: DatasetLine, column: str | None) -> Named:
    if column is None:
        return Named(dataset)
    names = {line.name for line in store.reads.columns(dataset.id)}
    if column in names:
        return Named(dataset, column)
    edges = store.graph.column_edges([dataset.id], direction="down")
    if column in {edge.src_column for edge in edges}:  # of a stub whose schema nobody told
        return Named(dataset, column)
    near = difflib.get_close_matches(column, names, n=3)
    hint = f"did you mean {', '.join(near)}?" if near else "`data-platform catalog show` lists its columns"
    raise UnknownDataset(f"{display(dataset)} has no column {column!r}; {hint}")


def _hint(store: CatalogStore, name: str) -> str:
    prefix = name[: max(3, len(name) // 2)]
    names = [display(one) for one in store.reads.page(prefix=prefix, limit=200)]
    near = difflib.get_close_matches(name, names, n=3, cutoff=0.5)
    return f"did you mean {', '.join(near)}?" if near else "`data-platform catalog search WORDS` finds what there is"
