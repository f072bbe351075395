"""Delta tables: create, open a version, commit durably. What to write or keep is decided elsewhere; staging files
is in `staging`, judging a damaged head in `durability`, shrinking in `compaction`.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from functools import partial

import pyarrow as pa
from deltalake import CommitProperties, DeltaTable, PostCommitHookProperties, Transaction
from deltalake.exceptions import DeltaError
from deltalake.schema import Field
from deltalake.transaction import AddAction, RemoveAction

from data_platform.clock import Clock, SystemClock
from data_platform.errors import ConfigurationError, DamagedTable, SourceUnavailable
from data_platform.lakehouse import checkpoints, delta_log
from data_platform.lakehouse.commit_errors import EntryWriter, first_line
from data_platform.lakehouse.credentials import StoreCredentials
from data_platform.lakehouse.delta_log import ACTION_COUNT, DeltaLog, LoggedCommit
from data_platform.lakehouse.file_stats import FileStats, to_delta
from data_platform.lakehouse.flushing import flush_file, flush_folder, make_folder
from data_platform.lakehouse.object_store import ObjectStore, open_store
from data_platform.lakehouse.opening import open_version
from data_platform.lakehouse.snapshots import ADDED_IN, DataFile, Snapshot, data_files
from data_platform.lakehouse.table_ref import TableRef, Zone

_CONFIGURATION: dict[str, str | None] = {
    "delta.enableExpiredLogCleanup": "false",  # only the retention path shortens a log
    "delta.checkpointInterval": "100",
    "delta.dataSkippingNumIndexedCols": "-1",  # statistics of every column, not only of the first 32
}
_NO_HOOKS = PostCommitHookProperties(create_checkpoint=False, cleanup_expired_logs=False)


@dataclass(frozen=True, slots=True)
class StagedFile:
    """A Parquet file in the table's folder that no commit names yet. `path` is relative to the table's folder."""

    path: str
    size_bytes: int
    rows: int
    stats: FileStats = field(default_factory=FileStats, repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Commit:
    """A commit that is durable. `digest` is the sha256 of its log entry."""

    ref: TableRef
    version: int
    digest: str
    rows_added: int = 0
    rows_removed: int = 0
    files_added: int = 0
    files_removed: int = 0


class Table:
    """One Delta table of a lake."""

    def __init__(self, ref: TableRef, store: ObjectStore, options: Mapping[str, str], clock: Clock) -> None:
        self.ref = ref
        self.store = store  # rooted at the table's own folder
        self.log = DeltaLog(store)
        self._entries = EntryWriter(ref, self.log)
        self._options = dict(options)
        self._clock = clock

    def exists(self) -> bool:
        """Whether version 0 was committed."""
        return self.store.exists(delta_log.entry_key(0))

    def create(self, schema: pa.Schema) -> Snapshot:
        """Commits version 0 durably; the table's present head if another writer was first."""
        properties = CommitProperties(custom_metadata={ACTION_COUNT: "2"}, max_commit_retries=0)
        folder = self.store.local_path("x")
        if folder is not None:
            make_folder(folder.parent / delta_log.FOLDER)
        try:
            if not self.exists():
                DeltaTable.create(
                    self.store.root,
                    schema,
                    configuration=_CONFIGURATION,
                    storage_options=self._options,
                    commit_properties=properties,
                    post_commithook_properties=_NO_HOOKS,
                )
        except (DeltaError, OSError) as error:
            if not self.exists():
                raise SourceUnavailable(f"{self.ref} was not created: {first_line(error)}; try again") from error
        self._flush_entry(0)
        return self.snapshot()

    def version(self) -> int:
        """The newest version in the log, damaged or not; -1 when there is none."""
        return self.log.head()

    def snapshot(self, version: int | None = None) -> Snapshot:
        """One version; the newest by default; a Snapshot of version -1 with no files if the table does not exist.

        Raises:
            DamagedTable: the log entry of that version is empty or torn.
            ConfigurationError: no such version, or the table uses deletion vectors or column mapping.
        """
        wanted = self.version() if version is None else version
        if wanted < 0:
            return Snapshot(
                ref=self.ref, version=-1, schema=pa.schema([]), files=(), timestamp=None, root=self.store.root
            )
        entry = self._entry(wanted)
        handle = open_version(self.ref, self.store, self._options, wanted)
        return Snapshot(
            ref=self.ref,
            version=wanted,
            schema=pa.schema(handle.schema().to_arrow()),
            files=data_files(handle),
            timestamp=entry.timestamp,
            root=self.store.root,
            handle=handle,
        )

    def snapshot_at(self, moment: datetime) -> Snapshot:
        """The version that was newest at `moment`.

        Raises:
            ConfigurationError: the table did not exist then.
        """
        versions = self.log.versions()
        place = bisect_right(versions, moment, key=lambda version: self._entry(version).timestamp)
        if place == 0:
            raise ConfigurationError(f"{self.ref} did not exist at {moment.isoformat()}: name a later time")
        return self.snapshot(versions[place - 1])

    def commit(
        self,
        base: Snapshot,
        *,
        adds: Sequence[StagedFile] = (),
        removes: Sequence[DataFile] = (),
        transactions: Mapping[str, int] | None = None,
        metadata: Mapping[str, str] | None = None,
        changes_data: bool = True,
    ) -> Commit:
        """Makes version `base.version + 1` in one atomic, durable step, or none.

        Raises:
            CommitConflict: the table is no longer at `base`.
            SourceUnavailable: the store failed; whether the commit landed is unknown.
        """
        handle = self._handle_of(base)
        now_ms = int(self._clock.now().timestamp() * 1000)
        actions: list[AddAction | RemoveAction] = [_add(file, now_ms, changes_data) for file in adds]
        actions += [RemoveAction(f.path, changes_data, now_ms, f.size_bytes, {}) for f in removes]
        marks = [Transaction(app_id, version) for app_id, version in (transactions or {}).items()]
        count = str(len(actions) + len(marks))
        properties = CommitProperties(
            custom_metadata={**(metadata or {}), ACTION_COUNT: count}, max_commit_retries=0, app_transactions=marks
        )
        self._flush_staged(adds)
        write = partial(
            handle.create_write_transaction,
            actions,
            mode="append",
            schema=handle.schema(),
            commit_properties=properties,
            post_commithook_properties=_NO_HOOKS,
        )
        changes = ({file.path for file in adds}, {file.path for file in removes})
        marked = (transactions or {}, metadata or {})
        self._entries.write(base.version + 1, write, lambda entry: entry.says(*changes, *marked))
        return Commit(
            ref=self.ref,
            version=base.version + 1,
            digest=self._flush_entry(base.version + 1),
            rows_added=sum(file.rows for file in adds),
            rows_removed=sum(file.rows for file in removes),
            files_added=len(adds),
            files_removed=len(removes),
        )

    def checkpoint(self) -> None:
        """Writes a checkpoint of the head; only the table's publishing writer may."""
        try:
            self._handle_of(self.snapshot()).create_checkpoint()
        except OSError as error:
            raise SourceUnavailable(f"{self.ref}: no checkpoint was written, {first_line(error)}") from error
        checkpoints.flush(self.store)

    def add_columns(self, base: Snapshot, fields: Sequence[pa.Field]) -> Commit:
        """Adds nullable columns in one commit (a minor contract version).

        Raises:
            CommitConflict: the table is no longer at `base`.
            ConfigurationError: a column is there already or is not nullable.
        """
        handle = self._handle_of(base)
        refused = [column.name for column in fields if column.name in base.schema.names or not column.nullable]
        if refused:
            raise ConfigurationError(f"{self.ref}: columns {refused} exist or are required: raise the major version")
        mark = {ADDED_IN.decode(): str(base.version + 1)}
        added = [Field.from_arrow(column.with_metadata(mark)) for column in fields]
        properties = CommitProperties(custom_metadata={ACTION_COUNT: "1"}, max_commit_retries=0)
        write = partial(
            handle.alter.add_columns, added, commit_properties=properties, post_commithook_properties=_NO_HOOKS
        )
        names = [*base.schema.names, *(column.name for column in fields)]
        self._entries.write(base.version + 1, write, lambda entry: self.snapshot(entry.version).schema.names == names)
        return Commit(ref=self.ref, version=base.version + 1, digest=self._flush_entry(base.version + 1))

    def history(self, since: int = 0) -> Iterator[LoggedCommit]:
        """Commits from version `since` on, oldest first.

        Raises:
            DamagedTable: an entry is empty or torn.
        """
        return (self._entry(version) for version in self.log.versions() if version >= since)

    def set_aside(self, version: int) -> str:
        """Moves the log entry of a torn, unacknowledged head to `_damaged/` and returns its new key."""
        if version != self.version():
            raise ConfigurationError(f"{self.ref}: version {version} is not the head, so it cannot be set aside")
        data = self.log.read(version)
        key = f"_damaged/{version:020}-{self.log.digest(version)[:16]}.json"
        self.store.put_if_absent(key, data)
        self.store.delete(delta_log.entry_key(version))
        return key

    def _entry(self, version: int) -> LoggedCommit:
        try:
            entry = self.log.commit(version)
        except FileNotFoundError as error:
            raise ConfigurationError(f"{self.ref} has no version {version}") from error
        if entry is None:
            raise DamagedTable(f"{self.ref}: the log entry of version {version} is torn; run `data-platform doctor`")
        return entry

    def _handle_of(self, base: Snapshot) -> DeltaTable:
        if base.handle is None or base.ref != self.ref:
            raise ConfigurationError(f"{self.ref}: create the table and commit onto its own snapshot")
        return base.handle

    def _flush_staged(self, staged: Sequence[StagedFile]) -> None:
        paths = [path for file in staged if (path := self.store.local_path(file.path)) is not None]
        for path in paths:
            flush_file(path)
        for folder in {path.parent for path in paths}:
            flush_folder(folder)

    def _flush_entry(self, version: int) -> str:
        path = self.store.local_path(delta_log.entry_key(version))
        if path is not None:
            flush_file(path)
            flush_folder(path.parent)
        return self.log.digest(version)


class Lake:
    """All tables of one store."""

    def __init__(self, uri: str, credentials: StoreCredentials | None = None, *, clock: Clock | None = None) -> None:
        self._credentials = credentials or StoreCredentials()
        self.store = open_store(uri, self._credentials)
        self._clock = clock or SystemClock()

    def table(self, ref: TableRef) -> Table:
        """The table, whether or not it exists yet."""
        return Table(ref, *self.folder(ref.path), self._clock)

    def folder(self, path: str) -> tuple[ObjectStore, dict[str, str]]:
        """A store rooted at a folder of this one, and delta-rs's options for it."""
        root = self.store.root
        options = self._credentials.delta_options() if root.startswith("s3://") else {}
        return open_store(f"{root}/{path}", self._credentials), options

    def tables(self) -> list[TableRef]:
        """All tables that have a log, sorted."""
        places = [(zone, domain) for zone in Zone for domain in self.store.folders(f"tables/{zone.value}")]
        found = [
            TableRef(zone, domain, name)
            for zone, domain in places
            for name in self.store.folders(f"tables/{zone.value}/{domain}")
        ]
        return sorted(ref for ref in found if self.table(ref).exists())


def _add(file: StagedFile, now_ms: int, changes_data: bool) -> AddAction:
    return AddAction(
        path=file.path,
        size=file.size_bytes,
        partition_values={},
        modification_time=now_ms,
        data_change=changes_data,
        stats=to_delta(file.rows, file.stats),
    )
