"""How people name a dataset or a column: `layer.domain.dataset[.column]`, or `namespace/name[#column]` for others.

Every dataset has a name of its own: the namespace ends at the first slash (of `scheme://place` at the next one), and
one that has more slashes is written with `%2F` for them.
"""

from __future__ import annotations

import difflib
import re
from dataclasses import dataclass
from urllib.parse import quote, unquote

from data_platform.catalog.event import Key
from data_platform.catalog.reading import fits
from data_platform.errors import ConfigurationError
from data_platform.lineage.names import PLATFORM
from data_platform.metastore.catalog import CatalogStore
from data_platform.metastore.catalog_reads import DatasetLine
from data_platform.metastore.column_types import storable

_MOST_MARKS = 64  # that are tried as the one between dataset and column; a column is nested 32 deep
_PARTS = 3  # of a platform dataset's name
_NAMESPACE = re.compile(r"((?:[^/]*://)?[^/]*)/", flags=re.DOTALL)


@dataclass(frozen=True, slots=True)
class Named:
    """A dataset, and the column that was named too, if one was."""

    dataset: DatasetLine
    column: str | None = None


class UnknownDataset(ConfigurationError):
    """The catalog has no dataset or column of that name."""


def find(store: CatalogStore, text: str, *, column: str | None = None) -> Named:
    """The dataset or column that a person named; with `column`, `text` is the dataset alone.

    Raises:
        UnknownDataset: there is none, or several namespaces have one; the message lists what comes near.
    """
    found = _dataset(store, text)
    if found is not None:
        return _with_column(store, found, column)
    marks = [at for at, character in enumerate(text) if at and character in "#."] if column is None else []
    for at in reversed(marks[-_MOST_MARKS:]):  # the longest name first: either mark may be part of it
        found = _dataset(store, text[:at])
        if found is not None:
            return _with_column(store, found, text[at + 1 :] or None)
    raise UnknownDataset(f"the catalog has no dataset {text!r}; {_hint(store, text.partition('#')[0])}")


def display(dataset: DatasetLine) -> str:
    """The name by which a dataset is shown, and found again."""
    return display_key((dataset.namespace, dataset.name))


def display_key(key: Key) -> str:
    """The same of a dataset's (namespace, name)."""
    namespace, name = key
    scheme, mark, place = namespace.partition("://")
    ways = [
        f"{namespace}/{name}",
        f"{scheme}{mark}{quote(place, safe=':@')}/{name}",
        f"{quote(namespace, safe='')}/{name}",
    ]
    if namespace == PLATFORM and name:
        ways.insert(0, name)
    return next(text for text in ways if _key(text) == key)


def display_column(dataset: DatasetLine, column: str) -> str:
    """The name by which a column is shown; that of the dataset where the column is empty."""
    return f"{display(dataset)}.{column}" if column else display(dataset)


def _key(text: str) -> Key:
    """The key that is shown as `text`."""
    found = _NAMESPACE.match(text)
    return (unquote(found[1]), text[found.end() :]) if found else (PLATFORM, text)


def _dataset(store: CatalogStore, name: str) -> DatasetLine | None:
    namespace, rest = _key(name)
    if shown := store.reads.dataset(namespace, name=rest):
        return shown
    if ours := store.reads.dataset(PLATFORM, name=name.replace("/", ".") if name.count("/") == _PARTS - 1 else name):
        return ours
    parts = [(name[:at], name[at + 1 :]) for at, character in enumerate(name) if character == "/"]
    found = store.reads.of_keys([key for key in parts if all(map(fits, map(storable, key)))])
    if found:
        return next(found[key] for key in parts if key in found)
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
