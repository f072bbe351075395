"""DuckDB as the engine: in-memory connections with bounds, and snapshots as three-part names. Never a shared file."""

from __future__ import annotations

import os
import re
import shutil
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType

import duckdb
from duckdb import DuckDBPyConnection

from data_platform.contracts.types import quote_identifier
from data_platform.errors import RetryableError, SourceRefused, SourceUnavailable
from data_platform.lakehouse.credentials import StoreCredentials
from data_platform.lakehouse.snapshots import Snapshot

# What a store on S3 raises inside a query comes out as text of DuckDB's error.
_STORE_ERRORS: dict[str, type[RetryableError]] = {kind.__name__: kind for kind in (SourceUnavailable, SourceRefused)}
_STORE_ERROR = re.compile(rf"^(?:\w+\.)*({'|'.join(_STORE_ERRORS)}): (.*)$", re.MULTILINE)


def store_error(error: duckdb.Error) -> RetryableError | None:
    """What the store said, where a query failed because of it; None where the query itself is wrong."""
    told = _STORE_ERROR.search(str(error))
    return _STORE_ERRORS[told[1]](told[2]) if told else None


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
        """A connection that is closed at the end of the block.

        Raises:
            SourceUnavailable, SourceRefused: the store did not answer a query in the block.
        """
        con = self.connect(preserve_order=preserve_order)
        try:
            yield con
        except duckdb.Error as error:
            if (told := store_error(error)) is None:
                raise
            raise told from error
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
        from data_platform.lakehouse.s3_files import s3_files  # s3fs takes long to load and local stores need none

        con.register_filesystem(s3_files(credentials))


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
