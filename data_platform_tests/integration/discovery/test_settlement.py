from __future__ import annotations

from pathlib import Path

import pytest

from data_platform.catalog.settlement import Decision
from data_platform.errors import ConfigurationError
from data_platform_tests.integration.discovery.estate import Estate
from data_platform_tests.integration.orchestration.shop import drop

ORDERS = "curated.shop.orders"
ANN = Decision(by="ann", reason="the migration of last week")


def test_what_is_accepted_alarms_no_more_until_it_changes(estate: Estate) -> None:
    estate.write("exports/orders", {"id": [1]})
    estate.scan()
    estate.kit.platform.settlement.accept(estate.finding("exports/orders"), ANN)
    estate.write("exports/orders", {"id": [2]}, mode="append")  # more of the same
    scanned = estate.scan()
    assert scanned.open == ()
    assert scanned.scan.undecided == 0
    assert scanned.scan.unmanaged == 1
    kept = estate.finding("exports/orders")
    assert (kept.decision, kept.decided_by, kept.reason) == ("accepted", "ann", "the migration of last week")
    assert kept.rows == 2
    assert estate.cataloged(estate.folder("exports/orders"), "file").standing == "external"  # type: ignore[union-attr]
    estate.write("exports/orders", {"id": [3], "email": ["a@b.c"]}, mode="append", schema_mode="merge")
    assert [one.name for one in estate.scan().open] == ["exports/orders"]
    assert estate.finding("exports/orders").decision == ""


def test_versions_of_others_are_read_and_built_on_once_somebody_accepted_them(estate: Estate) -> None:
    kit = estate.kit
    estate.add_order()
    estate.scan()
    line, versions = kit.platform.settlement.accept(estate.finding(ORDERS), ANN)
    assert [one.version for one in versions] == [2]
    assert (line.standing, line.decision) == ("managed", "accepted")
    assert estate.standings() == {}
    read = kit.rows("curated.orders", snapshot=kit.platform.heads.for_reading(kit.table("curated.orders")))
    assert [row["order_id"] for row in read] == ["A1", "A2", "X"]
    drop(kit, "b.csv", ("A3", "2026-03-02", "1.00"))
    kit.ingest("orders")
    kit.materialize("curated.orders", "2026-03-02")
    assert estate.standings() == {}
    estate.add_order()
    assert estate.standings() == {ORDERS: "drifted"}
    assert [one[:2] for one in estate.differences(ORDERS)] == [("foreign_version", "4")]


def test_a_column_of_others_stays_a_difference_after_its_version_was_accepted(estate: Estate) -> None:
    estate.add_order(discount=[1])
    estate.scan()
    line, _ = estate.kit.platform.settlement.accept(estate.finding(ORDERS), ANN)
    assert (line.standing, line.is_open) == ("drifted", False)
    assert estate.differences(ORDERS) == [("column_added", "discount", "", "BIGINT")]
    assert estate.scan().open == ()
    assert estate.cataloged(ORDERS).standing == "managed"  # type: ignore[union-attr]
    estate.add_order()
    assert [one.name for one in estate.scan().open] == [ORDERS]


def test_what_is_rejected_goes_on_alarming_until_it_is_gone(estate: Estate) -> None:
    settlement = estate.kit.platform.settlement
    estate.write("exports/orders", {"id": [1]})
    estate.scan()
    settlement.reject(estate.finding("exports/orders"), ANN)
    assert [one.decision for one in estate.scan().open] == ["rejected"]
    place = settlement.move_away(estate.finding("exports/orders"))
    assert estate.standings() == {}
    assert list(Path(estate.folder(place)).glob("*.parquet"))  # moved, not deleted
    assert estate.cataloged(estate.folder("exports/orders"), "file").status == "dropped"  # type: ignore[union-attr]


def test_what_has_a_contract_is_not_moved_away(estate: Estate) -> None:
    estate.add_order()
    estate.scan()
    with pytest.raises(ConfigurationError, match="taken back to what was recorded, not moved"):
        estate.kit.platform.settlement.move_away(estate.finding(ORDERS))


def test_there_is_nothing_to_decide_about_what_is_in_order_or_not_there(estate: Estate) -> None:
    estate.scan()
    with pytest.raises(ConfigurationError, match="nothing to decide"):
        estate.kit.platform.settlement.accept(estate.finding(ORDERS), ANN)
    with pytest.raises(ConfigurationError, match="run `data-platform catalog scan`"):
        estate.kit.platform.settlement.finding("curated.shop.nothing")
