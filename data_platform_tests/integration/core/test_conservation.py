"""Source = raw + rejected: a batch for which it does not hold is not committed, whoever lost the record."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from data_platform.errors import ConservationBroken
from data_platform.formats.reading import Chunk, FileReading
from data_platform.lakehouse.landing import LandedObject
from data_platform.lakehouse.table_ref import Zone
from data_platform.publication.raw_staging import RawStaging
from data_platform_tests.integration.core.orders import FIELDS, orders
from data_platform_tests.kit import Kit, at, csv_text


def _losing(part: str) -> Callable[[RawStaging, Chunk, LandedObject], None]:
    original = RawStaging.add

    def add(self: RawStaging, chunk: Chunk, landed: LandedObject) -> None:
        original(self, replace(chunk, **{part: getattr(chunk, part).slice(1)}), landed)

    return add


@pytest.mark.parametrize(
    ("owner", "name", "faulty"),
    [
        (FileReading, "source_rows", property(lambda _: 4)),
        (FileReading, "source_rows", property(lambda _: 2)),
        (RawStaging, "add", _losing("records")),
        (RawStaging, "add", _losing("rejected")),
    ],
    ids=["a record unread", "a record read twice", "a raw row unwritten", "a rejected row unwritten"],
)
def test_a_batch_in_which_a_record_is_lost_or_doubled_is_not_committed(
    kit: Kit, monkeypatch: pytest.MonkeyPatch, owner: type, name: str, faulty: Any
) -> None:
    orders(kit)
    good = csv_text(FIELDS, [(one, at("2026-03-01"), "1.00", "") for one in ("A1", "A2")])
    kit.drop("orders/a.csv", good + "A3,never,1.00,\n")
    with monkeypatch.context() as patch:
        patch.setattr(owner, name, faulty)
        with pytest.raises(ConservationBroken, match="nothing was committed"):
            kit.ingest("orders")
    assert (kit.rows("raw.orders"), kit.rows("raw.orders", Zone.REJECTED)) == ([], [])
    assert (kit.parquet_files("raw.orders"), kit.parquet_files("raw.orders", Zone.REJECTED)) == (set(), set())
    kit.ingest("orders")
    assert [row["order_id"] for row in kit.rows("raw.orders")] == ["A1", "A2"]
