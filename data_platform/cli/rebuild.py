"""The work of `rebuild --verify`: derives every table again from landing and decisions, in a temporary home, and holds
its content hash against the live one. The live store is only read.
"""

from __future__ import annotations

import tempfile
from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from data_platform.cli.contracts import dataset_name
from data_platform.cli.environment import platform_here
from data_platform.cli.output import print_json, print_table, say, stderr, working
from data_platform.cli.refresh import Refreshed, refresh, upstream
from data_platform.contracts.model import DatasetName, Layer
from data_platform.lakehouse.content_hash import ContentHash, content_hash
from data_platform.lakehouse.landing import LandingLog
from data_platform.lakehouse.snapshots import Snapshot
from data_platform.lakehouse.table_ref import TableRef, Zone
from data_platform.publication.decisions import Decision, HeldPlace
from data_platform.wiring.platform import Platform, open_platform


@dataclass(frozen=True, slots=True, kw_only=True)
class Comparison:
    """One dataset, live and rebuilt.

    Attributes:
        verdict: `equal`, `differs`, `stale` (live does not say yet what its inputs say) or `missing` (not rebuilt).
        live, rebuilt: content hashes; None where there is no table.
        note: why it is stale or missing.
    """

    dataset: str
    verdict: str
    live: str | None
    rebuilt: str | None
    rows: int | None
    note: str = ""


def rebuild(*, datasets: tuple[str, ...], as_json: bool) -> int:
    """Rebuilds aside and compares; 1 on any difference."""
    with platform_here() as live, tempfile.TemporaryDirectory(prefix="rebuild-", dir=_room(live)) as folder:
        chosen = [dataset_name(live.project, text) for text in datasets]
        names = upstream(live, chosen) if chosen else set(live.graph.order)
        settings = live.settings.model_copy(
            update={
                "home": Path(folder),
                "store": f"{folder}/store",
                "metastore_url": f"sqlite:///{folder}/metastore.db",
            }
        )
        with open_platform(settings, live.clock) as aside:
            with working("committing landed batches and decisions again"):
                replay_landing(live, aside, names)
                copy_decisions(live, aside, names)
            console = stderr()
            report = (lambda name: console.print(f"  {name}")) if console.is_terminal else (lambda _: None)
            refused = refresh(aside, names, aside.run(), report)
            with working("comparing content"):
                compared = [compare(live, aside, name, refused) for name in live.graph.order if name in names]
    if as_json:
        print_json({"is_equal": all(each.verdict == "equal" for each in compared), "datasets": compared})
    else:
        rows = [(each.dataset, each.verdict, each.rows, each.live, each.rebuilt, each.note) for each in compared]
        print_table("", ["dataset", "verdict", "rows", "live", "rebuilt", "note"], rows)
        equal = sum(each.verdict == "equal" for each in compared)
        say(f"{equal} of {len(compared)} tables have the same content hash")
    return 0 if all(each.verdict == "equal" for each in compared) else 1


def replay_landing(live: Platform, aside: Platform, names: Collection[DatasetName]) -> None:
    """Commits every live manifest into the other platform's raw tables; landed objects are read where they are."""
    ingester = aside.ingester
    reader = replace(ingester, store=live.store, committer=replace(ingester.committer, store=live.store))
    run = aside.run()
    for name in sorted(names):
        if name.layer is Layer.RAW:
            for source in LandingLog(live.store, name.domain, name.name).sources():
                reader.finish(name, source, run)


def copy_decisions(live: Platform, aside: Platform, names: Collection[DatasetName]) -> None:
    """Takes over what people decided: it can be derived from nothing."""
    for name in sorted(names):
        snapshot = live.heads.for_reading(live.lake.table(TableRef.of(name, Zone.DECISIONS)))
        if name.layer is not Layer.CURATED or snapshot.version < 0:
            continue
        with live.engine.session() as con:
            found = con.execute(
                "SELECT decision, decided_by, note, batch_id, record_no, event_date "
                f"FROM ({snapshot.scan()}) ORDER BY ALL"
            ).fetchall()
        places: dict[tuple[str, str, str], list[HeldPlace]] = {}
        for decision, who, note, batch, record, day in found:
            places.setdefault((decision, who, note), []).append(
                HeldPlace(batch_id=batch, record_no=record, event_date=day)
            )
        for (decision, who, note), rows in places.items():
            aside.decisions.decide(name, Decision(decision), rows, who=who, note=note)


def compare(live: Platform, aside: Platform, name: DatasetName, refreshed: Sequence[Refreshed]) -> Comparison:
    """Holds one dataset's live table against the rebuilt one."""
    columns = [column.name for column in live.project.dataset(name).contract.columns]
    ours, theirs = (_hash(each, name, columns) for each in (live, aside))
    problem = next((each.problem for each in refreshed if each.dataset == str(name)), "").partition("\n")[0]
    if ours == theirs:
        verdict, note = "equal", "nothing was landed yet" if ours is None else ""
    elif name.layer is not Layer.RAW and live.staleness.of(name):
        verdict, note = "stale", "the live table is older than its inputs: `data-platform run`, then verify again"
    elif theirs is None or problem:
        verdict, note = "missing", problem
    else:
        verdict, note = "differs", "please report this with both content hashes"
    return Comparison(
        dataset=str(name),
        verdict=verdict,
        live=_text(ours),
        rebuilt=_text(theirs),
        note=note,
        rows=theirs.rows if theirs else None,
    )


def _hash(platform: Platform, name: DatasetName, columns: Sequence[str]) -> ContentHash | None:
    table = platform.lake.table(TableRef.of(name))
    snapshot: Snapshot = platform.heads.for_reading(table)
    if snapshot.version < 0:
        return None
    with platform.engine.session() as con:
        return content_hash(con, snapshot.scan(), columns)


def _text(hashed: ContentHash | None) -> str | None:
    return str(hashed) if hashed else None


def _room(platform: Platform) -> Path:
    """The home: its disk is likelier to have room for a second copy than the machine's folder for small files."""
    platform.settings.home.mkdir(parents=True, exist_ok=True)
    return platform.settings.home
