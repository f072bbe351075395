"""Walks the whole way without an orchestrator, and tells what a store holds afterwards: hashes, rows, ledgers."""

from __future__ import annotations

import os
import time
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from data_platform.contracts.model import DatasetName, Layer
from data_platform.errors import ContractViolation
from data_platform.lakehouse.content_hash import content_hash
from data_platform.lakehouse.delta_log import LoggedCommit
from data_platform.lakehouse.snapshots import Snapshot
from data_platform.lakehouse.table_ref import TableRef, Zone
from data_platform.publication.candidate import Published
from data_platform.settings import load_settings
from data_platform.wiring.platform import Platform, open_platform

KIOSK_DOMAINS = Path(__file__).parent / "domains"
NOON = datetime(2026, 3, 20, 12, tzinfo=UTC)
STARTED = "KIOSK_TESTS_STARTED"  # in the environment, so that processes of one session share one time
RECORD = """CAST(json_merge_patch(record, '{"_ingested_at": null}') AS VARCHAR)"""
HASHED = (Zone.RAW, Zone.REJECTED, Zone.CURATED, Zone.HELD, Zone.SERVED)


class SessionClock:
    """Real time moved to one March noon: receipts of all processes and of all runs fall on the same day."""

    def __init__(self) -> None:
        self._started = float(os.environ.setdefault(STARTED, repr(time.time())))

    def now(self) -> datetime:
        """Noon plus the time since the session started."""
        return NOON + timedelta(seconds=time.time() - self._started)


@contextmanager
def at(home: Path, source: Path, domains: Path = KIOSK_DOMAINS, **settings: Any) -> Iterator[Platform]:
    """A platform on the session's clock, so that two walks over the same files may be compared."""
    wanted = {"threads": 2, "memory_limit": "600MB", **settings}
    with open_platform(load_settings(home=home, source=source, domains=(domains,), **wanted), SessionClock()) as it:
        yield it


def ingest(platform: Platform, *names: str) -> None:
    """Ingests every source, or those named."""
    for domain in platform.project.domains:
        for entry in domain.connectors:
            if not names or entry.name in names:
                # A shop's till makes its folder before it has anything to put there.
                (platform.settings.source / str(entry.options["path"])).parent.mkdir(parents=True, exist_ok=True)
                platform.ingester.ingest(entry, platform.run())


def materialize(platform: Platform) -> tuple[list[Published], dict[str, ContractViolation]]:
    """Materializes what is stale, inputs first, and builds the warehouse file; what was refused is told by dataset."""
    published: list[Published] = []
    refused: dict[str, ContractViolation] = {}
    for name in platform.graph.order:
        if name.layer is Layer.RAW:
            continue
        stale = platform.staleness.of(name)
        for days in stale.days or ((None,) if stale else ()):
            try:
                published.append(platform.materializer.materialize(name, run=platform.run(), days=days))
            except ContractViolation as refusal:
                refused[str(name)] = refusal
    served = [dataset.contract for name, dataset in platform.project.datasets.items() if name.layer is Layer.SERVED]
    platform.warehouse.build(served)
    return published, refused


def walk(platform: Platform) -> list[Published]:
    """The whole way once; nothing may be refused."""
    ingest(platform)
    published, refused = materialize(platform)
    assert refused == {}
    return published


def hashes(platform: Platform, *zones: Zone) -> dict[str, str]:
    """The content hash of every table at its head, as readers see it."""
    return {str(ref): hash_of(platform, ref) for ref in platform.lake.tables() if ref.zone in (zones or HASHED)}


def hash_of(platform: Platform, ref: TableRef, *, without: tuple[str, ...] = ()) -> str:
    """The content hash of one table as readers see it; `without` leaves columns out."""
    snapshot = platform.heads.for_reading(platform.lake.table(ref))
    return hash_at(platform, snapshot, without=without)


def hash_at(platform: Platform, snapshot: Snapshot, *, without: tuple[str, ...] = ()) -> str:
    """The content hash of one version. The record of a held row is compared without the time of its receipt."""
    columns = [name for name in snapshot.schema.names if not name.startswith("_") and name not in without]
    relation = (
        f"SELECT * REPLACE ({RECORD} AS record) FROM ({snapshot.scan()})" if "record" in columns else snapshot.scan()
    )
    with platform.engine.session() as con:
        return str(content_hash(con, relation, columns))


def rows(platform: Platform, table: str, sql: str = "FROM {}", *, version: int | None = None) -> list[tuple[Any, ...]]:
    """What a query over one table says; `{}` stands for the table, e.g. `served.kiosk.items`."""
    opened = platform.lake.table(TableRef.parse(table))
    snapshot = platform.heads.for_reading(opened) if version is None else opened.snapshot(version)
    with platform.engine.session() as con:
        return con.execute(sql.format(f"({snapshot.scan()})")).fetchall()


def fates(platform: Platform, dataset: str) -> Counter[str]:
    """Rows by fate over the newest ledger line of every partition."""
    total: Counter[str] = Counter()
    names = ("curated", "quarantined", "late", "duplicate", "pending", "applied", "unchanged", "superseded")
    for line in platform.metastore.partitions.latest(dataset):
        total.update({name: getattr(line, name) for name in names if getattr(line, name)})
    return total


def open_ledgers(platform: Platform) -> list[str]:
    """Every batch and partition that does not close to 0, and every run still pending."""
    found = [f"batch {batch.dataset} {batch.batch_id}" for batch in platform.metastore.batches.unbalanced()]
    for name in platform.graph.order:
        lines = platform.metastore.partitions.latest(str(name))
        found += [f"{name} {line.partition}" for line in lines if line.residual or line.pending]
    return found


def repeated_places(platform: Platform) -> dict[str, int]:
    """Raw tables in which two rows claim the same place of the same batch, and how many."""
    sql = "SELECT count(*) - count(DISTINCT (_batch_id, _record_no)) FROM {}"
    raw = [ref for ref in platform.lake.tables() if ref.zone is Zone.RAW]
    found = {str(ref): rows(platform, str(ref), sql)[0][0] for ref in raw}
    return {name: repeats for name, repeats in found.items() if repeats}


def history(platform: Platform, table: str) -> list[LoggedCommit]:
    """All commits of a table."""
    return list(platform.lake.table(TableRef.parse(table)).history())


def versions(platform: Platform) -> Mapping[str, int]:
    """The newest version of every table."""
    return {str(ref): platform.lake.table(ref).version() for ref in platform.lake.tables()}


def name_of(dataset: str) -> DatasetName:
    """`layer.domain.name` as a dataset's name."""
    layer, domain, name = dataset.split(".")
    return DatasetName(Layer(layer), domain, name)
