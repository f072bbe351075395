from __future__ import annotations

import gzip
import hashlib
import json
import os
from pathlib import Path
from typing import Any

import pytest

from data_platform.connectors.kinds import connector_faults
from data_platform.connectors.source_log import SourceLog
from data_platform.errors import ConfigurationError, SourceUnavailable
from data_platform.lakehouse.landing import LandingLog
from data_platform.lakehouse.table_ref import Zone
from data_platform.publication import raw_staging
from data_platform_tests.integration.core.orders import CURATED, FIELDS, RAW, orders
from data_platform_tests.kit import Kit, at, csv_text, later

ROW = ("A1", at("2026-03-01"), "1.00", "")


def text(*ids: str) -> str:
    return csv_text(FIELDS, [(one, at("2026-03-01"), "1.00", "") for one in ids])


def outcomes(kit: Kit) -> list[tuple[str, str, str]]:
    found = []
    for batch in reversed(kit.platform.metastore.batches.of("raw.shop.orders")):
        files = kit.platform.metastore.batches.files("raw.shop.orders", batch_id=batch.batch_id)
        found += [(batch.batch_id, f.name, f.outcome.value) for f in files]
    return sorted(found)


def raw_ids(kit: Kit) -> list[str]:
    return sorted(row["order_id"] for row in kit.rows("raw.orders"))


def test_a_file_is_taken_once_whatever_it_is_called_and_again_when_its_content_is_new(kit: Kit) -> None:
    orders(kit)
    kit.drop("orders/a.csv", text("A1"))
    kit.ingest("orders")
    assert kit.ingest("orders") == ()
    kit.drop("orders/a.csv", text("A1"))  # rewritten with the same bytes
    kit.drop("orders/renamed.csv", text("A1"))
    kit.drop("orders/z.csv", text("Z1"))
    kit.drop("orders/zz.csv", text("Z1"))  # twice in one poll
    kit.ingest("orders")
    kit.drop("orders/a.csv", text("A2"))
    kit.ingest("orders")
    assert raw_ids(kit) == ["A1", "A2", "Z1"]
    assert outcomes(kit) == [
        ("orders/1", "a.csv", "read"),
        ("orders/2", "renamed.csv", "skipped"),
        ("orders/2", "z.csv", "read"),
        ("orders/2", "zz.csv", "skipped"),
        ("orders/3", "a.csv", "read"),
    ]


def test_a_snapshot_is_a_new_delivery_on_another_date_and_none_on_the_same(kit: Kit) -> None:
    orders(kit, raw_custom={"delivery": "snapshot", "delivery_date_pattern": r"o_(?P<date>\d{4}-\d{2}-\d{2})"})
    for name in ("o_2026-03-01.csv", "o_2026-03-02.csv", "o_2026-03-01_again.csv", "undated.csv"):
        kit.drop(f"orders/{name}", text("A1"))
    kit.ingest("orders")
    assert {name: outcome for _, name, outcome in outcomes(kit)} == {
        "o_2026-03-01.csv": "read",
        "o_2026-03-01_again.csv": "skipped",
        "o_2026-03-02.csv": "read",
        "undated.csv": "rejected",
    }


@pytest.mark.parametrize("damage", ["gone", "{", "[1]", "5", '{"x": 1}', '{"x": [1, 2]}', "\\x00"])
def test_the_digest_cache_decides_nothing(kit: Kit, damage: str) -> None:
    orders(kit)
    file = kit.drop("orders/a.csv", text("A1"))
    kit.ingest("orders")
    cache = kit.platform.settings.spool_dir / "file_drop" / "orders.json"
    kit.reopen()
    cache.unlink() if damage == "gone" else cache.write_text(damage.replace("x", str(file)))
    kit.drop("orders/b.csv", text("B1"))
    kit.ingest("orders")
    assert raw_ids(kit) == ["A1", "B1"]


def test_a_poll_takes_files_up_to_its_limit_and_a_larger_file_alone(kit: Kit) -> None:
    orders(kit)
    kit.raw("orders", RAW, connector={"max_batch_bytes": 200}, watermark="ordered_at")
    kit.drop("orders/a.csv", text("A1"))
    kit.drop("orders/b.csv", text(*[f"B{n}" for n in range(20)]))
    kit.drop("orders/c.csv", text("C1"))
    kit.drop("orders/d.csv", text("D1"))
    kit.ingest("orders")
    assert [(batch, name) for batch, name, _ in outcomes(kit)] == [
        ("orders/1", "a.csv"),
        ("orders/2", "b.csv"),
        ("orders/3", "c.csv"),
        ("orders/3", "d.csv"),
    ]
    assert len(raw_ids(kit)) == 23


def test_records_are_numbered_through_the_batch_and_point_to_their_file(kit: Kit) -> None:
    orders(kit)
    kit.drop("orders/a.csv", text("A1") + "A2,never,1.00,\n")
    kit.drop("orders/b.csv", "no header\n")
    kit.drop("orders/c.csv", "C1,never,1.00,\n".join([text("C0"), ""]))
    kit.ingest("orders")
    assert {r["order_id"]: r["_record_no"] for r in kit.rows("raw.orders")} == {"A1": 1, "C0": 4}
    rejected = {(r["source_name"], r["_record_no"], r["reason"]) for r in kit.rows("raw.orders", Zone.REJECTED)}
    assert rejected == {
        ("a.csv", 2, "TYPE_TIMESTAMP"),
        ("b.csv", 3, "HEADER_MISMATCH"),
        ("c.csv", 5, "TYPE_TIMESTAMP"),
    } or {(name, number) for name, number, _ in rejected} == {("a.csv", 2), ("b.csv", 3), ("c.csv", 5)}
    (batch,) = kit.platform.metastore.batches.of("raw.shop.orders")
    assert (batch.source_rows, batch.raw_rows, batch.rejected_rows) == (5, 2, 3)


def test_a_file_that_turns_out_broken_half_way_leaves_no_row(kit: Kit, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(raw_staging, "FLUSH_ROWS", 1000)  # so that its first half is staged before the fault is met
    orders(kit, raw_custom={"format": {"kind": "csv", "compression": "gzip", "max_expansion_ratio": 100000}})
    good = gzip.compress(text("A1", "A2").encode())
    lines = "".join(
        f"B{n},{at('2026-02-01')},{n % 900}.{n % 100:02},{hashlib.md5(str(n).encode()).hexdigest()}\n"
        for n in range(300_000)
    )
    torn = gzip.compress((",".join(FIELDS) + "\n" + lines).encode(), compresslevel=1)
    kit.drop("orders/a.csv.gz", good)
    kit.drop("orders/b.csv.gz", torn[:-9])
    kit.drop("orders/c.csv.gz", gzip.compress(text("C1").encode()))
    kit.ingest("orders")
    assert raw_ids(kit) == ["A1", "A2", "C1"]
    (item,) = kit.rows("raw.orders", Zone.REJECTED)
    assert (item["source_name"], item["reason"], item["_record_no"]) == ("b.csv.gz", "CORRUPT_ARCHIVE", 3)
    assert kit.parquet_files("raw.orders") == {f.path for f in kit.head("raw.orders").files}


def test_the_order_in_which_files_are_polled_is_irrelevant(tmp_path: Path) -> None:
    files = {"a.csv": text("A1", "X1"), "b.csv": text("B1"), "c.csv": text("X1", "C1")}
    hashes = set()
    for number, order in enumerate(("abc", "cba", "bca")):
        kit = orders(
            Kit(tmp_path / str(number)),
            raw_custom={"watermark": None, "allowed_lateness": None, "event_time_range": None},
            columns=[c.replace(" partition", "") for c in CURATED],
        )
        for name in (f"{letter}.csv" for letter in order):
            kit.drop(f"orders/{name}", files[name])
            if number % 2:
                kit.ingest("orders")
                later(kit, hours=1)
        kit.ingest("orders")
        kit.materialize("curated.orders")
        hashes.add(kit.hash("curated.orders"))
        assert [r["order_id"] for r in kit.rows("curated.orders")] == ["A1", "B1", "C1", "X1"]
        kit.close()
    assert len(hashes) == 1


def test_a_batch_is_read_with_the_contract_it_was_landed_under(kit: Kit, monkeypatch: pytest.MonkeyPatch) -> None:
    orders(kit, raw_custom={"format": {"kind": "csv", "delimiter": ";"}})
    kit.drop("orders/a.csv", text("A1").replace(",", ";"))
    with monkeypatch.context() as patch:
        patch.setattr(SourceLog, "commit", lambda *_: (_ for _ in ()).throw(RuntimeError("died")))
        with pytest.raises(RuntimeError):
            kit.ingest("orders")
    orders(kit)
    kit.drop("orders/b.csv", text("B1"))
    kit.ingest("orders")
    assert raw_ids(kit) == ["A1", "B1"]
    assert kit.rows("raw.orders", Zone.REJECTED) == []


def test_whoever_loses_the_put_of_a_manifest_polls_again(kit: Kit, monkeypatch: pytest.MonkeyPatch) -> None:
    orders(kit)
    kit.drop("orders/a.csv", text("A1"))
    original, lost = LandingLog.append, []

    def append(self: LandingLog, manifest: Any) -> bool:
        if not lost:
            lost.append(original(self, manifest))  # the other writer's, with the same files
            return False
        return original(self, manifest)

    monkeypatch.setattr(LandingLog, "append", append)
    kit.ingest("orders")
    assert raw_ids(kit) == ["A1"]
    assert outcomes(kit) == [("orders/1", "a.csv", "read")]


def test_a_file_that_changes_while_it_is_taken_is_left_for_the_next_poll(
    kit: Kit, monkeypatch: pytest.MonkeyPatch
) -> None:
    orders(kit)
    file = kit.drop("orders/a.csv", text("A1"))
    original = LandingLog.land

    def land(self: LandingLog, data: Any, name: str, **kwargs: Any) -> Any:
        with file.open("a") as growing:
            growing.write(",".join(map(str, ("A2", *ROW[1:]))) + "\n")
        return original(self, data, name, **kwargs)

    with monkeypatch.context() as patch:
        patch.setattr(LandingLog, "land", land)
        with pytest.raises(SourceUnavailable, match="changed while it was taken"):
            kit.ingest("orders")
    kit.ingest("orders")
    assert raw_ids(kit) == ["A1", "A2"]


@pytest.mark.parametrize("name", ["new\nline.csv", "quo'te\".csv", "a%2Fb.csv", "\U0001f600.csv", "x" * 200 + ".csv"])
def test_any_file_name_can_be_taken(kit: Kit, name: str) -> None:
    orders(kit)
    kit.drop(f"orders/{name}", text("A1"))
    kit.ingest("orders")
    assert outcomes(kit) == [("orders/1", name, "read")]
    assert kit.ingest("orders") == ()


def test_a_file_name_that_is_no_text_can_be_taken(kit: Kit) -> None:
    orders(kit)
    folder = kit.drop("orders/a.csv", text("A1")).parent
    Path(os.fsdecode(os.fsencode(folder) + b"/\xff.csv")).write_text(text("B1"))
    kit.ingest("orders")
    assert kit.ingest("orders") == ()
    assert [name for _, name, _ in outcomes(kit)] == ["\\xff.csv", "a.csv"]


def test_an_unknown_option_of_a_connector_is_named_with_its_line(kit: Kit) -> None:
    orders(kit)
    kit.raw("orders", RAW, connector={"max_bytes": 3})
    with pytest.raises(ConfigurationError, match=r"connectors.yaml:\d+.*max_bytes"):
        kit.ingest("orders")


def test_a_source_folder_that_is_not_there_offers_nothing(kit: Kit) -> None:
    orders(kit)
    assert kit.ingest("orders") == ()


def test_landed_bytes_are_those_of_the_source_rejected_or_not(kit: Kit) -> None:
    orders(kit)
    for name, data in {"a.csv": text("A1").encode(), "b.csv": b"\xff\xfe\x00", "c.csv": b""}.items():
        kit.drop(f"orders/{name}", data)
    kit.ingest("orders")
    landed = kit.platform.settings.home / "store/landing/shop/orders/objects"
    assert {p.name.split(".")[0] for p in landed.iterdir()} == {
        hashlib.sha256(p.read_bytes()).hexdigest() for p in (kit.folder / "source/orders").iterdir()
    }
    manifest = json.loads(
        next((kit.platform.settings.home / "store/landing/shop/orders/batches/orders").iterdir()).read_text()
    )
    assert [o["name"] for o in manifest["objects"]] == ["a.csv", "b.csv", "c.csv"]


def test_a_contract_that_raw_cannot_take_is_refused_before_a_manifest_names_it(kit: Kit) -> None:
    orders(kit)
    kit.drop("orders/a.csv", text("A1"))
    kit.ingest("orders")
    orders(kit, raw=[*RAW[:2], "amount string", RAW[3]])
    kit.reopen()
    kit.drop("orders/b.csv", text("B1"))
    with pytest.raises(ConfigurationError, match="orders_v2"):
        kit.ingest("orders")
    orders(kit)
    kit.reopen()
    kit.ingest("orders")
    assert raw_ids(kit) == ["A1", "B1"]


@pytest.mark.parametrize(("options", "said"), [({"kind": "ftp"}, "file_drop"), ({"paht": "x"}, "paht")])
def test_a_faulty_source_instance_is_a_fault_with_its_line(kit: Kit, options: dict[str, str], said: str) -> None:
    orders(kit)
    entry = {"kind": "file_drop", "dataset": "raw.shop.orders", "path": "x/*", **options}
    file = kit.folder / "domains" / "shop" / "connectors.yaml"
    file.write_text(f"connectors: {json.dumps({'orders': entry})}\n")
    (fault,) = connector_faults(kit.platform.project)
    assert said in fault.message
    assert fault.path.endswith("connectors.yaml")
    assert fault.line == 1


def test_a_held_record_keeps_an_amount_to_its_last_digit(kit: Kit) -> None:
    orders(
        kit,
        raw=[*RAW[:2], "amount decimal(38,2)", RAW[3]],
        columns=(*CURATED[:3], "amount decimal(38,2) max=1", *CURATED[4:]),
    )
    amount = "123456789012345678901234567890123456.70"
    kit.drop("orders/a.csv", csv_text(FIELDS, [("A1", at("2026-03-01"), amount, "")]))
    kit.ingest("orders")
    kit.materialize("curated.orders", "2026-03-01")
    ((record,),) = ([row["record"]] for row in kit.held("curated.orders"))
    assert amount in record


def test_each_object_is_landed_with_its_schema_and_how_it_differs_from_the_contract(kit: Kit) -> None:
    orders(kit, raw_custom={"schema_change": "evolve"})
    kit.drop("orders/a.csv", text("A1"))
    kit.ingest("orders")
    header, row = text("A2").splitlines()
    kit.drop("orders/b.csv", f"{header},colour\n{row},red\n")
    kit.ingest("orders")
    landing = LandingLog(kit.platform.store, "shop", "orders")
    first, second = (landing.read("orders", n).objects[0] for n in (1, 2))
    assert first.source_schema == tuple(header.split(","))
    assert first.difference is None
    assert second.source_schema == (*header.split(","), "colour")
    assert second.difference is not None
    assert second.difference.added == ("colour",)
