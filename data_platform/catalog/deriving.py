"""What follows from the facets that a dataset has now: its card, its columns, its search document. Pure: the same
facets give the same, whatever order they came in.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from data_platform.catalog.event import Key
from data_platform.catalog.reading import column_name, objects
from data_platform.catalog.words import words_of
from data_platform.lineage.names import CONTRACT, DISCOVERY, PLATFORM
from data_platform.metastore.catalog_derived import Card, ColumnLine
from data_platform.metastore.catalog_search import Document
from data_platform.metastore.column_types import storable

CARD_FACETS = frozenset({"schema", "documentation", "ownership", "tags", "lifecycleStateChange", CONTRACT, DISCOVERY})
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
    contract = facets.get(CONTRACT, {})
    tags = _tags(facets)
    discovery = facets.get(DISCOVERY, {})
    dropped = facets.get("lifecycleStateChange", {}).get("lifecycleStateChange") == "DROP"
    dropped |= discovery.get("standing") == "gone"
    sunset = _text(contract.get("sunset")) or tags.values.get(("", "sunset"), "")
    return Card(
        standing=_standing(key, discovery, is_known=bool(facets) or is_written),
        description=_text(facets.get("documentation", {}).get("description")),
        tier=_text(contract.get("tier")) or tags.values.get(("", _TIER), ""),
        owners=tuple(dict.fromkeys(_owners(facets))),
        tags=tuple(dict.fromkeys(tags.of_dataset)),
        contract_id=_text(contract.get("contractId")),
        contract_version=_text(contract.get("contractVersion")),
        status="dropped" if dropped else _text(contract.get("status")) or tags.values.get(("", "status"), ""),
        sunset=sunset or None,
        found=in_words(objects(discovery.get("differences"))) or None,
    )


def in_words(differences: Iterable[Mapping[str, Any]]) -> str:
    """Differences that a scan found, for people: `column added discount: BIGINT; column type amount: A → B`."""
    told = []
    for one in differences:
        kind, subject, expected, found = (_text(one.get(key)) for key in ("kind", "subject", "expected", "found"))
        change = " → ".join(part for part in (expected, found) if part)
        told.append(f"{kind.replace('_', ' ')} {subject}".strip() + (f": {change}" if change else ""))
    return "; ".join(told)[:1_000]


def columns_of(dataset_id: int, facets: Mapping[str, Mapping[str, Any]]) -> tuple[ColumnLine, ...]:
    """The columns that the schema facet lists, nested ones as `outer.inner`, each name once; the first of very many."""
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


def count_columns(facets: Mapping[str, Mapping[str, Any]]) -> int:
    """How many columns the schema facet lists, also those that are too many to be kept."""
    return len({name for name, _ in _fields(facets.get("schema", {}).get("fields"), prefix="")})


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


def _standing(key: Key, discovery: Mapping[str, Any], *, is_known: bool) -> str:
    found, is_accepted = discovery.get("standing"), discovery.get("decision") == "accepted"
    if not is_known or found == "gone":
        return "stub"
    if found == "unmanaged":
        return "external" if is_accepted else "unmanaged"
    if found in ("drifted", "missing") and not is_accepted:
        return "drifted"
    return "managed" if key[0] == PLATFORM else "external"


def _owners(facets: Mapping[str, Mapping[str, Any]]) -> Iterator[str]:
    for one in objects(facets.get("ownership", {}).get("owners")):
        if name := _text(one.get("name")):
            yield name


def _tags(facets: Mapping[str, Mapping[str, Any]]) -> _Tags:
    tags = _Tags()
    for one in objects(facets.get("tags", {}).get("tags")):
        key, value, column = _text(one.get("key")), _text(one.get("value")), column_name(_text(one.get("field")))
        if not key:
            continue
        tags.values.setdefault((column, key.lower()), value)
        word = key if value.lower() in ("", "true", key.lower()) else f"{key}:{value}"
        (tags.of_columns.setdefault(column, []) if column else tags.of_dataset).append(word)
    return tags


def _fields(listed: Any, *, prefix: str, depth: int = 0) -> Iterator[tuple[str, Mapping[str, Any]]]:
    for one in objects(listed):
        if name := _text(one.get("name")):
            yield column_name(prefix + name), one
            if depth < 32:
                yield from _fields(one.get("fields"), prefix=f"{prefix}{name}.", depth=depth + 1)


def _text(value: Any) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    return storable(str(value)) if isinstance(value, str | int | float) else ""
