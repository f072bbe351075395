"""The served layer as one DuckDB file for people and BI tools: a copy that can be thrown away.

Built aside from versions pinned together and swapped in by rename, so that a reader has either the old file or the new.
"""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import duckdb
from duckdb import DuckDBPyConnection

from data_platform.contracts.model import Contract
from data_platform.contracts.types import quote_identifier, quote_text
from data_platform.lakehouse.duck import Engine
from data_platform.lakehouse.flushing import flush_file, flush_folder
from data_platform.lakehouse.object_store import ObjectStore
from data_platform.lakehouse.snapshots import Snapshot
from data_platform.lakehouse.table_ref import TableRef, Zone
from data_platform.lakehouse.tables import Lake
from data_platform.publication.heads import Heads
from data_platform.publication.lease import Leases
from data_platform.publication.shape import was_published

STORE_KEY = "warehouse/served.duckdb"
# The newest storage version that DuckDB 1.x opens too.
STORAGE_VERSION = "v1.2.0"
VERSIONS_TABLE = "_platform_versions"


@dataclass(frozen=True, slots=True, kw_only=True)
class WarehouseBuild:
    """What a build found or made: versions and rows by dataset; `rebuilt` is False where the file was current."""

    file: Path
    versions: Mapping[str, int]
    rows: Mapping[str, int]
    rebuilt: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Warehouse:
    """Builds the file at `file`; with a remote store, uploads it there with one PUT."""

    file: Path
    store: ObjectStore
    lake: Lake
    heads: Heads
    engine: Engine
    leases: Leases

    def build(self, contracts: Sequence[Contract]) -> WarehouseBuild:
        """Makes the file say what the served tables say; does nothing where it does already."""
        with self.leases.hold(STORE_KEY):  # of two builds the later one has the newer versions
            return self._build(contracts)

    def _build(self, contracts: Sequence[Contract]) -> WarehouseBuild:
        pinned = {contract: self._snapshot(contract) for contract in contracts}
        pinned = {contract: snapshot for contract, snapshot in pinned.items() if was_published(snapshot)}
        versions = {str(contract.name): snapshot.version for contract, snapshot in pinned.items()}
        rows = {str(contract.name): snapshot.rows for contract, snapshot in pinned.items()}
        if self.built_versions() == versions:
            return WarehouseBuild(file=self.file, versions=versions, rows=rows, rebuilt=False)
        self.file.parent.mkdir(parents=True, exist_ok=True)
        aside = self.file.with_name(f".{self.file.name}.{os.getpid()}")
        aside.unlink(missing_ok=True)
        try:
            self._write(aside, pinned, versions)
            self._swap(aside)
        finally:
            aside.unlink(missing_ok=True)
        return WarehouseBuild(file=self.file, versions=versions, rows=rows, rebuilt=True)

    def built_versions(self) -> Mapping[str, int] | None:
        """The versions that the file was built from; None where there is no usable file."""
        if not self.file.exists():
            return None
        try:
            with duckdb.connect(str(self.file), read_only=True) as con:
                return {str(row[0]): int(row[1]) for row in con.execute(f"FROM {VERSIONS_TABLE}").fetchall()}
        except duckdb.Error:
            return None

    def _write(self, aside: Path, pinned: Mapping[Contract, Snapshot], versions: Mapping[str, int]) -> None:
        with self.engine.session() as con:
            con.execute(f"ATTACH {quote_text(str(aside))} AS warehouse (STORAGE_VERSION '{STORAGE_VERSION}')")
            for contract, snapshot in pinned.items():
                _write_table(con, contract, snapshot)
            con.execute(f"CREATE TABLE warehouse.{VERSIONS_TABLE} (dataset VARCHAR PRIMARY KEY, version BIGINT)")
            if versions:
                con.executemany(
                    f"INSERT INTO warehouse.{VERSIONS_TABLE} VALUES (?, ?)", [list(item) for item in versions.items()]
                )
            con.execute("DETACH warehouse")

    def _swap(self, aside: Path) -> None:
        flush_file(aside)
        if self.store.local_path(STORE_KEY) is None:
            self.store.replace(STORE_KEY, aside)
        aside.replace(self.file)
        flush_folder(self.file.parent)

    def _snapshot(self, contract: Contract) -> Snapshot:
        name = contract.name
        return self.heads.for_reading(self.lake.table(TableRef.of(name, Zone.SERVED)))


def _write_table(con: DuckDBPyConnection, contract: Contract, snapshot: Snapshot) -> None:
    domain, name = quote_identifier(contract.name.domain), quote_identifier(contract.name.name)
    table = f"warehouse.{domain}.{name}"
    con.execute(f"CREATE SCHEMA IF NOT EXISTS warehouse.{domain}")
    columns = [
        f"{quote_identifier(c.name)} {c.type.duckdb()}{' NOT NULL' if c.required else ''}" for c in contract.columns
    ]
    if contract.primary_key:
        columns.append(f"PRIMARY KEY ({', '.join(quote_identifier(n) for n in contract.primary_key)})")
    con.execute(f"CREATE TABLE {table} ({', '.join(columns)})")
    con.execute(f"INSERT INTO {table} BY NAME {snapshot.scan()}")
    con.execute(f"COMMENT ON TABLE {table} IS {quote_text(contract.description)}")
    for column in contract.columns:
        con.execute(f"COMMENT ON COLUMN {table}.{quote_identifier(column.name)} IS {quote_text(column.description)}")
