"""How a dataset came to be what it is: the schemas and contracts that it had, and what changed in between."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from data_platform.catalog.gathering import remembered
from data_platform.lineage.names import CONTRACT
from data_platform.metastore.catalog import CatalogStore
from data_platform.metastore.catalog_facts import FacetLine, HistoryLine, VersionLine
from data_platform.metastore.database import Transaction

_MOST_VERSIONS = 50


@dataclass(frozen=True, slots=True, kw_only=True)
class SchemaChange:
    """One schema and what it changed.

    Attributes:
        added, removed: columns, nested ones as `outer.inner`.
        changed: (column, type before, type now).
        is_current: whether the dataset has it now.

    A schema that comes back after others stands a second time, at the end, with the newest event that says it.
    """

    at: datetime
    event_id: str
    columns: int
    added: tuple[str, ...]
    removed: tuple[str, ...]
    changed: tuple[tuple[str, str, str], ...]
    is_current: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class ContractChange:
    """One contract version, from the first event that named it; again at the end, if the dataset went back to it."""

    at: datetime
    event_id: str
    contract_id: str
    version: str
    sha256: str


@dataclass(frozen=True, slots=True, kw_only=True)
class History:
    """What a dataset was, newest first."""

    schemas: tuple[SchemaChange, ...]
    contracts: tuple[ContractChange, ...]
    versions: tuple[VersionLine, ...]


def history_of(
    store: CatalogStore, dataset_id: int, *, versions: int = _MOST_VERSIONS, tx: Transaction | None = None
) -> History:
    """The history of a dataset."""
    lines = store.reads.history(dataset_id, tx=tx)
    now = {facet.name: facet for facet in store.reads.facets("dataset", subject_id=dataset_id, tx=tx)}
    made = store.reads.versions(dataset_id, limit=versions, tx=tx)
    schemas = _with_return([line for line in lines if line.name == "schema"], now.get("schema"))
    contracts = _with_return([line for line in lines if line.name == CONTRACT], now.get(CONTRACT))
    return History(
        schemas=tuple(_schemas(schemas, is_current="schema" in now))[::-1],
        contracts=tuple(_contract(line) for line in contracts)[::-1],
        versions=made,
    )


def _with_return(lines: list[HistoryLine], now: FacetLine | None) -> list[HistoryLine]:
    """The lines, each body once; the one that the facet has now is the last, a second time if it is an older one."""
    told = remembered(now.name, json.loads(now.body)) if now is not None and now.body is not None else None
    if now is None or told is None or not lines or lines[-1].body == told:
        return lines
    older = next((line for line in lines if line.body == told), None)
    return [*lines, replace(older, event_time=now.event_time, event_id=now.event_id)] if older else lines


def _schemas(lines: list[HistoryLine], *, is_current: bool) -> Iterator[SchemaChange]:
    before: dict[str, str] = {}
    for number, line in enumerate(lines, start=1):
        fields = json.loads(line.body)
        types = dict(_types(fields, prefix=""))
        common = before.keys() & types.keys()
        yield SchemaChange(
            at=line.event_time,
            event_id=line.event_id,
            columns=len(types),
            added=tuple(name for name in types if name not in before),
            removed=tuple(name for name in before if name not in types),
            changed=tuple((n, before[n], types[n]) for n in types if n in common and before[n] != types[n]),
            is_current=is_current and number == len(lines),
        )
        before = types


def _types(fields: Any, *, prefix: str) -> Iterator[tuple[str, str]]:
    for one in fields if isinstance(fields, list) else ():
        if isinstance(one, dict) and isinstance(one.get("name"), str):
            yield prefix + one["name"], str(one.get("type") or "")
            yield from _types(one.get("fields"), prefix=f"{prefix}{one['name']}.")


def _contract(line: HistoryLine) -> ContractChange:
    said: Mapping[str, Any] = json.loads(line.body)
    return ContractChange(
        at=line.event_time,
        event_id=line.event_id,
        contract_id=str(said.get("contractId") or ""),
        version=str(said.get("contractVersion") or ""),
        sha256=str(said.get("contractSha256") or ""),
    )
