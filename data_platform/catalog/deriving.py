"""What follows from the facets that a dataset has now: its card, its columns, its search document. Pure: the same
facets give the same, whatever order they came in.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from data_platform.catalog.event import PLATFORM, Key
from data_platform.catalog.gathering import CONTRACT_FACET
from data_platform.catalog.reading import storable
from data_platform.catalog.words import words_of
from data_platform.metastore.catalog_derived import Card, ColumnLine
from data_platform.metastore.catalog_search import Document

CARD_FACETS = frozenset({"schema", "documentation", "ownership", "tags", "lifecycleStateChange", CONTRACT_FACET})
_MOST_COLUMNS = 10_000
_CLASSIFICATION = "classification"
_TERM = "term"
_TIER = "tier"


@dataclass(slots=True)
class _Tags:
    of_dataset: list[str] = field(default_factory=list)
    of_columns: dict[str, list[str]] = field(default_factory=dict)
    values: dict[tuple[str, str], str] = field(default_factory=dict)  # (column or empty, key) to value


def card_of(key: Key, facets: Mapping[str, Mapping[str, Any]], *, is_written: bool) -> Card:
    """What the facets say of a dataset."""
    contract = facets.get(CONTRACT_FACET, {})
    tags = _tags(facets)
    dropped = facets.get("lifecycleStateChange", {}).get("lifecycleStateChange") == "DROP"
    sunset = _text(contract.get("sunset")) or tags.values.get(("", "sunset"), "")
    return Card(
        standing=_standing(key, is_known=bool(facets) or is_written),
        description=_text(facets.get("documentation", {}).get("description")),
        tier=_text(contract.get("tier")) or tags.values.get(("", _TIER), ""),
        owners=tuple(dict.fromkeys(_owners(facets))),
        tags=tuple(dict.fromkeys(tags.of_dataset)),
        contract_id=_text(contract.get("contractId")),
        contract_version=_text(contract.get("contractVersion")),
        status="dropped" if dropped else _text(contract.get("status")) or tags.values.get(("", "status"), ""),
        sunset=sunset or None,
    )


def columns_of(dataset_id: int, facets: Mapping[str, Mapping[str, Any]]) -> tuple[ColumnLine, ...]:
    """The columns that the schema facet lists, nested ones as `outer.inner`, each name once."""
    tags = _tags(facets)
    lines: dict[str, ColumnLine] = {}
    for name, one in _fields(facets.get("schema", {}).get("fields"), prefix=""):
        if name not in lines and len(lines) < _MOST_COLUMNS:
            lines[name] = ColumnLine(
                dataset_id=dataset_id,
                name=name,
                position=len(lines) + 1,
                type=_text(one.get("type")),
                description=_text(one.get("description")),
                classification=tags.values.get((name, _CLASSIFICATION), ""),
                tags=tuple(dict.fromkeys(tags.of_columns.get(name, ()))),
                term=tags.values.get((name, _TERM), ""),
            )
    return tuple(lines.values())


def document_of(key: Key, card: Card, columns: tuple[ColumnLine, ...]) -> Document:
    """The words by which a dataset is found."""
    described = " ".join([card.description, *(column.description for column in columns)])
    tags = [*card.tags, *(word for c in columns for word in (*c.tags, c.classification, c.term)), card.tier]
    return Document(
        name=words_of(f"{key[1]} {key[0]}" if key[0] != PLATFORM else key[1]),
        columns=words_of(" ".join(column.name for column in columns)),
        description=words_of(described),
        tags=words_of(" ".join((*tags, card.standing, card.status))),
        owners=words_of(" ".join(card.owners)),
    )


def _standing(key: Key, *, is_known: bool) -> str:
    if not is_known:
        return "stub"
    return "managed" if key[0] == PLATFORM else "external"


def _owners(facets: Mapping[str, Mapping[str, Any]]) -> Iterator[str]:
    for one in _objects(facets.get("ownership", {}).get("owners")):
        if name := _text(one.get("name")):
            yield name


def _tags(facets: Mapping[str, Mapping[str, Any]]) -> _Tags:
    tags = _Tags()
    for one in _objects(facets.get("tags", {}).get("tags")):
        key, value, column = _text(one.get("key")), _text(one.get("value")), _text(one.get("field"))[:300]
        if not key:
            continue
        tags.values.setdefault((column, key.lower()), value)
        word = key if value.lower() in ("", "true", key.lower()) else f"{key}:{value}"
        (tags.of_columns.setdefault(column, []) if column else tags.of_dataset).append(word)
    return tags


def _fields(listed: Any, *, prefix: str, depth: int = 0) -> Iterator[tuple[str, Mapping[str, Any]]]:
    for one in _objects(listed):
        if name := _text(one.get("name")):
            yield (prefix + name)[:300], one
            if depth < 32:
                yield from _fields(one.get("fields"), prefix=f"{prefix}{name}.", depth=depth + 1)


def _objects(value: Any) -> Iterator[Mapping[str, Any]]:
    if isinstance(value, list):
        yield from (one for one in value if isinstance(one, dict))


def _text(value: Any) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    return storable(str(value)) if isinstance(value, str | int | float) else ""
