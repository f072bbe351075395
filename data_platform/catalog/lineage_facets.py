"""Where columns come from, as the facets `columnLineage` and `lineage` say it. What is not as the specification has it
is passed over: the facet itself is kept whole.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from data_platform.catalog.event import WHOLE, Key
from data_platform.catalog.reading import column_name, fits, objects
from data_platform.metastore.column_types import storable

LINEAGE_FACETS = ("columnLineage", "lineage")


@dataclass(frozen=True, slots=True)
class Influence:
    """One source column of one target column; `source` is None for a column made of constants."""

    column: str
    source: Key | None
    source_column: str
    kind: str = "direct"
    subtype: str = ""
    description: str = ""
    is_masking: bool = False


@dataclass(frozen=True, slots=True)
class Told:
    """What one lineage facet tells: its influences, and every dataset that it names, columns or not."""

    influences: tuple[Influence, ...]
    sources: frozenset[Key]


def told_by(facet: Mapping[str, Any]) -> Told:
    """What either facet tells."""
    found = tuple(influences(facet))
    return Told(found, frozenset((*(one.source for one in found if one.source is not None), *_listed(facet))))


def _listed(facet: Mapping[str, Any]) -> Iterator[Key]:
    for one in objects(facet.get("inputs")):
        key = _key(one)
        if key is not None and one.get("type", "DATASET") == "DATASET":
            yield key


def influences(facet: Mapping[str, Any]) -> Iterator[Influence]:
    """The column lineage in either facet."""
    fields = facet.get("fields")
    for column, entry in fields.items() if isinstance(fields, dict) else ():
        if not isinstance(entry, dict):
            continue
        sources = entry.get("inputFields", entry.get("inputs"))
        if sources == []:
            yield Influence(column_name(column), None, "", subtype="CONSTANT")
        for one in objects(sources):
            yield from _of(column_name(column), one, legacy=entry)
    for one in (*objects(facet.get("dataset")), *objects(facet.get("inputs"))):
        yield from _of(WHOLE, one, legacy={})


def declared_outputs(job_facets: Mapping[str, Mapping[str, Any]]) -> Iterator[tuple[Key, Mapping[str, Any]]]:
    """The datasets that a job's own `lineage` facet has lineage for, each with its part of the facet."""
    for entry in objects(job_facets.get("lineage", {}).get("entries")):
        key = _key(entry)
        if key is not None and entry.get("type") == "DATASET":
            yield key, entry


def _of(column: str, one: Mapping[str, Any], *, legacy: Mapping[str, Any]) -> Iterator[Influence]:
    key, source_column = _key(one), one.get("field")
    if key is None or not isinstance(source_column, str):
        return
    transformations = list(objects(one.get("transformations")))
    if not transformations:
        described = str(legacy.get("transformationDescription") or "")
        word = str(legacy.get("transformationType") or "")
        kind = "indirect" if column == WHOLE else "direct"
        yield Influence(column, key, column_name(source_column), kind, _word(word), _text(described), word == "MASKED")
    for each in transformations:
        kind = "indirect" if str(each.get("type", "")).upper() == "INDIRECT" else "direct"
        yield Influence(
            column,
            key,
            column_name(source_column),
            kind,
            _word(str(each.get("subtype") or "")),
            _text(str(each.get("description") or "")),
            each.get("masking") is True,
        )


def _key(one: Mapping[str, Any]) -> Key | None:
    namespace, name = one.get("namespace"), one.get("name")
    if not isinstance(namespace, str) or not isinstance(name, str):
        return None
    key = (storable(namespace), storable(name))
    return key if all(map(fits, key)) else None


def _word(text: str) -> str:
    return _text(text)[:60]


def _text(text: str) -> str:
    return storable(text)[:1_000]
