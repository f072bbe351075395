"""A scan of the store: what is there is compared with contracts and ledger, and what changed since the last scan is
kept and told as lineage events, in one transaction. The comparison itself is in `discovery`.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence, Set
from dataclasses import asdict, dataclass, replace
from datetime import datetime, timedelta
from functools import cached_property
from pathlib import Path

from data_platform.catalog.discovery import (
    WAREHOUSE,
    Expected,
    ForeignCommit,
    History,
    Judged,
    Standing,
    expectations,
    judge,
    missing,
    name_of,
)
from data_platform.catalog.telling import facts_of, gone_facts
from data_platform.clock import Clock
from data_platform.contracts.domains import Project
from data_platform.contracts.model import Layer
from data_platform.errors import SourceUnavailable
from data_platform.lakehouse.delta_log import DeltaLog
from data_platform.lakehouse.duckdb_inventory import duckdb_objects
from data_platform.lakehouse.found_tables import FoundKind, FoundTable
from data_platform.lakehouse.inventory import Inventory
from data_platform.lakehouse.tables import Lake
from data_platform.lineage.names import PLATFORM
from data_platform.metastore.catalog_findings import FindingEntry, ScanEntry
from data_platform.metastore.engine import Metastore
from data_platform.publication.recording import Recorder
from data_platform.publication.warehouse import VERSIONS_TABLE

_MOST_FOREIGN = 50  # versions that are named of one table
_MOST_READ = 500  # log entries that are read of one table


@dataclass(frozen=True, slots=True, kw_only=True)
class Scanned:
    """What a scan found: its numbers, every finding, and those that are new or came to be otherwise."""

    scan: ScanEntry
    findings: tuple[FindingEntry, ...]
    changed: tuple[FindingEntry, ...]
    gone: tuple[FindingEntry, ...]

    @property
    def open(self) -> tuple[FindingEntry, ...]:
        """What somebody has to settle."""
        return tuple(one for one in self.findings if one.is_open)


@dataclass(frozen=True)
class Scanner:
    """Scans one platform's store and served file.

    Attributes:
        served_file: the DuckDB file, on this machine.
        built_versions: the versions that it was built from, as it says itself.
    """

    lake: Lake
    project: Project
    metastore: Metastore
    recorder: Recorder
    clock: Clock
    served_file: Path
    built_versions: Callable[[], Mapping[str, int] | None]

    def scan(self) -> Scanned:
        """Looks at everything.

        Raises:
            SourceUnavailable: the store did not answer, and nothing is changed; or the served file did not, as where
                somebody has it open for writing, and what was found in it before stays as it was.
        """
        started_at = self.clock.now()
        recorded = self.metastore.commits.tables()  # before looking, or what is first published meanwhile were missing
        served: dict[str, FoundTable] = {}
        judged = {one.name: one for one in self._tables(served)}
        try:
            judged |= {one.name: one for one in self._copies(served.get)}
        except SourceUnavailable:
            self._settle(judged | self._missing(judged, recorded), started_at, but=f"{WAREHOUSE}.")
            raise
        return self._settle(judged | self._missing(judged, recorded), started_at)

    def look_again(self, finding: FindingEntry) -> Judged | None:
        """What one table is now; None where it is gone and no contract says that it should be there."""
        expected = self._expected.get(finding.name)
        if finding.name.startswith(f"{WAREHOUSE}."):
            there = [one for one in self._copies(self._served) if one.name == finding.name]
            return there[0] if there else None
        found = Inventory(self.lake).at(finding.place)
        if found is not None:
            return judge(found, expected, self._history(found, expected))
        recorded = self._recorded(expected) if expected else None
        return missing(expected, recorded) if expected and recorded is not None else None

    def foreign(self, finding: FindingEntry) -> tuple[ForeignCommit, ...]:
        """The versions of a table that the ledger does not have and the platform did not write."""
        found = Inventory(self.lake).at(finding.place)
        expected = self._expected.get(finding.name)
        return self._history(found, expected).foreign if found is not None and found.kind is FoundKind.DELTA else ()

    @cached_property
    def _expected(self) -> Mapping[str, Expected]:
        return expectations(self.project)

    def _tables(self, served: dict[str, FoundTable]) -> Iterator[Judged]:
        """The tables of the store; those of the served layer are noted by dataset."""
        for found in Inventory(self.lake).tables():
            expected = self._expected.get(name_of(found))
            if expected is not None and expected.name.startswith(f"{Layer.SERVED}."):
                served[expected.dataset] = found
            yield judge(found, expected, self._history(found, expected))

    def _copies(self, served: Callable[[str], FoundTable | None]) -> Iterator[Judged]:
        versions, objects = self._served_file()
        for name, found in objects.items():
            expected = self._expected.get(name)
            if expected is not None:
                original = served(expected.dataset)
                is_newest = original is not None and original.version == versions.get(expected.dataset)
                expected = _as_built(expected, original if is_newest and original else found)
            if found.place != f"main.{VERSIONS_TABLE}":
                yield judge(found, expected, self._built(expected, versions))
        for dataset, version in versions.items():
            copied = self._expected.get(f"{WAREHOUSE}.{dataset.partition('.')[2]}")
            if copied is not None and copied.name not in objects:
                yield missing(copied, version)

    def _served_file(self) -> tuple[Mapping[str, int], Mapping[str, FoundTable]]:
        """The versions that the file was built from and what is in it, both of one file: builds swap it at any time."""
        while True:
            versions = self.built_versions() or {}
            objects = {name_of(one): one for one in duckdb_objects(self.served_file)}
            if (self.built_versions() or {}) == versions:
                return versions, objects

    def _served(self, dataset: str) -> FoundTable | None:
        return Inventory(self.lake).at(f"tables/{dataset.replace('.', '/')}")

    def _built(self, expected: Expected | None, versions: Mapping[str, int]) -> History:
        version = versions.get(expected.dataset) if expected else None
        if expected is None or version is None:
            return History()
        commit = self.metastore.commits.get(expected.dataset.replace(".", "/"), version=version)
        return History(rows=commit.rows if commit and commit.metadata else None)

    def _missing(self, judged: Mapping[str, Judged], recorded: Set[str]) -> dict[str, Judged]:
        lacking = (one for name, one in self._expected.items() if name not in judged)
        versions = {one: self._recorded(one) for one in lacking if one.name.replace(".", "/") in recorded}
        return {one.name: missing(one, version) for one, version in versions.items() if version is not None}

    def _recorded(self, expected: Expected) -> int | None:
        head = self.metastore.commits.head(expected.name.replace(".", "/"))
        return head.version if head else None

    def _history(self, found: FoundTable, expected: Expected | None) -> History:
        """The ledger is read after the table was opened, and the log after the ledger: so what the platform commits
        meanwhile looks neither foreign nor lost.
        """
        if expected is None or found.kind is not FoundKind.DELTA or found.version is None or found.version < 0:
            return History()
        path = expected.name.replace(".", "/")
        known, digest = (
            self.metastore.commits.versions(path),
            self.metastore.commits.digest(path, version=found.version),
        )
        log = DeltaLog(self.lake.folder(found.place)[0])
        versions = log.versions()
        unknown = [v for v in versions if min(known, default=0) <= v <= found.version and v not in known]
        newest = max(known, default=-1)
        return History(
            foreign=tuple(_foreign(log, unknown[-_MOST_READ:]))[-_MOST_FOREIGN:],
            rewritten=(found.version,) if digest is not None and log.digest(found.version) != digest else (),
            lost=newest if newest > max(versions, default=-1) else None,
        )

    def _settle(self, judged: Mapping[str, Judged], started_at: datetime, *, but: str | None = None) -> Scanned:
        """Keeps what was found; lines whose names begin with `but` stay as they are."""
        now = self.clock.now()
        with self.metastore.transaction() as tx:
            store = self.metastore.catalog
            before = {one.name: one for one in store.findings.all(tx=tx) if not (but and one.name.startswith(but))}
            findings = tuple(self.entry(one, before.get(name), now) for name, one in sorted(judged.items()))
            changed = tuple(one for one in findings if _is_news(one, before.get(one.name)))
            gone = tuple(one for name, one in before.items() if name not in judged)
            scan = _counted(judged, findings, started_at, now)
            store.findings.put(findings, tx=tx)
            store.findings.remove([one.name for one in gone], tx=tx)
            store.scans.record(scan, tx=tx)
            told = [facts_of(one, judged[one.name], self.lake.store.root, one.changed_at) for one in changed]
            told += [gone_facts(one, moment_after(one, now)) for one in gone if one.standing != Standing.MANAGED]
            self.recorder.discovered(told, tx=tx)
        return Scanned(scan=scan, findings=findings, changed=changed, gone=gone)

    def entry(self, judged: Judged, before: FindingEntry | None, now: datetime) -> FindingEntry:
        """The line of a table; what was decided holds for as long as it is as it was."""
        found, namespace, name = judged.found, *self.dataset_of(judged)
        is_same = before is not None and before.fingerprint == judged.fingerprint
        line = FindingEntry(
            name=judged.name,
            kind=found.kind.value if found else before.kind if before else FoundKind.DELTA.value,
            place=found.place if found else before.place if before else f"tables/{judged.name.replace('.', '/')}",
            dataset_namespace=namespace,
            dataset_name=name,
            standing=judged.standing.value,
            differences=tuple(asdict(one) for one in judged.differences),
            fingerprint=judged.fingerprint,
            version=found.version if found else None,
            rows=found.rows if found else None,
            size_bytes=found.size_bytes if found else None,
            first_seen_at=before.first_seen_at if before else now,
            changed_at=before.changed_at if before and is_same else moment_after(before, now),
            last_seen_at=now,
        )
        if before is None or not is_same:
            return line
        return replace(
            line,
            decision=before.decision,
            decided_by=before.decided_by,
            reason=before.reason,
            decided_at=before.decided_at,
        )

    def dataset_of(self, judged: Judged) -> tuple[str, str]:
        """What the catalog calls a table: outside the platform's own folders, by the naming of OpenLineage."""
        if "/" not in judged.name or judged.name.startswith(f"{WAREHOUSE}."):
            return PLATFORM, judged.name
        root, place = self.lake.store.root, judged.name.removeprefix("./")
        if "://" not in root:
            return "file", f"{root}/{place}"
        bucket, _, prefix = root.partition("://")[2].partition("/")
        return f"s3://{bucket}", "/".join(part for part in (prefix, place) if part)


def moment_after(before: FindingEntry | None, now: datetime) -> datetime:
    """When the next thing is told of a table: in the catalog the later event wins, whatever a clock does."""
    told = [at + timedelta(microseconds=1) for at in ((before.changed_at, before.decided_at) if before else ()) if at]
    return max(now, *told) if told else now


def _as_built(expected: Expected, original: FoundTable) -> Expected:
    """A copy has the columns that its table had: those of a new minor version come to both with the next run."""
    there = {column.name for column in original.columns}
    return replace(expected, columns=tuple(column for column in expected.columns if column.name in there))


def _foreign(log: DeltaLog, versions: Sequence[int]) -> Iterator[ForeignCommit]:
    for version in versions:
        try:
            entry = log.commit(version)
        except FileNotFoundError:
            continue
        if entry is not None and not entry.is_ours:
            yield ForeignCommit(version=version, operation=entry.operation, engine=entry.engine, digest=entry.digest)


def _is_news(now: FindingEntry, before: FindingEntry | None) -> bool:
    if before is None:
        return now.standing != Standing.MANAGED
    return now.fingerprint != before.fingerprint


def _counted(
    judged: Mapping[str, Judged], findings: Iterable[FindingEntry], started_at: datetime, ended_at: datetime
) -> ScanEntry:
    standings = Counter(one.standing for one in judged.values())
    # Tables beside a dataset's own count for nothing by themselves, or half of what is there would cover the other.
    there = [one for one in judged.values() if one.found and not (one.expected and one.expected.is_side)]
    return ScanEntry(
        started_at=started_at,
        ended_at=ended_at,
        discovered=len(there),
        cataloged=sum(one.expected is not None for one in there),
        managed=standings[Standing.MANAGED],
        drifted=standings[Standing.DRIFTED],
        unmanaged=standings[Standing.UNMANAGED],
        missing=standings[Standing.MISSING],
        undecided=sum(one.is_open for one in findings),
    )
