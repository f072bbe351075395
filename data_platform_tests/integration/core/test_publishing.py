from __future__ import annotations

from datetime import date
from decimal import Decimal
from typing import Any

import pytest

from data_platform.errors import PublishBlocked, UpstreamBlocked
from data_platform.lakehouse.table_ref import Zone
from data_platform.publication.receipt import Receipt
from data_platform_tests.integration.core.orders import CURATED, deliver, orders
from data_platform_tests.kit import Kit, at, dataset, later

AT_MOST_TWO = {
    "name": "few_rows",
    "type": "library",
    "metric": "rowCount",
    "mustBeLessOrEqualTo": 2,
    "severity": "block",
}
SMALL = {
    "name": "small",
    "type": "sql",
    "query": "amount < 100 OR coalesce(note, '') = 'x'",
    "severity": "block",
    "customProperties": [{"property": "platform.scope", "value": "row"}],
}
DAILY = ("day date key partition", "orders int required", "total decimal(12,2) required")
DAILY_SQL = """SELECT day, CAST(count(*) AS BIGINT) AS orders, CAST(sum(amount) AS DECIMAL(12,2)) AS total
FROM curated.shop.orders
WHERE day >= $partition_start AND day < $partition_end
GROUP BY day
"""


def shop(kit: Kit, **custom: Any) -> Kit:
    orders(kit, **custom)
    kit.served("daily", DAILY, DAILY_SQL, materialization="partition")
    return kit


def test_a_blocked_publish_leaves_nothing_behind_but_its_evidence(kit: Kit) -> None:
    shop(kit, quality=[AT_MOST_TWO])
    deliver(kit, "a.csv", ("A1", at("2026-03-01"), "1.00", ""), ("A2", at("2026-03-01"), "-1.00", ""))
    kit.materialize("curated.orders")
    before, files, held = kit.rows("curated.orders"), kit.parquet_files("curated.orders"), kit.held("curated.orders")
    side = kit.table("curated.orders", Zone.HELD).version()
    deliver(
        kit,
        "b.csv",
        *[(f"B{n}", at("2026-03-01", "23:00:00"), "1.00", "") for n in range(3)],
        ("C1", at("2026-03-01"), "-1.00", ""),
    )
    later(kit, minutes=1)
    with pytest.raises(PublishBlocked, match="few_rows"):
        kit.materialize("curated.orders", "2026-03-01")
    assert kit.rows("curated.orders") == before
    assert kit.parquet_files("curated.orders") == files
    assert (kit.table("curated.orders", Zone.HELD).version(), kit.held("curated.orders")) == (side, held)
    assert len(kit.parquet_files("curated.orders", Zone.HELD)) == 1
    assert kit.ledger("curated.orders") == {"2026-03-01": {"raw": 6, "pending": 6}}
    verdicts = {c.rule: c.verdict for c in kit.platform.metastore.checks.latest("curated.shop.orders")}
    assert verdicts["few_rows"] == "failed"
    with pytest.raises(UpstreamBlocked):
        kit.materialize("served.daily", "2026-03-01")


def test_samples_of_failing_rows_show_public_columns_only(kit: Kit) -> None:
    shop(kit, quality=[SMALL])
    deliver(kit, "a.csv", ("A1", at("2026-03-01"), "500.00", "secret"))
    with pytest.raises(PublishBlocked) as refused:
        kit.materialize("curated.orders")
    assert "secret" not in str(refused.value)
    (check,) = [c for c in kit.platform.metastore.checks.latest("curated.shop.orders") if c.rule == "small"]
    assert check.verdict == "failed"
    (sample,) = check.sample
    assert "secret" not in str(sample)
    assert "500" in str(sample)


def test_only_partitions_in_range_are_stopped_by_a_blocked_upstream(kit: Kit) -> None:
    shop(kit, quality=[SMALL])
    deliver(kit, "a.csv", ("A1", at("2026-03-01"), "5.00", ""), ("B1", at("2026-03-02"), "5.00", ""))
    kit.materialize("curated.orders")
    deliver(kit, "b.csv", ("B2", at("2026-03-02"), "500.00", ""), ("B3", at("2026-03-01", "23:59:00"), "6.00", ""))
    later(kit, minutes=1)
    kit.materialize("curated.orders", "2026-03-01")
    with pytest.raises(PublishBlocked):
        kit.materialize("curated.orders", "2026-03-02")
    kit.materialize("served.daily", "2026-03-01")
    with pytest.raises(UpstreamBlocked, match="2026-03-02"):
        kit.materialize("served.daily", "2026-03-01", "2026-03-02")
    assert [(r["day"], r["total"]) for r in kit.rows("served.daily")] == [(date(2026, 3, 1), Decimal("5.00"))]
    orders(kit)
    later(kit, minutes=1)
    kit.materialize("curated.orders", "2026-03-01", "2026-03-02")
    kit.materialize("served.daily", "2026-03-01", "2026-03-02")
    assert [r["orders"] for r in kit.rows("served.daily")] == [1, 2]


def test_an_input_whose_first_run_failed_is_not_an_empty_input(kit: Kit, monkeypatch: pytest.MonkeyPatch) -> None:
    shop(kit)
    deliver(kit, "a.csv", ("A1", at("2026-03-01"), "5.00", ""))
    with monkeypatch.context() as patch:
        patch.setattr("data_platform.transforms.materialize.admit", lambda *_: 1 / 0)
        with pytest.raises(ZeroDivisionError):
            kit.materialize("curated.orders")
    with pytest.raises(UpstreamBlocked, match="no version yet"):
        kit.materialize("served.daily", "2026-03-01")
    assert kit.platform.warehouse.build([kit.platform.project.dataset(dataset("served.daily")).contract]).versions == {}


def test_a_reference_to_what_was_never_published_is_unknown_and_blocks_where_it_should(kit: Kit) -> None:
    orders(kit)
    kit.curated(
        "people",
        ("person string key",),
        "SELECT order_id AS person FROM raw.shop.orders",
        materialization="admit",
        dedupe_key=["person"],
    )
    reference = {
        "type": "foreignKey",
        "from": "mentions.person",
        "to": "curated.shop.people.person",
        "customProperties": [{"property": "platform.reference_severity", "value": "block"}],
    }
    kit.served(
        "mentions",
        ("person string key",),
        "SELECT order_id AS person FROM curated.shop.orders",
        materialization="table",
        relationships=[reference],
    )
    deliver(kit, "a.csv", ("A1", at("2026-03-01"), "5.00", ""))
    kit.materialize("curated.orders")
    with pytest.raises(PublishBlocked, match="unknown"):
        kit.materialize("served.mentions")
    kit.materialize("curated.people")
    kit.materialize("served.mentions")
    assert [r["person"] for r in kit.rows("served.mentions")] == ["A1"]


def test_a_table_that_refers_to_itself_is_judged_as_it_will_be(kit: Kit) -> None:
    orders(kit)
    reference = {
        "type": "foreignKey",
        "from": "tree.parent",
        "to": "served.shop.tree.node",
        "customProperties": [{"property": "platform.reference_severity", "value": "block"}],
    }
    kit.served(
        "tree",
        ("node string key", "parent string"),
        "SELECT order_id AS node, note AS parent FROM curated.shop.orders",
        materialization="table",
        relationships=[reference],
    )
    deliver(kit, "a.csv", ("A1", at("2026-03-01"), "5.00", None), ("B1", at("2026-03-01"), "5.00", "A1"))
    kit.materialize("curated.orders")
    kit.materialize("served.tree")
    deliver(kit, "b.csv", ("C1", at("2026-03-01"), "5.00", "Z9"))
    kit.materialize("curated.orders")
    with pytest.raises(PublishBlocked, match="reference"):
        kit.materialize("served.tree")


def test_a_receipt_survives_its_commit(kit: Kit) -> None:
    shop(kit)
    deliver(kit, "a.csv", ("A1", at("2026-03-01"), "5.00", ""), ("B1", "never", "5.00", ""))
    kit.materialize("curated.orders")
    for name in ("raw.orders", "curated.orders"):
        newest = list(kit.table(name).history())[-1]
        receipt = Receipt.read(newest.metadata)
        assert receipt is not None
        assert Receipt.read(receipt.metadata()) == receipt
    assert receipt.inputs == {"raw.shop.orders": kit.table("raw.orders").version()}
    assert [(p.partition, p.source, dict(p.fates)) for p in receipt.partitions] == [("2026-03-01", 1, {"curated": 1})]


def test_a_run_says_which_versions_it_read_and_which_it_made(kit: Kit) -> None:
    shop(kit)
    deliver(kit, "a.csv", ("A1", at("2026-03-01"), "5.00", ""))
    kit.materialize("curated.orders")
    later(kit, minutes=1)
    published = kit.materialize("served.daily", "2026-03-01")
    run = kit.platform.metastore.runs.latest("served.shop.daily")
    assert run is not None
    assert (run.inputs, run.output_version) == ({"curated.shop.orders": 1}, published.commit.version)
    assert (run.range_from, run.range_to) == ("2026-03-01", "2026-03-02")


def test_conservation_is_broken_aloud_when_a_query_moves_rows_to_other_days(kit: Kit) -> None:
    from data_platform.errors import ConservationBroken

    orders(
        kit,
        sql="""SELECT order_id, ordered_at, CAST(ordered_at AT TIME ZONE 'UTC' AS DATE) + 1 AS day, amount, note
FROM raw.shop.orders""",
        columns=CURATED,
    )
    deliver(kit, "a.csv", ("A1", at("2026-03-01"), "5.00", ""))
    for days in ((), ("2026-03-01",)):
        with pytest.raises(ConservationBroken, match="does not close"):
            kit.materialize("curated.orders", *days)
    assert kit.rows("curated.orders") == []


def test_every_commit_of_a_normal_run_is_acknowledged_from_the_tables_creation_on(kit: Kit) -> None:
    shop(kit)
    deliver(kit, "a.csv", ("A1", at("2026-03-01"), "1.00", ""), ("A2", at("2026-03-01"), "-1.00", ""))
    kit.materialize("curated.orders")
    kit.materialize("served.daily", "2026-03-01")
    for ref in kit.platform.lake.tables():
        table, path = kit.platform.lake.table(ref), ref.path.removeprefix("tables/")
        digests = {logged.version: logged.digest for logged in table.history()}
        assert {entry.version: entry.digest for entry in kit.platform.metastore.commits.history(path)} == digests, ref
