"""What an operator's SELECT may read: each table it names as a relation at one version, with its classified columns."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TypeAlias

from data_platform.cli.held import held_snapshot
from data_platform.contracts.domains import RESERVED
from data_platform.contracts.model import DatasetName, Layer
from data_platform.contracts.places import nearest
from data_platform.errors import ConfigurationError
from data_platform.lakehouse.snapshots import Snapshot
from data_platform.lakehouse.table_ref import TableRef, Zone
from data_platform.lakehouse.tables import Table
from data_platform.transforms.query import Query
from data_platform.wiring.platform import Platform

AsOf: TypeAlias = int | datetime | Mapping[str, int] | None  # a version, a moment, the versions of a run, or the newest

_FATES = {"quarantine": "quarantined", "late": "late"}
# What the platform's own tables hold of a delivered record, at raw's access level.
_RECORDS = {"quarantine": {"record"}, "late": {"record"}, "rejected": {"raw_text", "detail"}, "decisions": set[str]()}
LAYERS = (*[layer.value for layer in Layer], "rejected", "quarantine", "late", "decisions")


@dataclass(frozen=True, slots=True, kw_only=True)
class Relation:
    """One table at one version.

    Attributes:
        select: SQL of its rows.
        files: addresses of the files that the SELECT may open.
        classified: columns whose values are shown only on request.
    """

    name: str
    version: int
    select: str
    columns: tuple[str, ...]
    files: tuple[str, ...]
    classified: frozenset[str]


def relations_of(platform: Platform, query: Query, as_of: AsOf) -> list[Relation]:
    """Every table that the query reads.

    Raises:
        ConfigurationError: a name is no table, a table has nothing yet, or `as_of` does not fit.
    """
    names = [*map(str, query.inputs), *query.unknown_tables]
    if not names:
        return []
    if isinstance(as_of, int) and len(names) != 1:
        raise ConfigurationError(
            f"a version fits one table, the SELECT reads {len(names)}: name a time or a run instead"
        )
    return [_relation(platform, name, as_of) for name in names]


def read_as_of(platform: Platform, text: str | None) -> AsOf:
    """What `--as-of` says: a version, a time (UTC where it names no offset), or a run.

    Raises:
        ConfigurationError: it is none of them.
    """
    if text is None:
        return None
    if text.isdecimal():
        return int(text)
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        return _versions_of_run(platform, text)
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


def _versions_of_run(platform: Platform, run_id: str) -> Mapping[str, int]:
    versions: dict[str, int] = {}
    for entry in platform.metastore.runs.of_run(run_id):
        versions |= dict(entry.inputs)
    for entry in platform.metastore.runs.of_run(run_id):
        if entry.output_version is not None:
            versions[entry.dataset] = entry.output_version
    if not versions:
        raise ConfigurationError(
            f"--as-of {run_id}: no version (7), no time (2026-03-01T12:00:00Z) and no run that read something"
        )
    return versions


def _relation(platform: Platform, name: str, as_of: AsOf) -> Relation:
    layer, dataset = _parsed(platform, name)
    if layer in _FATES:
        main = _at(platform, platform.lake.table(TableRef.of(dataset, Zone.CURATED)), str(dataset), as_of)
        snapshot, where = held_snapshot(platform, dataset, main), f" WHERE fate = '{_FATES[layer]}'"
        version = main.version
    else:
        snapshot, where = _at(platform, platform.lake.table(TableRef.of(dataset, Zone(layer))), name, as_of), ""
        version = snapshot.version
    if snapshot.version < 0:
        raise ConfigurationError(f"{name} has nothing yet; `data-platform run` brings it up to date")
    columns = tuple(snapshot.schema.names)
    return Relation(
        name=name,
        version=version,
        columns=columns,
        files=tuple(f"{snapshot.root}/{file.path}" for file in snapshot.files),
        select=f"SELECT * FROM ({snapshot.scan()}){where}" if where else snapshot.scan(),
        classified=frozenset(_RECORDS[layer] if layer in _RECORDS else _classified(platform, dataset, columns)),
    )


def _parsed(platform: Platform, name: str) -> tuple[str, DatasetName]:
    """The layer that a table name says, and the dataset whose table it is."""
    parts = name.split(".")
    if len(parts) != 3 or parts[0] not in LAYERS:
        raise ConfigurationError(
            f"{name!r} is no table: write <layer>.<domain>.<dataset>, the layer one of {', '.join(LAYERS)}"
        )
    own = Layer(parts[0]) if parts[0] in set(Layer) else Layer.RAW if parts[0] == "rejected" else Layer.CURATED
    dataset = DatasetName(own, parts[1], parts[2])
    if dataset not in platform.estate.datasets:
        known = [f"{parts[0]}.{each.domain}.{each.name}" for each in platform.estate.datasets if each.layer is own]
        raise ConfigurationError(f"there is no table {name}; {nearest(name, known)}")
    return parts[0], dataset


def _at(platform: Platform, table: Table, name: str, as_of: AsOf) -> Snapshot:
    if as_of is None:
        return platform.heads.for_reading(table)
    if isinstance(as_of, Mapping) and name not in as_of:
        raise ConfigurationError(f"that run neither read nor wrote {name}; it knows {', '.join(sorted(as_of))}")
    version = as_of[name] if isinstance(as_of, Mapping) else as_of
    found = table.snapshot_at(version) if isinstance(version, datetime) else table.snapshot(version)
    if table.ref.domain in RESERVED and {file.path for file in found.files} - set(table.store.list("")):
        raise ConfigurationError(f"{name}: version {found.version} lost its files in upkeep; name a newer one")
    return found


def _classified(platform: Platform, dataset: DatasetName, columns: tuple[str, ...]) -> set[str]:
    """Columns that the contract does not call public; unknown ones (`_extra`, columns of old versions) among them."""
    contract = platform.estate.dataset(dataset).contract
    public = {column.name for column in contract.columns if not column.is_sensitive}
    return {name for name in columns if name not in public and (not name.startswith("_") or name == "_extra")}
