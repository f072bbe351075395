"""Lists the tables that physically are in a store, whoever made them: Delta tables, and Parquet files without a log.

The store is walked folder by folder, so memory is bounded by the largest single folder. What the platform itself keeps
beside its tables (landing, what was moved out of the way) is known by name and not looked into.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from data_platform.lakehouse import delta_log
from data_platform.lakehouse.delta_log import DeltaLog
from data_platform.lakehouse.found_tables import FoundTable, delta_table, parquet_table
from data_platform.lakehouse.object_store import ObjectStore, Sizes
from data_platform.lakehouse.tables import Lake

REJECTED_AREA = "_rejected"  # where tables go that a person did not want among the others
_OWN_AREAS = frozenset({"landing", REJECTED_AREA})
_TABLES = "tables"
_TABLE_DEPTH = 3  # tables/<zone>/<domain>/<name>: folders above hold tables, a Parquet file in them is one by itself
_PARQUET = (".parquet", ".pq")


@dataclass(frozen=True, slots=True)
class Inventory:
    """The tables of one lake's store."""

    lake: Lake

    def tables(self) -> Iterator[FoundTable]:
        """Every table, in order of place.

        Raises:
            SourceUnavailable: the store did not answer.
        """
        yield from self._walk("")

    def at(self, place: str) -> FoundTable | None:
        """The table at a place; None where there is none any more."""
        parent, _, name = place.rpartition("/")
        size = self._store.objects(parent).get(name)
        if size is not None:
            return parquet_table(place, self._store, {place: size}) if name.endswith(_PARQUET) else None
        return next((table for table in self._walk(place) if table.place == place), None)

    @property
    def _store(self) -> ObjectStore:
        return self.lake.store

    def _walk(self, folder: str) -> Iterator[FoundTable]:
        inner = [name for name in self._store.folders(folder) if folder or name not in _OWN_AREAS]
        if delta_log.FOLDER in inner:
            if (table := self._delta(folder)) is not None:
                yield table
            # The folders inside hold partitions and what writers keep; a table put in there is one all the same.
            inner = [name for name in inner if "=" not in name and not name.startswith(("_", "."))]
        else:
            partitions = [name for name in inner if "=" in name]
            yield from self._parquet(folder, partitions)
            inner = [name for name in inner if name not in partitions]
        for name in inner:
            yield from self._walk(_join(folder, name))

    def _delta(self, folder: str) -> FoundTable | None:
        store, options = self.lake.folder(folder)
        version = DeltaLog(store).head()
        if version < 0 and not store.objects(""):
            return None  # it is being made
        return delta_table(folder, store, options, version=version)

    def _parquet(self, folder: str, partitions: list[str]) -> Iterator[FoundTable]:
        files = self._files(folder)
        if _holds_tables(folder):
            for key, size in sorted(files.items()):
                yield parquet_table(key, self._store, {key: size})
            files = {}
        for name in partitions:
            files |= self._below(_join(folder, name))
        if files:
            yield parquet_table(folder, self._store, files)

    def _below(self, folder: str) -> Sizes:
        files = self._files(folder)
        for name in self._store.folders(folder):
            files |= self._below(_join(folder, name))
        return files

    def _files(self, folder: str) -> Sizes:
        found = self._store.objects(folder).items()
        return {_join(folder, name): size for name, size in found if name.endswith(_PARQUET)}


def _holds_tables(folder: str) -> bool:
    parts = folder.split("/") if folder else []
    return not parts or (parts[0] == _TABLES and len(parts) <= _TABLE_DEPTH)


def _join(folder: str, name: str) -> str:
    return f"{folder}/{name}" if folder else name
