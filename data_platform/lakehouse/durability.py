"""Judging a table's head after a crash, before anyone reads it or builds on it (ARCHITECTURE, publishing). The ledger
that remembers acknowledged digests is the caller's; flushing is in `flushing`.
"""

from __future__ import annotations

import hashlib
import logging
from collections.abc import Callable, Collection
from dataclasses import dataclass
from enum import StrEnum
from typing import TypeAlias

import pyarrow as pa
import pyarrow.parquet as pq

from data_platform.errors import DamagedTable
from data_platform.lakehouse.delta_log import AddedFile, LoggedCommit, parse_entry
from data_platform.lakehouse.snapshots import Snapshot
from data_platform.lakehouse.tables import Table

Acknowledged: TypeAlias = Callable[[int], str | None]  # version -> digest in the ledger

_log = logging.getLogger(__name__)


class HeadKind(StrEnum):
    """What a head is worth."""

    OK = "ok"
    TORN_UNACKNOWLEDGED = "torn_unacknowledged"  # a crash before the ledger was written: set aside, replay
    TORN_ACKNOWLEDGED = "torn_acknowledged"  # data that was promised is damaged: a person has to look
    FOREIGN = "foreign"  # written outside the platform, never audited: a person accepts or rejects it


@dataclass(frozen=True, slots=True)
class HeadCheck:
    """The verdict on a head.

    Attributes:
        version: the version to read: the head if it is ok, else the newest one below that is no worse.
        head: the newest version in the log, or the acknowledged one that is missing there.
        is_acknowledged: whether the ledger knows the head.
        warning: what is wrong, empty if nothing; `fault` the same without table and version, where it was looked for.
    """

    kind: HeadKind
    version: int
    head: int
    is_acknowledged: bool
    warning: str = ""
    fault: str = ""


def verified_head(table: Table, acknowledged: Acknowledged) -> HeadCheck:
    """Compares the head with the ledger, or, where that does not know it, looks whether it is whole."""
    head = table.version()
    if acknowledged(head + 1) is not None:
        warning = f"{table.ref}: version {head + 1} was acknowledged, but the log ends at {head}"
        return HeadCheck(HeadKind.TORN_ACKNOWLEDGED, head, head + 1, is_acknowledged=True, warning=warning)
    if head < 0:
        return HeadCheck(HeadKind.OK, head, head, is_acknowledged=False)
    data = table.log.read(head)
    known = acknowledged(head)
    if known is not None:
        if hashlib.sha256(data).hexdigest() == known:
            return HeadCheck(HeadKind.OK, head, head, is_acknowledged=True)
        warning = f"{table.ref}: the log entry of version {head} no longer has the acknowledged digest"
        return HeadCheck(HeadKind.TORN_ACKNOWLEDGED, head - 1, head, is_acknowledged=True, warning=warning)
    entry = parse_entry(head, data)
    if entry is not None and not entry.is_ours:
        return _foreign(table, head, acknowledged)
    return _judged(table, head, entry, _footer_fault)


def readable_snapshot(table: Table, acknowledged: Acknowledged) -> Snapshot:
    """The head for readers; the version before, with a logged warning, where the head is torn or foreign."""
    check = verified_head(table, acknowledged)
    if check.kind is not HeadKind.OK:
        _log.warning("%s; version %d is served", check.warning, check.version)
    return table.snapshot(check.version)


def writable_snapshot(table: Table, acknowledged: Acknowledged) -> Snapshot:
    """The head for the writer that holds the table's lease: an unacknowledged head is decoded whole, and if it is torn
    it is set aside, so that its manifest can be replayed.

    Raises:
        DamagedTable: the head was acknowledged and is damaged, or was written outside the platform.
    """
    check = verified_head(table, acknowledged)
    if check.kind is HeadKind.FOREIGN:
        raise DamagedTable(
            f"{check.warning}; nothing is written until `data-platform catalog reject {table.ref} --reason …` "
            "(or accept) was run"
        )
    if check.kind is HeadKind.OK and not check.is_acknowledged and check.head >= 0:
        check = _judged(table, check.head, table.log.commit(check.head), _content_fault)
    if check.kind is HeadKind.TORN_ACKNOWLEDGED:
        raise DamagedTable(f"{check.warning}; nothing is written until `data-platform recover {table.ref}` was run")
    if check.kind is HeadKind.TORN_UNACKNOWLEDGED:
        _log.warning("%s; it is set aside as %s", check.warning, table.set_aside(check.head))
    return table.snapshot(check.version)


def named_snapshot(table: Table, version: int, acknowledged: Acknowledged) -> Snapshot:
    """A version that another table names, held against the ledger; where that does not know it, looked at like a head.

    There is no version before that could be served: the one that is named is the only one that fits.

    Raises:
        DamagedTable: it is torn.
    """
    fault = _version_fault(table, version, acknowledged) if version >= 0 else ""
    if fault:
        raise DamagedTable(f"{table.ref}: version {version} is torn, {fault}; run `data-platform recover {table.ref}`")
    return table.snapshot(version)


def damaged_files(table: Table, snapshot: Snapshot, *, but: Collection[str] = ()) -> list[str]:
    """Active files that are missing, short or have no footer, as `path: fault`; those in `but` are not looked at."""
    files = (file for file in snapshot.files if file.path not in but)
    added = (AddedFile(file.path, file.size_bytes, file.rows) for file in files)
    return [fault for file in added if (fault := _footer_fault(table, file))]


def _foreign(table: Table, head: int, acknowledged: Acknowledged) -> HeadCheck:
    """The verdict on a head that the platform did not write, and nobody accepted."""
    version = head - 1
    while version >= 0 and acknowledged(version) is None:
        try:
            entry = table.log.commit(version)
        except FileNotFoundError:
            break  # retention has shortened the log
        if entry is not None and entry.is_ours:
            break
        version -= 1
    which = f"version {head} was" if version == head - 1 else f"versions {version + 1} to {head} were"
    warning = f"{table.ref}: {which} written outside the platform"
    return HeadCheck(HeadKind.FOREIGN, version, head, is_acknowledged=False, warning=warning)


def _version_fault(table: Table, version: int, acknowledged: Acknowledged) -> str:
    try:
        data = table.log.read(version)
    except FileNotFoundError:
        return ""  # retention has shortened the log; the checkpoint behind it holds what the version says
    known = acknowledged(version)
    if known is None:
        return _judged(table, version, parse_entry(version, data), _footer_fault).fault
    return "" if hashlib.sha256(data).hexdigest() == known else "its log entry has not the acknowledged digest"


def _judged(
    table: Table, head: int, entry: LoggedCommit | None, fault_of: Callable[[Table, AddedFile], str]
) -> HeadCheck:
    if entry is None:
        fault = "its log entry is empty or cut"
    else:
        fault = next((fault for file in entry.added if (fault := fault_of(table, file))), "")
    if not fault:
        return HeadCheck(HeadKind.OK, head, head, is_acknowledged=False)
    warning = f"{table.ref}: version {head} is torn, {fault}"
    return HeadCheck(HeadKind.TORN_UNACKNOWLEDGED, head - 1, head, is_acknowledged=False, warning=warning, fault=fault)


def _footer_fault(table: Table, file: AddedFile) -> str:
    return _fault(table, file, decode=False)


def _content_fault(table: Table, file: AddedFile) -> str:
    return _fault(table, file, decode=True)


def _fault(table: Table, file: AddedFile, *, decode: bool) -> str:
    """What is wrong with the file, empty if nothing."""
    try:
        if table.store.size(file.path) != file.size_bytes:
            return f"{file.path}: {table.store.size(file.path)} bytes instead of {file.size_bytes}"
        with table.store.open(file.path) as source:
            parquet = pq.ParquetFile(source)
            rows = parquet.metadata.num_rows
            if decode:
                rows = sum(batch.num_rows for batch in parquet.iter_batches())
    except (OSError, pa.ArrowException) as error:
        return f"{file.path}: {type(error).__name__}"
    return "" if file.rows in (None, rows) else f"{file.path}: {rows} rows instead of {file.rows}"
