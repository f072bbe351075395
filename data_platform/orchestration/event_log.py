"""Dagster's SQLite storage with one connection to each event log file, for a process that runs many steps itself.

The same files and tables as Dagster's own, so `dagster dev` reads them as ever. Dagster opens an engine and a
connection for every event and compiles every statement anew; with all checks of a project that was most of a run's
time. Named in the instance's overrides (`instance`), never in `dagster.yaml`.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from dagster._core.storage.event_log import SqliteEventLogStorage
from dagster._core.storage.sql import create_engine
from dagster._core.storage.sqlite_storage import DagsterSqliteStorage
from dagster._serdes import ConfigurableClassData

_BUSY_SECONDS = 300


class PooledEventLog(SqliteEventLogStorage):
    """Keeps its connections until it is disposed of."""

    def __init__(self, base_dir: str) -> None:
        self._engines: dict[str, Any] = {}
        super().__init__(base_dir)

    def dispose(self) -> None:
        """Closes every connection."""
        for engine in self._engines.values():
            engine.dispose()
        self._engines.clear()
        super().dispose()

    @contextmanager
    def _connect(self, shard: str) -> Iterator[Any]:
        if shard not in self._engines:
            with super()._connect(shard):  # makes the file and its tables
                pass
            self._engines[shard] = _engine(self.conn_string_for_shard(shard))
        # The lock is Dagster's own; under it one pooled connection is enough, and is the one that `_engine` set up.
        with self._db_lock, self._engines[shard].begin() as connection:
            yield connection


class PooledSqliteStorage(DagsterSqliteStorage):
    """Runs and schedules as Dagster keeps them, events through `PooledEventLog`."""

    def __init__(self, base_dir: str, inst_data: ConfigurableClassData | None = None) -> None:
        super().__init__(base_dir, inst_data)
        self._event_log_storage.dispose()
        self._event_log_storage = PooledEventLog(str(Path(base_dir) / "history" / "runs"))

    @classmethod
    def from_config_value(cls, inst_data: ConfigurableClassData | None, config_value: Any) -> PooledSqliteStorage:
        """As Dagster makes storages from its configuration."""
        return cls.from_local(inst_data=inst_data, **config_value)


def _engine(url: str) -> Any:
    engine = create_engine(url, connect_args={"timeout": _BUSY_SECONDS})
    with engine.connect() as connection:
        # Events can be lost to a power cut, never to a crash; what must last is in the store and in the ledger.
        connection.exec_driver_sql("PRAGMA synchronous = NORMAL")
    return engine
