"""DuckDB as the engine: in-memory connections with bounds, and snapshots as three-part names. Never a shared file."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType

import duckdb
from duckdb import DuckDBPyConnection

from data_platform.contracts.types import quote_identifier
from data_platform.lakehouse.credentials import StoreCredentials
from data_platform.lakehouse.snapshots import Snapshot


class Engine:
    """Makes connections; owns this process's folder below `spill_dir` until `close`."""

    def __init__(
        self,
        *,
        spill_dir: Path,
        memory_limit: str = "1200MB",
        threads: int = 2,
        credentials: StoreCredentials | None = None,
    ) -> None:
        """`credentials` are for a store on S3; None where the store is a local folder."""
        self._spill = spill_dir / f"{os.getpid()}-{id(self):x}"
        self._memory_limit = memory_limit
        self._threads = threads
        self._credentials = credentials

    def connect(self, *, preserve_order: bool = False) -> DuckDBPyConnection:
        """A new in-memory database: UTC, bounded memory and threads, no extension is ever fetched."""
        self._spill.mkdir(parents=True, exist_ok=True)
        con = duckdb.connect(
            ":memory:",
            config={
                "memory_limit": self._memory_limit,
                "threads": self._threads,
                "temp_directory": str(self._spill),
                "preserve_insertion_order": preserve_order,
                "autoinstall_known_extensions": False,
                "autoload_known_extensions": False,
            },
        )
        con.execute("SET TimeZone = 'UTC'")
        con.execute("SET enable_progress_bar = false")
        if self._credentials is not None:
            self._register_s3(con, self._credentials)
        return con

    @contextmanager
    def session(self, *, preserve_order: bool = False) -> Iterator[DuckDBPyConnection]:
        """A connection that is closed at the end of the block."""
        con = self.connect(preserve_order=preserve_order)
        try:
            yield con
        finally:
            con.close()

    def close(self) -> None:
        """Removes this process's spill folder."""
        shutil.rmtree(self._spill, ignore_errors=True)

    def __enter__(self) -> Engine:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    @staticmethod
    def _register_s3(con: DuckDBPyConnection, credentials: StoreCredentials) -> None:
        from data_platform.lakehouse.s3_store import file_system  # s3fs takes long to load and local stores need none

        con.register_filesystem(file_system(credentials))


def attach_layers(con: DuckDBPyConnection, layers: Iterable[str]) -> None:
    """Makes each layer a database of `con`, so that `layer.domain.name` resolves."""
    for layer in layers:
        con.execute(f"ATTACH IF NOT EXISTS ':memory:' AS {quote_identifier(layer)}")


def register_snapshot(
    con: DuckDBPyConnection, dataset: str, snapshot: Snapshot, columns: Sequence[str] | None = None
) -> None:
    """Makes `layer.domain.name` a view of the snapshot's rows: all columns, or `columns`.

    Raises:
        ValueError: `dataset` has not three parts.
    """
    register_query(con, dataset, snapshot.scan(columns))


def register_query(con: DuckDBPyConnection, dataset: str, select: str) -> None:
    """Makes `layer.domain.name` a view of `select`.

    Raises:
        ValueError: `dataset` has not three parts.
    """
    parts = dataset.split(".")
    if len(parts) != 3:
        raise ValueError(f"{dataset!r} is not <layer>.<domain>.<dataset>")
    layer, domain, name = (quote_identifier(part) for part in parts)
    attach_layers(con, parts[:1])
    con.execute(f"CREATE SCHEMA IF NOT EXISTS {layer}.{domain}")
    con.execute(f"CREATE OR REPLACE VIEW {layer}.{domain}.{name} AS {select}")
