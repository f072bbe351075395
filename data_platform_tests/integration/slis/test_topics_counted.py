"""What a topic held is held against what was taken of it."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

pytest.importorskip("confluent_kafka", reason="needs confluent-kafka: pip install 'data-platform[ingest]'")

from data_platform.connectors.kafka.member import Member
from data_platform.errors import SourceGap
from data_platform_tests.integration.connectors.kafka_broker import Gate, KafkaBroker
from data_platform_tests.kit import Kit, at, later

RAW = "raw.shop.orders"


@pytest.fixture(scope="module")
def broker() -> KafkaBroker:
    return KafkaBroker()


@pytest.fixture
def kit(tmp_path: Path) -> Iterator[Kit]:
    made = Kit(tmp_path)
    yield made
    made.close()


def connect(kit: Kit, bootstrap: str, topic: str, **options: Any) -> None:
    kit.raw("orders", ["order_id string", "ordered_at timestamp"], format={"kind": "ndjson"}, watermark="ordered_at")
    entry = {"kind": "kafka", "dataset": RAW, "bootstrap": bootstrap, "linger_seconds": 0.1, "count_every": "PT0S"}
    connectors = {"orders": {**entry, "topic": topic, **options}}
    (kit.folder / "domains" / "shop" / "connectors.yaml").write_text(yaml.safe_dump({"connectors": connectors}))
    kit.reopen()


def orders(first: int, last: int, *, day: str = "2026-03-20") -> list[bytes]:
    return [json.dumps({"order_id": f"A{n}", "ordered_at": at(day)}).encode() for n in range(first, last)]


def measured(kit: Kit) -> dict[str, tuple[float | None, float, Any]]:
    """By what was counted: the share that arrived, the records missing, and how many were expected."""
    later(kit, seconds=15)
    values = [one for one in kit.platform.slis.measure(kit.clock.now()) if one.sli == "completeness"]
    assert {one.provenance for one in values} <= {"source"}
    return {one.partition: (one.value, one.bad, one.evidence["expected"]) for one in values}


def skip_messages(monkeypatch: pytest.MonkeyPatch, lost: set[int]) -> None:
    """A reader with a fault: it passes over some offsets."""
    taken = Member._taken

    def forgetful(self: Member, messages: Any) -> Any:
        return [message for message in taken(self, messages) if message.offset() not in lost]

    monkeypatch.setattr(Member, "_taken", forgetful)


def test_offsets_that_each_brought_a_record_prove_that_nothing_is_missing(kit: Kit, broker: KafkaBroker) -> None:
    connect(kit, broker.address, "whole")
    broker.produce("whole", [*orders(0, 5), b"not json", None, *orders(5, 8, day="2026-03-02")])
    broker.produce("whole", orders(0, 4), partition=2)
    kit.ingest("orders")
    assert [one[0] for one in measured(kit).values()] == [1.0]
    broker.produce("whole", orders(8, 20))  # nobody has polled these yet: they are on their way, and not missing
    assert measured(kit) == {}
    kit.ingest("orders")
    assert sum(one[2] for one in measured(kit).values()) == 12


def test_a_record_that_the_reader_passed_over_is_found_by_reading_its_offsets_again(
    kit: Kit, broker: KafkaBroker, monkeypatch: pytest.MonkeyPatch
) -> None:
    connect(kit, broker.address, "skipped")
    broker.produce("skipped", orders(0, 20))
    skip_messages(monkeypatch, {3, 11})
    batches = kit.ingest("orders")
    assert sum(batch.source_rows - batch.raw_rows for batch in batches) == 0  # the reader saw no more than these
    (value,) = measured(kit).values()
    assert value == (0.9, 2.0, 20)


def test_records_that_come_twice_do_not_make_up_for_one_that_is_missing(
    kit: Kit, broker: KafkaBroker, monkeypatch: pytest.MonkeyPatch
) -> None:
    connect(kit, broker.address, "twice")
    broker.produce("twice", orders(0, 10))
    with monkeypatch.context() as patch:
        skip_messages(patch, {4})
        kit.ingest("orders")
    with kit.platform.ingester.open(kit.entry("orders")) as ingestion:
        ingestion.go_back("offset:0=5,1=0,2=0,3=0", kit.run())
    kit.ingest("orders")
    assert len(kit.rows("raw.orders")) == 9 + 5
    assert sorted(one[:2] for one in measured(kit).values()) == [(0.9, 1.0), (1.0, 0.0)]
    with kit.platform.ingester.open(kit.entry("orders")) as ingestion:
        ingestion.go_back("earliest", kit.run())
    kit.ingest("orders")
    assert {one[0] for one in measured(kit).values()} == {1.0}  # it was read after all


def test_markers_of_transactions_and_what_was_aborted_are_no_records(kit: Kit, broker: KafkaBroker) -> None:
    broker.transaction("moved", orders(0, 3), is_committed=False)
    broker.transaction("moved", orders(3, 8))
    gate = Gate(broker, aborted=0)
    try:
        connect(kit, gate.address, "moved")
        kit.ingest("orders")
        assert len(kit.rows("raw.orders")) == 5
        (value,) = measured(kit).values()
        assert value == (1.0, 0.0, 5)
        kit.close()
    finally:
        gate.shut()


def test_what_compaction_removes_after_it_was_read_is_not_missing(
    kit: Kit, broker: KafkaBroker, monkeypatch: pytest.MonkeyPatch
) -> None:
    broker.transaction("compacted", orders(0, 6))
    gate = Gate(broker)
    try:
        connect(kit, gate.address, "compacted", count_every="PT1H")
        kit.platform.metastore.operations.source_counts  # noqa: B018 - the platform opens here
        with kit.platform.ingester.open(kit.entry("orders")) as ingestion:
            while not ingestion.step(kit.run()).is_idle:
                pass
            gate.shut()
            gate.aborted = 0  # from here on the broker gives none of them any more, though their offsets are there
            gate.open()
            ingestion.note_promises()
        assert len(kit.rows("raw.orders")) == 6
        (value,) = measured(kit).values()
        assert value == (1.0, 0.0, 0)
        kit.close()
    finally:
        gate.shut()


def test_offsets_that_are_too_many_to_be_read_again_are_no_proof_of_anything(
    kit: Kit, broker: KafkaBroker, monkeypatch: pytest.MonkeyPatch
) -> None:
    connect(kit, broker.address, "bounded", count_records=5)
    broker.produce("bounded", orders(0, 20))
    skip_messages(monkeypatch, {3})
    kit.ingest("orders")
    assert measured(kit) == {}


def test_retention_that_overtook_the_reader_is_loss_and_stays_loss_when_somebody_accepts_it(
    kit: Kit, broker: KafkaBroker
) -> None:
    connect(kit, broker.address, "overtaken")
    broker.produce("overtaken", orders(0, 10))
    kit.ingest("orders")
    measured(kit)
    broker.produce("overtaken", orders(10, 40))
    broker.overflow("overtaken")
    with pytest.raises(SourceGap):
        kit.ingest("orders")
    (lost,) = measured(kit).values()
    assert lost[0] == 0.0
    assert lost[1] >= 30
    with kit.platform.ingester.open(kit.entry("orders")) as ingestion:
        ingestion.go_back("earliest", kit.run())
    kit.ingest("orders")
    after = measured(kit)
    assert [one for one in after.values() if one[0] != 1.0] == []  # told once
    last = kit.platform.metastore.operations.sli_values.latest("completeness", since=kit.clock.now().replace(hour=0))
    assert {one.partition: one.value for one in last}["orders/batch:orders/2"] == 0.0


def test_records_that_somebody_skipped_are_missing_until_they_are_read_after_all(kit: Kit, broker: KafkaBroker) -> None:
    connect(kit, broker.address, "left-out")
    broker.produce("left-out", orders(0, 10))
    kit.ingest("orders")
    measured(kit)
    broker.produce("left-out", orders(10, 160))
    with kit.platform.ingester.open(kit.entry("orders")) as ingestion:
        ingestion.go_back("latest", kit.run())
    kit.ingest("orders")
    assert measured(kit) == {"orders/batch:orders/2": (0.0, 150.0, 150)}
    with kit.platform.ingester.open(kit.entry("orders")) as ingestion:
        ingestion.go_back("offset:0=10,1=0,2=0,3=0", kit.run())
    kit.ingest("orders")
    assert measured(kit)["orders/batch:orders/2"] == (1.0, 0.0, 150)
