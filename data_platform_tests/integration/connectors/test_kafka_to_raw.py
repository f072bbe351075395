"""From a Kafka topic to raw through the whole platform."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

pytest.importorskip("confluent_kafka", reason="needs confluent-kafka: pip install 'data-platform[ingest]'")

from data_platform.lakehouse.table_ref import Zone
from data_platform_tests.integration.connectors.kafka_broker import KafkaBroker
from data_platform_tests.kit import Kit, at

COLUMNS = ("order_id string", "ordered_at timestamp", "amount int", "place int", "part int")


@pytest.fixture(scope="module")
def broker() -> KafkaBroker:
    return KafkaBroker()


@pytest.fixture
def kit(tmp_path: Path) -> Iterator[Kit]:
    made = Kit(tmp_path)
    yield made
    made.close()


def connect(kit: Kit, broker: KafkaBroker, **options: Any) -> None:
    kit.raw("orders", COLUMNS, format={"kind": "ndjson"})
    entry = {"kind": "kafka", "dataset": "raw.shop.orders", "bootstrap": broker.address, "linger_seconds": 0.1}
    (kit.folder / "domains" / "shop" / "connectors.yaml").write_text(
        yaml.safe_dump({"connectors": {"orders": {**entry, **options}}})
    )


def order(number: int, **more: Any) -> bytes:
    return json.dumps({"order_id": f"A{number}", "ordered_at": at("2026-03-01"), "amount": number, **more}).encode()


def files(kit: Kit, since: int = 0) -> list[tuple[str, int | None, int | None]]:
    """The files of all batches after the first `since`: how many batches they came in is the broker's affair."""
    batches = kit.platform.metastore.batches
    numbers = range(since + 1, last_batch(kit) + 1)
    found = [file for n in numbers for file in batches.files("raw.shop.orders", batch_id=f"orders/{n}")]
    return sorted((file.name, file.raw_rows, file.rejected_rows) for file in found)


def last_batch(kit: Kit) -> int:
    return kit.platform.metastore.batches.last_number("raw.shop.orders", source="orders") or 0


def test_every_message_is_in_raw_or_rejected_once_and_every_partition_in_the_ledger(
    kit: Kit, broker: KafkaBroker
) -> None:
    fields = {"offset": "place", "partition": "part"}
    connect(kit, broker, topic="whole", fields=fields)
    bad = [None, b"", b"\xff\x00", b'{"order_id": "A1"', b"[1]\n", b"  ", order(7, place=0)]
    broker.produce("whole", [order(0), *bad, order(1)])
    broker.produce("whole", [order(0), order(1)], partition=3)
    kit.ingest("orders")
    assert files(kit) == [("whole/0/0-8.ndjson", 2, 7), ("whole/3/0-1.ndjson", 2, 0)]
    found = [(row["part"], row["place"], row["order_id"]) for row in kit.rows("raw.orders")]
    assert sorted(found) == [(0, 0, "A0"), (0, 8, "A1"), (3, 0, "A0"), (3, 1, "A1")]
    assert len(kit.rows("raw.orders", Zone.REJECTED)) == len(bad)
    assert kit.ingest("orders") == ()

    before = last_batch(kit)
    broker.produce("whole", [order(2)], partition=3)
    kit.reopen()
    kit.ingest("orders")
    assert files(kit, before) == [("whole/3/2-2.ndjson", 1, 0)]
    assert Counter(row["order_id"] for row in kit.rows("raw.orders")) == {"A0": 2, "A1": 2, "A2": 1}


def test_equal_bytes_of_two_partitions_are_two_deliveries_and_a_replay_reads_again(
    kit: Kit, broker: KafkaBroker
) -> None:
    connect(kit, broker, topic="equal")
    for partition in (1, 2):
        broker.produce("equal", [order(0)], partition=partition)
    kit.ingest("orders")
    assert files(kit) == [("equal/1/0-0.ndjson", 1, 0), ("equal/2/0-0.ndjson", 1, 0)]
    assert len(kit.rows("raw.orders")) == 2
    before = last_batch(kit)
    with kit.platform.ingester.open(kit.entry("orders")) as ingestion:
        ingestion.go_back("offset:0=0,1=1,2=0,3=0", kit.run())
        ingestion.step(kit.run())
    assert files(kit, before) == [("equal/2/0-0.ndjson", 1, 0)]
    assert len(kit.rows("raw.orders")) == 3
