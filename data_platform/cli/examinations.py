"""What `doctor` looks at: home, store, project, metastore, landing, tables, ledgers, the warehouse file. Changes
nothing but the metastore's schema, which every command brings up to date.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import TypeAlias

from data_platform.contracts.model import DatasetName, Layer
from data_platform.errors import FaultyProject, PlatformError
from data_platform.lakehouse.compaction import orphans
from data_platform.lakehouse.durability import HeadCheck, HeadKind, damaged_files, verified_head
from data_platform.lakehouse.landing import LandingLog
from data_platform.lakehouse.table_ref import TableRef, Zone
from data_platform.lakehouse.tables import Table
from data_platform.wiring.platform import Platform

_LOW_BYTES = 1 << 30


class State(StrEnum):
    """How grave a finding is."""

    OK = "ok"
    WARNING = "warning"
    WRONG = "wrong"


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """One thing that was looked at. `next` is the command or step that helps; empty where nothing is wrong."""

    area: str
    subject: str
    state: State
    detail: str = ""
    next: str = ""


Examination: TypeAlias = Callable[[Platform], Iterator[Finding]]


def examine(platform: Platform) -> list[Finding]:
    """Everything that lies there, in the order in which faults depend on each other."""
    parts: list[tuple[str, Examination]] = [
        ("home", _home),
        ("store", _store),
        ("metastore", _metastore),
        ("project", _project),
        ("landing", _landing),
        ("table", _tables),
        ("ledger", _ledger),
        ("warehouse", _warehouse),
    ]
    return examined(parts, platform)


def examined(parts: Sequence[tuple[str, Examination]], platform: Platform) -> list[Finding]:
    """What examinations, by area, find; one that cannot run is a fault and hides no other."""
    return [finding for area, examination in parts for finding in _run(area, examination, platform)]


def _run(area: str, examination: Examination, platform: Platform) -> Iterator[Finding]:
    try:
        yield from examination(platform)
    except FaultyProject as error:
        yield Finding(
            area=area,
            subject="domains",
            state=State.WRONG,
            detail=f"{len(error.faults)} faults",
            next="data-platform contracts lint",
        )
    except (PlatformError, OSError) as error:
        yield Finding(
            area=area,
            subject="",
            state=State.WRONG,
            detail=f"could not be examined: {error}",
            next="mend the cause, then run doctor again",
        )


def _home(platform: Platform) -> Iterator[Finding]:
    home = platform.settings.home
    yield _writable("home", home)
    yield _space("home", home)


def _store(platform: Platform) -> Iterator[Finding]:
    store, root = platform.store, platform.settings.store
    if "://" in root:
        store.folders("landing")
        yield Finding(area="store", subject=root, state=State.OK, detail="answers")
        return
    folder = Path(root)
    yield _writable("store", folder)
    yield _space("store", folder)


def _metastore(platform: Platform) -> Iterator[Finding]:
    changed = platform.metastore.migrate()
    detail = "schema was created or upgraded" if changed else "schema is current"
    yield Finding(area="metastore", subject="", state=State.OK, detail=detail)


def _project(platform: Platform) -> Iterator[Finding]:
    for part in platform.soundness.parts:
        first = part.faults[0]
        more = f"; {len(part.faults)} faults in {len(part.files)} files" if len(part.faults) > 1 else ""
        yield Finding(
            area="project",
            subject=part.name,
            state=State.WRONG,
            detail=f"{first.path}:{first.line}: {first.message}{more}",
            next=f"{first.fix}; data-platform contracts lint shows every fault",
        )
    count = len(platform.project.datasets)
    yield Finding(
        area="project",
        subject=", ".join(domain.name for domain in platform.project.domains),
        state=State.OK if count else State.WARNING,
        detail=f"{count} datasets",
        next="" if count else "data-platform init DIR writes a first domain",
    )


def _landing(platform: Platform) -> Iterator[Finding]:
    for name in _raw(platform):
        landing = LandingLog(platform.store, name.domain, name.name)
        for source in landing.sources():
            last, done = (
                landing.last_number(source),
                platform.metastore.batches.last_number(str(name), source=source) or 0,
            )
            missing = sum(not platform.store.exists(o.key) for m in landing.manifests(source) for o in m.objects)
            if missing:
                yield Finding(
                    area="landing",
                    subject=f"{name} {source}",
                    state=State.WRONG,
                    next="restore them from a backup",
                    detail=f"{missing} landed objects are missing",
                )
            elif done < last:
                yield Finding(
                    area="landing",
                    subject=f"{name} {source}",
                    state=State.WRONG,
                    next="data-platform doctor --repair",
                    detail=f"manifests up to {last}, but batches are recorded up to {done}",
                )
            else:
                yield Finding(area="landing", subject=f"{name} {source}", state=State.OK, detail=f"{last} batches")


def _tables(platform: Platform) -> Iterator[Finding]:
    for ref in platform.lake.tables():
        table = platform.lake.table(ref)
        check = head_of(platform, table)
        if check.kind is HeadKind.OK:
            yield _whole_table(platform, table, check)
        else:
            helps = {
                HeadKind.TORN_ACKNOWLEDGED: f"data-platform recover {ref}",
                HeadKind.FOREIGN: f"data-platform catalog scan, then catalog accept or reject {ref}",
                HeadKind.TORN_UNACKNOWLEDGED: "the next run of its writer sets it aside; data-platform run",
            }
            yield Finding(
                area="table", subject=str(ref), state=State.WRONG, detail=check.warning, next=helps[check.kind]
            )


def _whole_table(platform: Platform, table: Table, check: HeadCheck) -> Finding:
    def found(state: State, detail: str, next_: str = "") -> Finding:
        return Finding(area="table", subject=str(table.ref), state=state, detail=detail, next=next_)

    snapshot = table.snapshot(check.version)
    damaged = damaged_files(table, snapshot)
    if damaged:
        return found(
            State.WRONG, f"{len(damaged)} damaged files: {'; '.join(damaged[:3])}", f"data-platform recover {table.ref}"
        )
    recorded = platform.metastore.commits.head(table.ref.path.removeprefix("tables/"))
    if recorded is None or recorded.version < check.head:
        since = -1 if recorded is None else recorded.version
        return found(
            State.WRONG, f"{check.head - since} commits are not in the ledger", "data-platform doctor --repair"
        )
    loose = _loose_files(table, check.version)
    detail = f"version {snapshot.version}, {snapshot.rows} rows in {len(snapshot.files)} files"
    return found(State.OK, detail + (f"; {loose} files that no version names (of a crash, harmless)" if loose else ""))


def _loose_files(table: Table, version: int) -> int:
    """Files in the folder that no version of the log ever added: staged by a process that died before its commit."""
    snapshot = table.snapshot(version)
    added = {file.path for commit in table.history() for file in commit.added}
    return sum(path not in added for path in orphans(table, snapshot))


def _ledger(platform: Platform) -> Iterator[Finding]:
    metastore = platform.metastore
    for batch in metastore.batches.unbalanced():
        yield Finding(
            area="ledger",
            subject=f"{batch.dataset} {batch.batch_id}",
            state=State.WRONG,
            detail=f"residual {batch.residual}",
            next="please report this with the batch's files",
        )
    for name in platform.project.datasets:
        lines = metastore.partitions.latest(str(name))
        residual, pending = sum(abs(line.residual) for line in lines), sum(line.pending for line in lines)
        if residual:
            yield Finding(
                area="ledger",
                subject=str(name),
                state=State.WRONG,
                detail=f"residual {residual}",
                next="please report this with the contract and query",
            )
        elif pending:
            yield Finding(
                area="ledger",
                subject=str(name),
                state=State.WARNING,
                detail=f"{pending} rows are pending: a check blocked their publish",
                next=f"data-platform run {name} says which check; mend the source or the contract, and run it again",
            )
        elif lines:
            yield Finding(
                area="ledger", subject=str(name), state=State.OK, detail=f"{len(lines)} partitions close to 0"
            )


def _warehouse(platform: Platform) -> Iterator[Finding]:
    file, versions = platform.settings.warehouse_file, platform.warehouse.built_versions()
    served = {
        str(contract.name): platform.lake.table(TableRef.of(contract.name, Zone.SERVED)).version()
        for contract in platform.served
    }
    served = {name: version for name, version in served.items() if version > 0}
    if versions == served or (versions is None and not served):
        yield Finding(
            area="warehouse", subject=str(file), state=State.OK, detail="current" if served else "nothing served yet"
        )
        return
    detail = "is older than the served tables" if versions is not None else "is missing or cannot be opened"
    yield Finding(
        area="warehouse", subject=str(file), state=State.WARNING, detail=detail, next="data-platform warehouse build"
    )


def head_of(platform: Platform, table: Table) -> HeadCheck:
    """The verdict on a table's head, held against the ledger."""
    path = table.ref.path.removeprefix("tables/")
    return verified_head(table, lambda version: platform.metastore.commits.digest(path, version=version))


def _raw(platform: Platform) -> list[DatasetName]:
    return [name for name in platform.project.datasets if name.layer is Layer.RAW]


def _writable(area: str, folder: Path) -> Finding:
    nearest = next(path for path in (folder, *folder.parents) if path.exists())
    if not os.access(nearest, os.R_OK | os.W_OK | os.X_OK):
        return Finding(
            area=area,
            subject=str(folder),
            state=State.WRONG,
            detail=f"{nearest} cannot be read and written",
            next=f"give {os.environ.get('USER', 'the user')} access, or set DATA_PLATFORM_{area.upper()}",
        )
    return Finding(area=area, subject=str(folder), state=State.OK, detail="readable and writable")


def _space(area: str, folder: Path) -> Finding:
    nearest = next(path for path in (folder, *folder.parents) if path.exists())
    free = shutil.disk_usage(nearest).free
    state = State.WARNING if free < _LOW_BYTES else State.OK
    return Finding(
        area=area,
        subject="disk",
        state=state,
        detail=f"{free / 1e9:.1f} GB free",
        next="make room before the next run" if state is State.WARNING else "",
    )
