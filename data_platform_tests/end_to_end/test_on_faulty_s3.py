"""A project on a store that fails three requests of ten: it comes to the same content as on one that never fails."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TypeVar

import pytest

from data_platform.errors import RetryableError, SourceUnavailable
from data_platform.lakehouse import s3_files
from data_platform.lakehouse.credentials import StoreCredentials
from data_platform_tests.integration.lakehouse.faulty_s3 import Fault, FaultyS3, faulty_s3
from data_platform_tests.kit import Kit, at, csv_text
from data_platform_tests.servers import S3_BUCKET, s3_server

FIELDS = ("order_id", "ordered_at", "amount")
COLUMNS = ("order_id string key", "ordered_at timestamp required", "amount decimal(10,2) min=0")
TABLES = ("raw.orders", "curated.orders", "served.totals")
THIRTY_PERCENT = {Fault.ERROR: 0.08, Fault.SLOW_DOWN: 0.08, Fault.CUT: 0.05, Fault.LOST: 0.05, Fault.DELAY: 0.04}
_ResultT = TypeVar("_ResultT")


def project(folder: Path, credentials: StoreCredentials | None = None) -> Kit:
    """One raw dataset, its admitted one and a served one; on S3 where there are credentials."""
    kit = Kit(folder)
    if credentials is not None:
        access = ("endpoint_url", "region", "access_key_id", "secret_access_key", "allow_http")
        s3 = {name: getattr(credentials, name) for name in access}
        kit.settings = {"store": f"s3://{S3_BUCKET}/faulty", "s3": s3}
    kit.raw("orders", COLUMNS, watermark="ordered_at", allowed_lateness="P30D")
    kit.curated(
        "orders",
        ("order_id string key", "ordered_at timestamp required", "amount decimal(10,2) min=0"),
        "SELECT order_id, ordered_at, amount FROM raw.shop.orders",
        materialization="admit",
        watermark="ordered_at",
        dedupe_key=["order_id"],
    )
    kit.served(
        "totals",
        ("day date key", "orders int required", "amount decimal(18,2)"),
        "SELECT CAST(ordered_at AS DATE) AS day, count(*) AS orders, CAST(sum(amount) AS DECIMAL(18, 2)) AS amount "
        "FROM curated.shop.orders GROUP BY 1",
        materialization="table",
    )
    return kit


def delivery(number: int) -> str:
    """Forty orders of three days: one in ten cannot be read, one in ten breaks a rule, some come twice."""
    rows = []
    for n in range(40):
        amount = {3: "a lot", 7: "-1.00"}.get(n % 10, f"{number}.{n:02}")
        rows.append((f"O{number}-{n}", at(f"2026-03-{1 + (number + n) % 3:02}"), amount))
    return csv_text(FIELDS, [*rows, rows[0], rows[1]])


def one_round(kit: Kit, number: int) -> None:
    """One delivery, from the source to the served table, tried again as an orchestrator does."""
    kit.drop(f"orders/{number:04}.csv", delivery(number))
    again(lambda: kit.ingest("orders"))
    for name in TABLES[1:]:
        again(lambda name=name: kit.refresh(name))  # type: ignore[misc]


def again(call: Callable[[], _ResultT]) -> _ResultT:
    """Calls until it is done; what may be tried again is, by another process as it were."""
    for _ in range(20):
        try:
            return call()
        except RetryableError as error:
            last = error
    raise last


def found(kit: Kit) -> tuple[dict[str, str], list[tuple[str, str]], list[int]]:
    """Content hashes, what raw holds of each file, and the residuals of every ledger."""
    orders = [(row["_batch_id"], row["order_id"]) for row in kit.rows("raw.orders")]
    residuals = [residual for name in TABLES[1:2] for residual in kit.residuals(name)]
    return {name: str(kit.hash(name)) for name in TABLES}, sorted(orders), residuals


@pytest.fixture
def faulty(tmp_path: Path) -> Iterator[tuple[FaultyS3, Kit]]:
    with s3_server() as credentials, faulty_s3(credentials, seed=30) as (proxy, through):
        kit = project(tmp_path / "faulty", through)
        yield proxy, kit
        proxy.rates = {}
        kit.close()


def come_to_the_same(faulty: tuple[FaultyS3, Kit], calm: Kit, *, seconds: float, rounds: int) -> None:
    """Rounds under fault for that long, at least so many; then the same deliveries without faults."""
    proxy, kit = faulty
    proxy.rates = THIRTY_PERCENT
    until, number = time.monotonic() + seconds, 0
    while number < rounds or time.monotonic() < until:
        one_round(kit, number)
        number += 1
    proxy.rates = {}
    print(f"\nseed {proxy.seed}, {number} rounds, requests by fault: {dict(proxy.seen)}")
    assert proxy.faults > 0.2 * sum(proxy.seen.values())
    for each in range(number):
        one_round(calm, each)
    hashes, orders, residuals = found(kit)
    assert (hashes, orders) == found(calm)[:2]
    assert set(residuals) == {0}
    # Counted apart: of forty records four cannot be read, and two come twice.
    assert Counter(batch for batch, _ in orders) == {f"orders/{n + 1}": 38 for n in range(number)}
    assert len({order for _, order in orders}) == 36 * number
    assert kit.platform.store.list("tables/curated/shop/orders/_damaged") == []


def test_thirty_percent_of_faults_change_nothing(faulty: tuple[FaultyS3, Kit], tmp_path: Path) -> None:
    calm = project(tmp_path / "calm")
    try:
        come_to_the_same(faulty, calm, seconds=0, rounds=1)
    finally:
        calm.close()


@pytest.mark.parametrize("table", ["raw/shop/orders", "curated/shop/orders"])
def test_a_commit_that_lands_while_the_store_falls_silent_counts_once(
    faulty: tuple[FaultyS3, Kit], monkeypatch: pytest.MonkeyPatch, table: str
) -> None:
    monkeypatch.setattr(s3_files, "_ATTEMPTS", 2)
    proxy, kit = faulty
    entry = f"{table}/_delta_log/00000000000000000001.json"
    proxy.rule = lambda method, path: Fault.LOST if path.endswith(entry) else None
    kit.drop("orders/0000.csv", delivery(0))
    with pytest.raises(SourceUnavailable):
        _to_curated(kit)
    proxy.rule = None
    kit.reopen()
    _to_curated(kit)
    assert len(kit.rows("raw.orders")) == 38
    assert len(kit.rows("curated.orders")) == 32
    assert len({row["order_id"] for row in kit.rows("curated.orders")}) == 32
    assert set(kit.residuals("curated.orders")) == {0}


def _to_curated(kit: Kit) -> None:
    kit.ingest("orders")
    kit.refresh("curated.orders")


@pytest.mark.campaign
def test_two_minutes_of_faults_change_nothing(faulty: tuple[FaultyS3, Kit], tmp_path: Path) -> None:
    calm = project(tmp_path / "calm")
    try:
        come_to_the_same(faulty, calm, seconds=120, rounds=2)
    finally:
        calm.close()
