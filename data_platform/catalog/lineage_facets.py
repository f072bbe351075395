"""Where columns come from, as the facets `columnLineage` and `lineage` say it. What is not as the specification has it
is passed over: the facet itself is kept whole.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from data_platform.catalog.event import Key
from data_platform.catalog.reading import MOST_CHARACTERS, storable

LINEAGE_FACETS = ("columnLineage", "lineage")
WHOLE = ""  # the target column of what influences all of a dataset


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


def source_keys(facet: Mapping[str, Any]) -> Iterator[Key]:
    """The datasets that a lineage facet names, columns or not."""
    for influence in influences(facet):
        if influence.source is not None:
            yield influence.source
    for one in _objects(facet.get("inputs")):
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
            yield Influence(_column(column), None, "", subtype="CONSTANT")
        for one in _objects(sources):
            yield from _of(_column(column), one, legacy=entry)
    for one in (*_objects(facet.get("dataset")), *_objects(facet.get("inputs"))):
        yield from _of(WHOLE, one, legacy={})


def declared_outputs(job_facets: Mapping[str, Mapping[str, Any]]) -> Iterator[tuple[Key, Mapping[str, Any]]]:
    """The datasets that a job's own `lineage` facet has lineage for, each with its part of the facet."""
    for entry in _objects(job_facets.get("lineage", {}).get("entries")):
        key = _key(entry)
        if key is not None and entry.get("type") == "DATASET":
            yield key, entry


def _of(column: str, one: Mapping[str, Any], *, legacy: Mapping[str, Any]) -> Iterator[Influence]:
    key, source_column = _key(one), one.get("field")
    if key is None or not isinstance(source_column, str):
        return
    transformations = list(_objects(one.get("transformations")))
    if not transformations:
        described = str(legacy.get("transformationDescription") or "")
        word = str(legacy.get("transformationType") or "")
        kind = "indirect" if column == WHOLE else "direct"
        yield Influence(column, key, _column(source_column), kind, word, _text(described), word == "MASKED")
    for each in transformations:
        kind = "indirect" if str(each.get("type", "")).upper() == "INDIRECT" else "direct"
        yield Influence(
            column,
            key,
            _column(source_column),
            kind,
            _text(str(each.get("subtype") or ""))[:60],
            _text(str(each.get("description") or "")),
            each.get("masking") is True,
        )


def _objects(value: Any) -> Iterator[Mapping[str, Any]]:
    if isinstance(value, list):
        yield from (one for one in value if isinstance(one, dict))


def _key(one: Mapping[str, Any]) -> Key | None:
    namespace, name = one.get("namespace"), one.get("name")
    if not isinstance(namespace, str) or not isinstance(name, str):
        return None
    key = (storable(namespace), storable(name))
    return key if max(map(len, key)) <= MOST_CHARACTERS else None


def _column(name: str) -> str:
    return storable(name)[:300]


def _text(text: str) -> str:
    return storable(text)[:1_000]
