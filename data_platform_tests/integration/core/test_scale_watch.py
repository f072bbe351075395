"""A change of unit at the door, the whole way: told as a check of raw, learned from receipts, never in the way."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from data_platform.metastore.checks import CheckEntry
from data_platform.orchestration.verdicts import scale_finding
from data_platform.quality.scales import LEARNED
from data_platform.quality.verdicts import Verdict
from data_platform_tests.kit import Kit, csv_text

COLUMNS = ("order_id int", "price decimal(18,2)", "note string")


@pytest.fixture
def kit(tmp_path: Path) -> Iterator[Kit]:
    one = Kit(tmp_path)
    one.raw("orders", COLUMNS)
    yield one
    one.close()


def deliver(kit: Kit, day: int, *, factor: float = 1.0, rows: int = 60) -> CheckEntry:
    draw = np.random.default_rng(day)
    prices = draw.lognormal(3, 0.4, rows) * factor
    kit.drop(
        f"orders/{day:03}.csv",
        csv_text(("order_id", "price", "note"), [(day * 1000 + n, f"{p:.2f}", "x") for n, p in enumerate(prices)]),
    )
    (batch,) = kit.ingest("orders")
    assert batch.raw_rows == rows
    return verdict(kit)


def verdict(kit: Kit) -> CheckEntry:
    return next(c for c in kit.platform.metastore.checks.latest("raw.shop.orders") if c.kind == "scale")


def test_cents_for_euros_are_told_and_still_taken(kit: Kit) -> None:
    found = [deliver(kit, day).verdict for day in range(LEARNED + 2)]
    assert found == ["not_applicable"] * LEARNED + ["passed"] * 2
    kit.reopen()  # what was learned stands in the commits
    jumped = deliver(kit, 20, factor=100)
    assert (jumped.verdict, jumped.severity, jumped.rule) == ("failed", "warn", "scale/orders")
    assert jumped.detail.startswith("price: ")
    assert "(ratio 100)" in jumped.detail
    assert kit.head("raw.orders").rows == 60 * (LEARNED + 3)

    finding = scale_finding(kit.platform.metastore.checks.latest("raw.shop.orders"), "v")["scale"]
    assert finding.verdict is Verdict.FAILED
    assert finding.detail.startswith("orders: price: ")
    assert deliver(kit, 21, factor=100).verdict == "failed"
    assert deliver(kit, 22, factor=100, rows=29).verdict == "not_applicable"  # too few to say anything
    assert deliver(kit, 23, rows=0).verdict == "not_applicable"
    assert deliver(kit, 24).verdict == "passed"


def test_a_new_version_of_the_contract_says_that_the_jump_is_meant(kit: Kit) -> None:
    for day in range(LEARNED):
        deliver(kit, day)
    assert deliver(kit, 20, factor=100).verdict == "failed"
    kit.raw("orders", COLUMNS, version="2.0.0")
    assert [deliver(kit, day, factor=100).verdict for day in (30, 31)] == ["not_applicable"] * 2


def test_the_verdicts_follow_from_manifests_and_bytes_alone(kit: Kit) -> None:
    for day in range(LEARNED):
        deliver(kit, day)
    deliver(kit, 20, factor=1000)
    first = verdict(kit)
    kit.close()
    home = kit.folder / "home"
    shutil.rmtree(home / "store" / "tables")
    for path in home.glob("metastore.db*"):
        path.unlink()
    batches = kit.platform.ingester.finish(kit.entry("orders").dataset, "orders", kit.run())
    assert [batch.n for batch in batches] == list(range(1, LEARNED + 2))
    again = verdict(kit)
    assert (again.verdict, again.detail, again.rows_examined) == (first.verdict, first.detail, first.rows_examined)
