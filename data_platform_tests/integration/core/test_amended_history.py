"""A run that computes only the keys named by what is new leaves exactly what computing everything would leave."""

from __future__ import annotations

import random
import uuid
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from data_platform.cli.rebuild import copy_decisions, replay_landing
from data_platform.errors import PublishBlocked
from data_platform.lakehouse.compaction import compact
from data_platform.lakehouse.table_ref import Zone
from data_platform.publication.decisions import Decision
from data_platform_tests.kit import Kit, csv_text, dataset, ndjson_text

START = datetime(2026, 1, 1, tzinfo=UTC)
FEED = {"column": "op", "values": ["d"], "truncates": ["t"], "ignores": ["m"]}
RAW = ("id string required", "name string required", "op string required", "seq int required", "ts timestamp required")
SHAPES = {
    "merge": (("id string key", "name string required pattern=^[a-z]*$"), "id, name"),
    "dated merge": (
        ("id string key", "name string required pattern=^[a-z]*$", "ts timestamp partition"),
        "id, name, ts",
    ),
    "scd2": (
        (
            "id string key",
            "name string required pattern=^[a-z]*$",
            "valid_from timestamp required",
            "valid_to timestamp",
            "is_current boolean required",
        ),
        "id, name",
    ),
}


def feed(kit: Kit, shape: str, **raw: Any) -> Kit:
    columns, select = SHAPES[shape]
    kit.raw("people", RAW, format={"kind": "ndjson"}, watermark="ts", **{"allowed_lateness": "P3D"} | raw)
    kit.curated(
        "people",
        columns,
        f"SELECT {select} FROM raw.shop.people",
        materialization=shape.split()[-1],
        sequence=["seq"],
        deletes=FEED,
    )
    return kit


def row(op: str, seq: int | None, key: str | None, name: str | None, day: int = 0) -> dict[str, Any]:
    moment = START + timedelta(days=day)
    return {"id": key, "name": name, "op": op, "seq": seq, "ts": f"{moment:%Y-%m-%dT%H:%M:%SZ}"}


def deliver(kit: Kit, number: int, *rows: dict[str, Any]) -> None:
    kit.drop(f"people/{number:04}.ndjson", ndjson_text(rows))
    kit.ingest("people")


def state(kit: Kit) -> dict[str, Any]:
    """Everything that a run leaves: content, held rows, ledger."""
    return {
        "rows": kit.hash("curated.people"),
        "held": kit.hash("curated.people", Zone.HELD),
        "ledger": {day: line for day, line in kit.ledger("curated.people").items() if line["raw"]},
    }


def computed_anew(kit: Kit, home: Path) -> dict[str, Any]:
    """What one computation of everything gives, from the landed batches and decisions of `kit`."""
    aside = Kit(kit.folder, clock=kit.clock, home=home)
    names = {dataset("raw.people"), dataset("curated.people")}
    replay_landing(kit.platform, aside.platform, names)
    copy_decisions(kit.platform, aside.platform, names)
    aside.materialize("curated.people")
    found = state(aside)
    aside.close()
    return found


def random_rows(rng: random.Random, step: int) -> list[dict[str, Any]]:
    """Rows in any order: changes old and new, repeats, conflicts, broken ones, control rows, at times a truncation."""
    rows = []
    for _ in range(rng.randint(1, 8)):
        seq = rng.randint(1, 60)
        op = rng.choices("udmt", (12, 4, 2, 1 if step % 4 == 3 else 0))[0]
        key = rng.choice("abcdefghijkl")
        name = rng.choice(("x", "y", "y", "z", "BAD"))
        match rng.randint(0, 14), op:
            case 0, _:
                rows.append(row(op, None, key, name, seq // 3))
            case 1, _:
                rows.append(row(op, seq, None, name, seq // 3))
            case _, "m":
                rows.append(row("m", None, None, None, rng.randint(0, 30)))
            case _, "t":
                rows.append(row("t", seq, None, None, seq // 3))
            case _, "d":
                rows.append(row("d", seq, key, None, seq // 3))
            case _:
                rows.append(row("u", seq, key, name, seq // 3))
    return rows + rows[:1] if rng.random() < 0.3 else rows


@pytest.mark.parametrize("seed", [1, 2])
@pytest.mark.parametrize("shape", SHAPES)
def test_after_any_batches_and_decisions_everything_is_as_if_computed_at_once(
    kit: Kit, tmp_path: Path, shape: str, seed: int
) -> None:
    rng = random.Random(f"{shape} {seed}")
    feed(kit, shape)
    for step in range(8):
        deliver(kit, step, *random_rows(rng, step))
        held = kit.held("curated.people") if step else []
        if held and rng.random() < 0.5:
            chosen = rng.sample(held, min(2, len(held)))
            kit.decide("curated.people", Decision.RELEASE, [r for r in chosen if r["fate"] == "quarantined"])
            kit.decide("curated.people", Decision.ADMIT_LATE, [r for r in chosen if r["fate"] == "late"])
        if rng.random() < 0.8:
            publish(kit)
    publish(kit)
    assert state(kit) == computed_anew(kit, tmp_path / "anew")
    before = state(kit)
    kit.materialize("curated.people")  # nothing is new, so this computes everything
    assert state(kit) == before


def publish(kit: Kit) -> None:
    kit.materialize("curated.people")
    assert set(kit.residuals("curated.people")) <= {0}


def test_the_ledger_keeps_the_lines_of_dates_on_which_nothing_changed(kit: Kit) -> None:
    feed(kit, "merge")
    deliver(kit, 1, row("u", 1, "a", "x", 1), row("u", 2, "b", "y", 2), row("u", 3, "c", "z", 3))
    assert len(kit.materialize("curated.people").partitions) == 3
    deliver(kit, 2, row("u", 9, "b", "new", 4))
    published = kit.materialize("curated.people")
    assert {line.partition: dict(line.fates) for line in published.partitions} == {
        "2026-01-03": {"applied": 0, "unchanged": 0, "superseded": 1, "quarantined": 0, "late": 0},
        "2026-01-05": {"applied": 1},
    }
    assert sum(line["raw"] for line in kit.ledger("curated.people").values()) == 4


def test_a_new_truncation_a_new_contract_and_a_run_without_news_compute_everything(kit: Kit) -> None:
    feed(kit, "merge")
    deliver(kit, 1, row("u", 1, "a", "x", 1), row("u", 2, "b", "y", 2))
    kit.materialize("curated.people")
    assert len(kit.materialize("curated.people").partitions) == 2
    deliver(kit, 2, row("t", 3, None, None, 3))
    assert len(kit.materialize("curated.people").partitions) == 3
    feed(kit, "merge", schema_change="ignore")
    deliver(kit, 3, row("u", 4, "a", "x", 4))
    assert len(kit.materialize("curated.people").partitions) == 4
    assert [r["id"] for r in kit.rows("curated.people")] == ["a"]


def test_a_batch_without_meaning_and_a_compaction_of_raw_rewrite_nothing(kit: Kit) -> None:
    feed(kit, "merge")
    for number in range(3):
        deliver(kit, number, row("u", number, f"k{number}", "x", number))
    kit.materialize("curated.people")
    files = kit.parquet_files("curated.people")
    deliver(kit, 9, row("m", None, None, None, 1))
    kit.materialize("curated.people")
    compact_raw(kit)
    assert kit.materialize("curated.people").partitions == ()
    assert kit.parquet_files("curated.people") == files
    assert kit.ledger("curated.people")["2026-01-02"] == {"raw": 2, "applied": 1, "unchanged": 1}
    deliver(kit, 10, row("u", 20, "k1", "new", 1))
    assert len(kit.materialize("curated.people").partitions) == 1
    assert {r["id"]: r["name"] for r in kit.rows("curated.people")} == {"k0": "x", "k1": "new", "k2": "x"}


def test_after_a_blocked_run_the_ledger_closes_again(kit: Kit) -> None:
    kit.raw("people", ("id string required", "seq int required", "name string"))
    kit.curated(
        "people",
        ("id string key", "seq int", "name string unique"),
        "SELECT id, seq, name FROM raw.shop.people",
        materialization="merge",
        sequence=["seq"],
    )

    def drop(number: int, *rows: tuple[object, ...]) -> None:
        kit.drop(f"people/{number}.csv", csv_text(("id", "seq", "name"), rows))
        kit.ingest("people")

    drop(1, ("a", 1, "x"), ("b", 1, "y"))
    kit.materialize("curated.people")
    drop(2, ("b", 2, "x"))
    with pytest.raises(PublishBlocked):
        kit.materialize("curated.people")
    drop(3, ("b", 3, "z"))
    kit.materialize("curated.people")
    assert {r["id"]: r["name"] for r in kit.rows("curated.people")} == {"a": "x", "b": "z"}
    assert list(kit.ledger("curated.people").values()) == [{"raw": 4, "applied": 2, "superseded": 2}]


def test_a_small_batch_over_a_large_table_rewrites_the_files_of_its_keys_only(kit: Kit) -> None:
    kit.raw("people", ("id int required", "seq int required", "name string"))
    kit.curated(
        "people",
        ("id int key", "seq int", "name string"),
        "SELECT id, seq, name FROM raw.shop.people",
        materialization="merge",
        sequence=["seq"],
    )
    kit.drop("people/1.csv", csv_text(("id", "seq", "name"), [(n, 1, "x") for n in range(150_000)]))
    kit.ingest("people")
    kit.materialize("curated.people")
    before = {file.path: file.rows for file in kit.head("curated.people").files}
    kit.drop("people/2.csv", csv_text(("id", "seq", "name"), [(7, 2, "y"), (8, 2, "y"), (200_000, 1, "new")]))
    kit.ingest("people")
    assert kit.materialize("curated.people").rows == 150_001
    after = {file.path: file.rows for file in kit.head("curated.people").files}
    assert sorted(before.values()) == [50_000, 50_000, 50_000]
    assert len(before.keys() & after.keys()) == 2
    assert sum(after.values()) == 150_001


def test_many_small_files_become_few(kit: Kit) -> None:
    feed(kit, "merge")
    for number in range(14):
        deliver(kit, number, row("u", number, f"k{number}", "x", number))
        kit.materialize("curated.people")
    assert len(kit.head("curated.people").files) <= 10
    assert len(kit.rows("curated.people")) == 14


def compact_raw(kit: Kit) -> None:
    table = kit.table("raw.people")
    with kit.platform.engine.session() as con:
        assert compact(con, table, table.snapshot(), name=lambda: uuid.uuid4().hex) is not None
