from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta

from data_platform.metastore.deliveries import DeliveryEntry
from data_platform.metastore.engine import Metastore
from data_platform.metastore.event_dates import DateRows, EventDateEntry
from data_platform.metastore.operator_log import OperatorEntry
from data_platform.metastore.outbox import OutboxEntry

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
RAW = "raw.commerce.orders"


def delivery(**changes: object) -> DeliveryEntry:
    entry = DeliveryEntry(dataset=RAW, source="shop", sha256="aa", batch_id="shop/1", name="orders.csv")
    return replace(entry, **changes)  # type: ignore[arg-type]


def facts(batch: int, day: int, *, rows: int, hour: int | None = 0) -> EventDateEntry:
    newest = None if hour is None else datetime(2026, 3, day, hour, tzinfo=UTC)
    return EventDateEntry(
        dataset=RAW,
        batch_id=f"shop/{batch}",
        event_date=date(2026, 3, day),
        rows=rows,
        newest_event_time=newest,
        version=batch,
    )


def event(name: str) -> OutboxEntry:
    return OutboxEntry(event_id=name, run_id="run-1", created_at=NOW, payload=f'{{"name": "{name}"}}')


def test_a_delivery_is_known_by_its_bytes_and_the_first_batch_stays(metastore: Metastore) -> None:
    metastore.deliveries.record([delivery()])
    metastore.deliveries.record([delivery(batch_id="shop/2", name="again.csv")])
    assert metastore.deliveries.find(RAW, source="shop", sha256="aa") == delivery()
    assert metastore.deliveries.find(RAW, source="shop", sha256="bb") is None
    assert metastore.deliveries.find(RAW, source="till", sha256="aa") is None


def test_a_snapshot_with_equal_bytes_on_another_date_is_another_delivery(metastore: Metastore) -> None:
    monday, tuesday = delivery(delivery_date="2026-03-02"), delivery(delivery_date="2026-03-03", batch_id="shop/2")
    metastore.deliveries.record([tuesday, monday])
    assert metastore.deliveries.of(RAW, source="shop") == (monday, tuesday)
    assert metastore.deliveries.find(RAW, source="shop", sha256="aa", delivery_date="2026-03-03") == tuesday
    assert metastore.deliveries.find(RAW, source="shop", sha256="aa") is None


def test_a_source_position_only_moves_forward(metastore: Metastore) -> None:
    assert metastore.deliveries.position(RAW, source="shop") is None
    for number in (1, 3, 2):
        metastore.deliveries.advance(RAW, source="shop", number=number)
    assert metastore.deliveries.position(RAW, source="shop") == 3


def test_rows_by_event_date_add_up_over_batches(metastore: Metastore) -> None:
    metastore.event_dates.record(
        [facts(1, 1, rows=5, hour=9), facts(1, 2, rows=1), facts(2, 1, rows=7, hour=3), facts(3, 3, rows=0, hour=None)]
    )
    first = DateRows(event_date=date(2026, 3, 1), rows=12, newest_event_time=datetime(2026, 3, 1, 9, tzinfo=UTC))
    second = DateRows(event_date=date(2026, 3, 2), rows=1, newest_event_time=datetime(2026, 3, 2, tzinfo=UTC))
    empty = DateRows(event_date=date(2026, 3, 3), rows=0, newest_event_time=None)
    assert metastore.event_dates.by_date(RAW) == (first, second, empty)
    assert metastore.event_dates.by_date(RAW, low=date(2026, 3, 2), high=date(2026, 3, 2)) == (second,)
    assert metastore.event_dates.by_date(RAW, version=1) == (replace(first, rows=5), second)
    assert metastore.event_dates.newest(RAW) == datetime(2026, 3, 2, tzinfo=UTC)
    assert metastore.event_dates.newest("raw.commerce.none") is None


def test_recording_event_dates_again_does_not_count_them_twice(metastore: Metastore) -> None:
    for _ in range(2):
        metastore.event_dates.record([facts(1, 1, rows=5)])
    assert [line.rows for line in metastore.event_dates.by_date(RAW)] == [5]


def test_the_event_dates_that_newer_versions_touched_are_found(metastore: Metastore) -> None:
    metastore.event_dates.record([facts(1, 1, rows=5), facts(2, 4, rows=1), facts(2, 2, rows=1), facts(3, 2, rows=2)])
    assert metastore.event_dates.touched_after(RAW, version=1) == (date(2026, 3, 2), date(2026, 3, 4))
    assert metastore.event_dates.touched_after(RAW, version=3) == ()


def test_a_watermark_only_moves_forward_and_belongs_to_its_source(metastore: Metastore) -> None:
    for hours in (0, 2, 1):
        metastore.event_dates.advance_watermark(RAW, source="shop", watermark=NOW + timedelta(hours=hours))
    metastore.event_dates.advance_watermark(RAW, source="till", watermark=NOW)
    assert metastore.event_dates.watermark(RAW, source="shop") == NOW + timedelta(hours=2)
    assert metastore.event_dates.watermarks(RAW) == {"shop": NOW + timedelta(hours=2), "till": NOW}
    assert metastore.event_dates.watermark(RAW, source="nobody") is None


def test_events_wait_in_the_order_in_which_they_were_appended(metastore: Metastore) -> None:
    metastore.outbox.append([event("b"), event("a")])
    metastore.outbox.append([event("c")])
    assert [entry.event_id for entry in metastore.outbox.pending()] == ["b", "a", "c"]
    assert [entry.event_id for entry in metastore.outbox.pending(limit=1)] == ["b"]
    assert metastore.outbox.pending()[1].payload == '{"name": "a"}'


def test_an_event_appended_again_is_neither_doubled_nor_sent_again(metastore: Metastore) -> None:
    metastore.outbox.append([event("a"), event("a")])
    metastore.outbox.mark_sent(metastore.outbox.newest(), at=NOW)
    metastore.outbox.append([event("a")])
    assert metastore.outbox.pending() == ()


def test_pruning_the_outbox_never_touches_unsent_events(metastore: Metastore) -> None:
    metastore.outbox.append([event("a"), event("b")])
    first = metastore.outbox.pending()[0].id
    assert first is not None
    metastore.outbox.mark_sent(first, at=NOW)
    assert metastore.outbox.prune(NOW) == 0
    assert metastore.outbox.prune(NOW + timedelta(seconds=1)) == 1
    assert [entry.event_id for entry in metastore.outbox.pending()] == ["b"]


def test_an_id_of_the_outbox_is_never_given_twice(metastore: Metastore) -> None:
    metastore.outbox.append([event("a")])
    first = metastore.outbox.pending()[0].id
    assert first is not None
    metastore.outbox.mark_sent(first, at=NOW)
    metastore.outbox.prune(NOW + timedelta(seconds=1))
    metastore.outbox.append([event("b")])
    second = metastore.outbox.pending()[0].id
    assert second is not None
    assert second > first


def test_operator_lines_come_back_newest_first(metastore: Metastore) -> None:
    first = OperatorEntry(who="ann", at=NOW, statement="SELECT 1", tables={"served/commerce/daily": 3}, rows_returned=1)
    second = replace(first, who="bob", at=NOW + timedelta(hours=1))
    metastore.operator_log.append(first)
    metastore.operator_log.append(second)
    assert metastore.operator_log.recent() == (second, first)
    assert metastore.operator_log.recent(limit=1) == (second,)
    assert metastore.operator_log.prune(NOW + timedelta(minutes=1)) == 1
    assert metastore.operator_log.recent() == (second,)


def test_pruning_everything_tells_how_much_each_part_forgot(metastore: Metastore) -> None:
    line = OperatorEntry(who="ann", at=NOW, statement="SELECT 1", tables={}, rows_returned=1)
    metastore.operator_log.append(line)
    metastore.outbox.append([event("a")])
    forgotten = metastore.prune(NOW + timedelta(days=1))
    assert {name for name, count in forgotten.items() if count} == {"operator_log"}
    parts = {"partitions", "commits", "runs", "checks", "outbox", "lineage_refusals", "operator_log", "catalog_scans"}
    parts |= {"catalog_events", "catalog_refused", "sli_values", "run_slots", "source_counts", "queued_runs", "deploys"}
    parts |= {"incidents", "security_events", "automatic_acts", "spans", "run_meters", "storage_meters"}
    assert parts <= forgotten.keys()
