"""The work of `recover`: takes a table back behind a damaged head and derives what was lost again.

Raw and rejected are derived from landing, curated, served and held by materializing. Decisions cannot be derived from
anything, so they are not touched. Damaged log entries are kept in the table's `_damaged` folder.
"""

from __future__ import annotations

from dataclasses import dataclass

from data_platform.cli.environment import platform_here
from data_platform.cli.examinations import head_of
from data_platform.cli.held import print_refreshed
from data_platform.cli.output import say, stdout, working
from data_platform.cli.refresh import refresh
from data_platform.contracts.model import DatasetName, Layer
from data_platform.errors import ConfigurationError, DamagedTable
from data_platform.lakehouse.durability import HeadKind, damaged_files
from data_platform.lakehouse.landing import LandingLog
from data_platform.lakehouse.table_ref import TableRef, Zone
from data_platform.lakehouse.tables import Table
from data_platform.publication.publish import side_transaction
from data_platform.wiring.platform import Platform


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """One table that goes back: its log ends at `keep` afterwards."""

    table: Table
    keep: int
    why: str


def recover(*, table: str, yes: bool) -> int:
    """Shows the plan; with `yes` carries it out. 0 also where nothing is wrong."""
    with platform_here() as platform:
        steps = plan(platform, _ref(table))
        if not steps:
            say(f"{table}: the head is whole, nothing to recover")
            return 0
        for step in steps:
            stdout().print(f"take {step.table.ref} back to version {step.keep}: {step.why}", soft_wrap=True)
        dataset = _dataset(platform, steps[0].table.ref)
        derived = "commit its landed batches again" if dataset.layer is Layer.RAW else "materialize it again"
        stdout().print(f"then {derived}, and materialize what reads it", soft_wrap=True)
        if not yes:
            say("nothing was done: say --yes")
            return 1
        with working(f"recovering {table}"):
            for step in steps:
                go_back(platform, step)
            return _derive(platform, dataset)


def plan(platform: Platform, ref: TableRef) -> list[Step]:
    """What has to go back; empty where the table is whole.

    Raises:
        ConfigurationError: there is no such table.
        DamagedTable: nothing can derive the table again.
    """
    table = platform.lake.table(ref)
    check = head_of(platform, table)
    if check.head < 0:
        raise ConfigurationError(f"there is no table {ref}; `data-platform doctor` lists all")
    if check.kind is HeadKind.OK:
        damaged = damaged_files(table, table.snapshot(check.version))
        torn = "" if damaged else _torn_named(platform, table)
        if not damaged and not torn:
            damaged = damaged_files(table, table.snapshot(_named(platform, table) or check.version))
        if not damaged and not torn:
            return []
        keep = (_named(platform, table) or 0) - 1 if torn else _last_without(table, damaged)
        why = torn or f"damaged files: {'; '.join(damaged[:3])}"
    else:
        keep, why = check.version, check.warning
    if ref.zone is Zone.DECISIONS:
        raise DamagedTable(
            f"{why}. Decisions are people's and can be derived from nothing: restore the folder {ref.path} "
            "of the store from a backup"
        )
    return [*_named_by(platform, table, keep), Step(table=table, keep=keep, why=why)]


def go_back(platform: Platform, step: Step) -> None:
    """Sets the log entries above `keep` aside, newest first, and forgets that they were acknowledged."""
    table = step.table
    while table.version() > step.keep:
        table.set_aside(table.version())
    platform.metastore.commits.forget(table.ref.path.removeprefix("tables/"), from_version=step.keep + 1)
    platform.recovery.catch_up(table)


def _named(platform: Platform, side: Table) -> int | None:
    """The version of a held table that its main table names; None for other tables, and where none is named."""
    if side.ref.zone is not Zone.HELD:
        return None
    main = platform.lake.table(TableRef(Zone.CURATED, side.ref.domain, side.ref.name))
    return main.snapshot().transaction(side_transaction(side.ref))


def _torn_named(platform: Platform, side: Table) -> str:
    """What is wrong with the version that is named, which need not be the head; empty if nothing."""
    if _named(platform, side) is None:
        return ""
    main = platform.lake.table(TableRef(Zone.CURATED, side.ref.domain, side.ref.name))
    try:
        platform.heads.side_for_reading(side, main.snapshot())
    except DamagedTable as error:
        return str(error).partition("; run ")[0]
    return ""


def _last_without(table: Table, damaged: list[str]) -> int:
    """The newest version before any damaged file was added."""
    paths = {fault.split(": ", 1)[0] for fault in damaged}
    for commit in table.history():
        if paths.intersection(file.path for file in commit.added):
            return commit.version - 1
    return table.version()


def _named_by(platform: Platform, side: Table, keep: int) -> list[Step]:
    """Main tables whose head rests on a side version that goes: they go back first."""
    ref = side.ref
    if ref.zone is Zone.HELD:
        main = platform.lake.table(TableRef(Zone.CURATED, ref.domain, ref.name))
        good = _newest(main, lambda version: (main.snapshot(version).transaction(side_transaction(ref)) or 0) <= keep)
    elif ref.zone is Zone.REJECTED:
        main = platform.lake.table(TableRef(Zone.RAW, ref.domain, ref.name))
        sources = LandingLog(platform.store, ref.domain, ref.name).sources()
        kept = side.snapshot(keep)
        good = _newest(
            main,
            lambda version: all(
                (main.snapshot(version).transaction(source) or 0) <= (kept.transaction(source) or 0)
                for source in sources
            ),
        )
    else:
        return []
    if good == main.version():
        return []
    return [Step(table=main, keep=good, why=f"it rests on a version of {ref} that goes")]


def _newest(table: Table, is_good: object) -> int:
    assert callable(is_good)
    return next((version for version in range(table.version(), -1, -1) if is_good(version)), -1)


def _derive(platform: Platform, dataset: DatasetName) -> int:
    run = platform.run()
    if dataset.layer is Layer.RAW:
        for source in LandingLog(platform.store, dataset.domain, dataset.name).sources():
            batches = platform.ingester.finish(dataset, source, run)
            say(f"{dataset}: {len(batches)} landed batches of {source} committed again")
        names = {*platform.graph.downstream(dataset)}
    else:
        names = {dataset, *platform.graph.downstream(dataset)}
    return print_refreshed(refresh(platform, names, run))


def _dataset(platform: Platform, ref: TableRef) -> DatasetName:
    """The dataset whose table, or side table, it is."""
    layer = {Zone.REJECTED: Layer.RAW, Zone.RAW: Layer.RAW, Zone.SERVED: Layer.SERVED}.get(ref.zone, Layer.CURATED)
    return platform.project.dataset(DatasetName(layer, ref.domain, ref.name)).name


def _ref(text: str) -> TableRef:
    try:
        return TableRef.parse(text.replace("/", "."))
    except ValueError as error:
        raise ConfigurationError(f"{error}; for example raw.shop.orders") from error
