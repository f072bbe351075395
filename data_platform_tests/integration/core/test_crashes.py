from __future__ import annotations

import shutil
import subprocess
import sys
from dataclasses import asdict
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from data_platform.connectors.source_log import SourceLog
from data_platform.errors import CommitConflict, RetryableError, SourceUnavailable
from data_platform.lakehouse.compaction import compact
from data_platform.lakehouse.table_ref import Zone
from data_platform.lakehouse.tables import Table
from data_platform.publication.publish import new_file_name
from data_platform.publication.recording import Recorder
from data_platform_tests.integration.core.orders import FIELDS, deliver, orders
from data_platform_tests.kit import Kit, at, csv_text

GOOD = [
    ("A1", at("2026-03-01"), "1.00", ""),
    ("B1", at("2026-03-02"), "2.00", ""),
    ("C1", at("2026-03-02"), "-2.00", ""),
]
BROKEN = ("D1", "yesterday", "1.00", "")


def delivered(kit: Kit) -> Kit:
    orders(kit)
    kit.drop("orders/a.csv", csv_text(FIELDS, [*GOOD, BROKEN]))
    return kit


def state(kit: Kit) -> dict[str, Any]:
    return {
        "raw": kit.hash("raw.orders"),
        "rejected": kit.rows("raw.orders", Zone.REJECTED),
        "curated": kit.hash("curated.orders"),
        "held": kit.held("curated.orders"),
        "ledger": kit.ledger("curated.orders"),
    }


@pytest.fixture(scope="module")
def clean(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    kit = delivered(Kit(tmp_path_factory.mktemp("clean")))
    kit.ingest("orders")
    kit.materialize("curated.orders")
    found = state(kit)
    kit.close()
    return found


STEPS = ("manifest", "rejected", "raw", "held", "curated")


@pytest.fixture(scope="module")
def dead(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with one project for each step, each left as its process died."""
    folder = tmp_path_factory.mktemp("dead")
    for step in STEPS:
        delivered(Kit(folder / step))
    script = [sys.executable, "-m", "data_platform_tests.integration.core.crashing", str(folder), *STEPS]
    subprocess.run(script, check=True, capture_output=True, timeout=240)
    return folder


@pytest.mark.parametrize("step", STEPS)
def test_a_process_that_dies_after_any_step_leaves_nothing_lost_and_nothing_double(
    dead: Path, clean: dict[str, Any], step: str
) -> None:
    kit = Kit(dead / step)
    kit.drop("orders/again.csv", (kit.folder / "source/orders/a.csv").read_bytes())
    kit.ingest("orders")
    kit.materialize("curated.orders")
    assert state(kit) == clean
    batches = kit.platform.metastore.batches.of("raw.shop.orders")
    assert {b.batch_id: (b.source_rows, b.raw_rows, b.rejected_rows) for b in batches} == {
        "orders/1": (4, 3, 1),
        "orders/2": (0, 0, 0),
    }
    assert not kit.stale_days("curated.orders")
    kit.close()


class Forgetful(Recorder):
    """A recorder whose metastore is gone at the moment a commit is to be recorded."""

    def record(self, *args: Any, **kwargs: Any) -> None:
        raise RetryableError("the metastore does not answer")


def forget(kit: Kit) -> None:
    platform = kit.platform
    platform.__dict__["recorder"] = Forgetful(
        metastore=platform.metastore, clock=platform.clock, lineage=platform.lineage
    )


def test_a_commit_that_cannot_be_recorded_keeps_its_files(kit: Kit, clean: dict[str, Any]) -> None:
    delivered(kit)
    forget(kit)
    with pytest.raises(RetryableError):
        kit.ingest("orders")
    kit.reopen()
    kit.ingest("orders")
    forget(kit)
    kit.platform.__dict__.pop("materializer", None)
    with pytest.raises(RetryableError):
        kit.materialize("curated.orders")
    assert [row["order_id"] for row in kit.rows("curated.orders")] == ["A1", "B1"]
    kit.reopen()
    kit.materialize("curated.orders")
    assert state(kit) == clean


def failing_commit(
    monkeypatch: pytest.MonkeyPatch, zone: Zone, errors: list[Exception], *, after: bool = False
) -> None:
    """The next commits to tables of a zone fail, before or after they took effect."""
    original = Table.commit

    def commit(self: Table, *args: Any, **kwargs: Any) -> Any:
        if self.ref.zone is not zone or not errors:
            return original(self, *args, **kwargs)
        if after:
            original(self, *args, **kwargs)
        raise errors.pop()

    monkeypatch.setattr(Table, "commit", commit)


@pytest.mark.parametrize("zone", [Zone.RAW, Zone.REJECTED, Zone.CURATED, Zone.HELD])
def test_a_conflict_is_tried_again_and_deletes_no_file_that_a_version_names(
    kit: Kit, clean: dict[str, Any], monkeypatch: pytest.MonkeyPatch, zone: Zone
) -> None:
    delivered(kit)
    failing_commit(monkeypatch, zone, [CommitConflict("somebody was first")])
    kit.ingest("orders")
    kit.materialize("curated.orders")
    assert state(kit) == clean
    of = "raw.orders" if zone in (Zone.RAW, Zone.REJECTED) else "curated.orders"
    named = {f.path for v in range(kit.table(of, zone).version() + 1) for f in kit.table(of, zone).snapshot(v).files}
    assert kit.parquet_files(of, zone) == named


@pytest.mark.parametrize("zone", [Zone.RAW, Zone.REJECTED, Zone.CURATED, Zone.HELD])
def test_a_commit_of_which_nobody_knows_whether_it_landed_deletes_nothing(
    kit: Kit, clean: dict[str, Any], monkeypatch: pytest.MonkeyPatch, zone: Zone
) -> None:
    delivered(kit)
    failing_commit(monkeypatch, zone, [SourceUnavailable("the store hung up")], after=True)
    for _ in range(2):
        try:
            kit.ingest("orders")
            kit.materialize("curated.orders")
            break
        except SourceUnavailable:
            kit.reopen()
    kit.materialize("curated.orders")
    assert state(kit) == clean


def test_compaction_between_computing_and_publishing_is_noticed_and_the_run_starts_again(
    kit: Kit, monkeypatch: pytest.MonkeyPatch
) -> None:
    orders(kit)
    for number, day in enumerate(("2026-03-01", "2026-03-02", "2026-03-03")):
        deliver(kit, f"{number}.csv", (f"A{number}", at(day), "1.00", ""))
        kit.materialize("curated.orders", day)
    deliver(kit, "new.csv", ("B1", at("2026-03-03"), "1.00", ""))
    original, compacted = Table.commit, []

    def commit(self: Table, base: Any, **kwargs: Any) -> Any:
        if self.ref.zone is Zone.CURATED and not compacted:
            compacted.append(True)
            with kit.platform.engine.session() as con:
                assert compact(con, self, self.snapshot(), name=new_file_name, month_column="day") is not None
        return original(self, base, **kwargs)

    monkeypatch.setattr(Table, "commit", commit)
    kit.materialize("curated.orders", "2026-03-03")
    assert compacted
    assert [row["order_id"] for row in kit.rows("curated.orders")] == ["A0", "A1", "A2", "B1"]


def test_side_rows_of_a_publish_that_died_are_never_read_and_are_taken_back(
    kit: Kit, monkeypatch: pytest.MonkeyPatch
) -> None:
    orders(kit)
    deliver(kit, "a.csv", *GOOD)
    kit.materialize("curated.orders")
    before = kit.held("curated.orders")
    deliver(kit, "b.csv", ("E1", at("2026-03-02"), "-1.00", ""))
    with monkeypatch.context() as patch:
        failing_commit(patch, Zone.CURATED, [RuntimeError("gone")])
        with pytest.raises(RuntimeError):
            kit.materialize("curated.orders")
    assert kit.held("curated.orders") == before
    assert len(kit.rows("curated.orders", Zone.HELD, kit.table("curated.orders", Zone.HELD).snapshot())) == 2
    deliver(kit, "c.csv", ("F1", at("2026-02-02"), "-1.00", ""))
    kit.materialize("curated.orders", "2026-02-02")
    assert sorted(r["batch_id"] for r in kit.held("curated.orders")) == ["orders/1", "orders/3"]


TABLES = ("batches", "files", "partitions", "checks", "runs", "event_dates", "watermarks", "deliveries", "positions")


def ledger_rows(kit: Kit) -> dict[str, Any]:
    engine = sa.create_engine(kit.platform.settings.metastore_url)
    metadata = sa.MetaData()
    metadata.reflect(engine)
    found = {}
    with engine.connect() as connection:
        for name in TABLES:
            rows = [dict(row) for row in connection.execute(sa.select(metadata.tables[name])).mappings()]
            for row in rows:
                row.pop("sample", None)  # samples of data are kept in the ledger only
                row.pop("recorded_at", None)
            found[name] = sorted(map(str, rows))
    engine.dispose()
    completed = [e for e in kit.platform.metastore.outbox.pending(limit=1000) if '"COMPLETE"' in e.payload]
    found["outbox"] = sorted(e.event_id for e in completed)
    return found


def lose_metastore(kit: Kit) -> None:
    home = kit.platform.settings.home
    kit.close()
    for file in home.glob("metastore.db*"):
        file.unlink()


def test_a_lost_metastore_is_derived_again_from_commits_and_manifests(kit: Kit) -> None:
    delivered(kit)
    kit.ingest("orders")
    kit.materialize("curated.orders")
    deliver(kit, "b.csv", ("E1", at("2026-03-02"), "3.00", ""), ("F1", at("2026-03-01"), "3.00", ""))
    kit.materialize("curated.orders", "2026-03-01", "2026-03-02")
    before = ledger_rows(kit)
    lose_metastore(kit)
    kit.platform.recovery.catch_up_all(lambda ref, lacked: None)
    kit.drop("orders/renamed.csv", (kit.folder / "source/orders/a.csv").read_bytes())
    kit.ingest("orders")
    (kit.folder / "source/orders/renamed.csv").unlink()
    assert [f.outcome.value for f in kit.platform.metastore.batches.files("raw.shop.orders", batch_id="orders/3")] == [
        "skipped"
    ]
    after = ledger_rows(kit)
    for name in ("partitions", "checks", "deliveries", "watermarks", "outbox", "event_dates"):
        missing = set(before[name]) - set(after[name])
        assert not missing, name
    assert not kit.stale_days("curated.orders")
    kit.refresh("curated.orders")
    assert [row["order_id"] for row in kit.rows("curated.orders")] == ["A1", "B1", "E1"]


def test_deriving_twice_duplicates_nothing(kit: Kit) -> None:
    delivered(kit)
    kit.ingest("orders")
    kit.materialize("curated.orders")
    lose_metastore(kit)
    for _ in range(2):
        kit.platform.recovery.catch_up_all(lambda ref, lacked: None)
    once = ledger_rows(kit)
    kit.ingest("orders")
    kit.platform.recovery.catch_up_all(lambda ref, lacked: None)
    again = ledger_rows(kit)
    assert {k: v for k, v in once.items() if k != "deliveries"} == {k: v for k, v in again.items() if k != "deliveries"}


def test_another_home_over_the_same_store_never_takes_a_delivery_twice(
    kit: Kit, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Two writers that share no lease and no ledger: the loser of the manifest learns what the winner has landed."""
    delivered(kit)
    other = Kit(kit.folder, home=kit.folder / "other")
    settings = other.platform.settings.model_copy(update={"store": kit.platform.settings.store})
    other.platform.__dict__["settings"] = settings
    original, raced = SourceLog._manifest, []

    def manifest(self: SourceLog, *args: Any, **kwargs: Any) -> Any:
        made = original(self, *args, **kwargs)
        if not raced:
            raced.append(True)
            other.ingest("orders")
        return made

    monkeypatch.setattr(SourceLog, "_manifest", manifest)
    assert kit.ingest("orders") == ()
    assert len(kit.rows("raw.orders")) == 3
    assert [b.batch_id for b in kit.platform.metastore.batches.of("raw.shop.orders")] == ["orders/1"]
    other.close()


def test_a_home_that_was_copied_reads_the_same(kit: Kit, tmp_path: Path) -> None:
    delivered(kit)
    kit.ingest("orders")
    before = kit.hash("raw.orders")
    shutil.copytree(kit.folder / "home", tmp_path / "copy")
    copy = Kit(kit.folder, home=tmp_path / "copy")
    assert copy.hash("raw.orders") == before
    assert [asdict(b) for b in copy.platform.metastore.batches.of("raw.shop.orders")] == [
        asdict(b) for b in kit.platform.metastore.batches.of("raw.shop.orders")
    ]
    copy.close()
