"""Opening one version of a table with delta-rs; what cannot be read as a plain list of files is refused."""

from __future__ import annotations

from collections.abc import Mapping

from deltalake import DeltaTable
from deltalake.exceptions import DeltaError

from data_platform.errors import ConfigurationError, DamagedTable, SourceUnavailable
from data_platform.lakehouse import checkpoints
from data_platform.lakehouse.commit_errors import first_line
from data_platform.lakehouse.delta_log import DeltaLog
from data_platform.lakehouse.object_store import ObjectStore
from data_platform.lakehouse.table_ref import TableRef


def open_version(ref: TableRef, store: ObjectStore, options: Mapping[str, str], version: int) -> DeltaTable:
    """delta-rs's view of one version, past a checkpoint that is damaged.

    Args:
        ref: the table, for messages.
        store: rooted at the table's folder.
        options: storage options of delta-rs.
        version: one that the log holds.

    Raises:
        DamagedTable: the log cannot be read.
        SourceUnavailable: the store did not answer, for all of delta-rs's own repetitions.
        ConfigurationError: the table uses deletion vectors, column mapping or partition folders.
    """
    try:
        handle = _opened(ref, store, dict(options), version)
    except OSError as error:
        raise SourceUnavailable(f"{ref} version {version}: {first_line(error)}; try again") from error
    _refuse_foreign_features(ref, handle)
    return handle


def _opened(ref: TableRef, store: ObjectStore, options: dict[str, str], version: int) -> DeltaTable:
    try:
        return DeltaTable(store.root, version=version, storage_options=options)
    except DeltaError as error:
        if not checkpoints.set_aside_damaged(store, DeltaLog(store)):
            raise DamagedTable(f"{ref} version {version} cannot be opened: {first_line(error)}") from error
    return DeltaTable(store.root, version=version, storage_options=options)


def _refuse_foreign_features(ref: TableRef, handle: DeltaTable) -> None:
    features = set(handle.protocol().reader_features or ()) & {"deletionVectors", "columnMapping"}
    mapping = handle.metadata().configuration.get("delta.columnMapping.mode", "none")
    if features or mapping != "none" or handle.metadata().partition_columns:
        raise ConfigurationError(
            f"{ref} uses deletion vectors, column mapping or partition folders, which a list of files cannot "
            "tell: rewrite it without them (REORG TABLE … APPLY PURGE, then drop the feature)"
        )
