"""From any row that is served one id leads back to its batch: in the metastore, in spans, in lineage and in logs."""

from __future__ import annotations

import json
import random
from collections.abc import Iterator, Mapping
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from data_platform.observability.logs.line import LineWriter
from data_platform.observability.logs.reading import LogLine, Wanted, find_lines
from data_platform.observability.logs.writing import writing
from data_platform.observability.tracing.context import trace_id_of
from data_platform.observability.tracing.finding import trace_id_of_batch, trace_id_of_run
from data_platform_tests.integration.tracing.shop import deliver, shop
from data_platform_tests.kit import Kit

_BATCHES = 6


@pytest.fixture
def kit(tmp_path: Path) -> Iterator[Kit]:
    one = shop(Kit(tmp_path))
    with writing(one.platform.settings.home, LineWriter(code_version="1.2.3")):
        yield one
        one.close()


def refresh(kit: Kit) -> None:
    for name in ("curated.orders", "served.by_day"):
        kit.refresh(name)
    kit.platform.tracer.close()


def lines(kit: Kit) -> tuple[LogLine, ...]:
    return find_lines(kit.platform.settings.home, Wanted())


def lineage(kit: Kit) -> list[Mapping[str, Any]]:
    told = [json.loads(entry.payload) for entry in kit.platform.metastore.outbox.after(0, limit=1_000)]
    return [event for event in told if "run" in event]


def traces_of_lineage(kit: Kit, job: str) -> set[str]:
    facets = [event["run"]["facets"] for event in lineage(kit) if event["job"]["name"] == job]
    return {facet["dataPlatform_trace"]["traceId"] for facet in facets}


def test_for_every_sampled_row_the_trace_of_its_batch_is_found_everywhere(kit: Kit) -> None:
    for number in range(1, _BATCHES + 1):
        deliver(kit, number)
        kit.ingest("orders")
        if number % 2 == 0:  # so that a refresh reads two batches
            refresh(kit)
    metastore = kit.platform.metastore
    served = [(kit.table("served.by_day").snapshot().version, row) for row in kit.rows("served.by_day")]
    assert len(served) == _BATCHES  # a row for each day, and a day for each batch
    raw = kit.rows("raw.orders")
    for version, row in random.Random(1).sample(served, _BATCHES):
        batch_ids = {one["_batch_id"] for one in raw if one["day"] == row["day"]}
        assert len(batch_ids) == 1
        batch = metastore.batches.get("raw.shop.orders", batch_id=batch_ids.pop())
        assert batch is not None
        trace_id = trace_id_of_batch(metastore, batch.dataset, batch.batch_id)
        assert len(trace_id) == 32
        first = next(run for run in metastore.runs.published("served.shop.by_day") if _read(kit, run, batch))
        assert first.output_version is not None
        assert first.output_version <= version
        spans = [one for one in metastore.operations.spans.of_run(first.run_id) if one.name == "step"]
        links = {trace_id_of(link) for step in _up(kit, first) for link in step.links}
        assert trace_id in {first.traceparent.split("-")[1], *links}
        assert {one.name for one in metastore.operations.spans.of_trace(trace_id)} >= {
            "batch",
            "poll",
            "land",
            "commit",
        }
        assert trace_id in traces_of_lineage(kit, "raw.shop.orders")
        assert spans[0].trace_id in traces_of_lineage(kit, "served.shop.by_day")
        assert trace_id in {line.trace_id for line in lines(kit) if line.batch == batch.batch_id}
        assert trace_id_of_run(metastore, first.run_id) == spans[0].trace_id
        assert spans[0].trace_id in {line.trace_id for line in lines(kit) if line.run_id == first.run_id}


def test_a_refresh_after_one_batch_is_in_the_batchs_own_trace_to_the_end(kit: Kit) -> None:
    deliver(kit, 1)
    kit.ingest("orders")
    refresh(kit)
    trace_id = trace_id_of_batch(kit.platform.metastore, "raw.shop.orders", "orders/1")
    spans = kit.platform.metastore.operations.spans.of_trace(trace_id)
    by_dataset = {(one.name, one.dataset) for one in spans}
    assert {("commit", "raw.shop.orders"), ("publish", "curated.shop.orders"), ("publish", "served.shop.by_day")} <= (
        by_dataset
    )
    ids = {one.span_id for one in spans}
    assert [one.name for one in spans if one.parent_id not in ids] == ["batch"]  # one tree
    for job in ("raw.shop.orders", "curated.shop.orders", "served.shop.by_day"):
        assert traces_of_lineage(kit, job) == {trace_id}


def test_a_refresh_of_several_batches_is_in_the_newest_ones_trace_and_links_the_others(kit: Kit) -> None:
    for number in (1, 2, 3):
        deliver(kit, number)
        kit.ingest("orders")
    refresh(kit)
    metastore = kit.platform.metastore
    own = [trace_id_of_batch(metastore, "raw.shop.orders", f"orders/{number}") for number in (1, 2, 3)]
    assert len(set(own)) == 3
    step = next(one for one in metastore.operations.spans.of_trace(own[2]) if one.dataset == "curated.shop.orders")
    assert [trace_id_of(link) for link in step.links] == [own[1], own[0]]


def test_every_line_of_a_run_says_run_asset_partition_and_code(kit: Kit) -> None:
    deliver(kit, 1)
    deliver(kit, 2, amount=900)
    kit.ingest("orders")
    kit.refresh("curated.orders")
    with pytest.raises(Exception, match="nothing was published"):
        kit.refresh("served.by_day")
    found = lines(kit)
    assert len(found) >= 5
    assert all(line.run_id and line.asset and line.trace_id and line.code_version == "1.2.3" for line in found)
    assert {line.batch for line in found if line.asset == "raw.shop.orders"} == {"orders/1"}
    assert {line.level for line in found} == {"info", "warning"}  # a blocked publish is expected
    assert [line.event for line in found if line.level == "warning"] == ["a publish was blocked"]


def test_partitions_are_said_where_there_are_some(kit: Kit) -> None:
    kit.served(
        "daily",
        ("day date key partition", "n int"),
        "SELECT day, count(*) AS n FROM curated.shop.orders\n"
        "WHERE day >= $partition_start AND day < $partition_end GROUP BY day\n",
        materialization="partition",
    )
    deliver(kit, 1)
    kit.ingest("orders")
    kit.refresh("curated.orders")
    kit.materialize("served.daily", "2026-03-01")
    assert {line.partition for line in lines(kit) if line.asset == "served.shop.daily"} == {"2026-03-01"}


def test_a_lost_metastore_gets_its_traces_back_from_the_commits(kit: Kit) -> None:
    deliver(kit, 1)
    kit.ingest("orders")
    kit.refresh("curated.orders")
    before = {(run.run_id, run.dataset): run.traceparent for run in kit.platform.metastore.runs.recent()}
    assert all(before.values())
    kit.close()
    for file in kit.folder.glob("home/metastore.db*"):
        file.unlink()
    kit.clock.advance(timedelta(minutes=1))
    kit.platform.recovery.catch_up_all(lambda _ref, _count: None)
    assert {(run.run_id, run.dataset): run.traceparent for run in kit.platform.metastore.runs.recent()} == before


def test_a_source_with_nothing_new_leaves_no_trace(kit: Kit) -> None:
    deliver(kit, 1)
    kit.ingest("orders")
    kit.platform.tracer.close()
    before = kit.platform.metastore.operations.spans.of_trace(
        trace_id_of_batch(kit.platform.metastore, "raw.shop.orders", "orders/1")
    )
    run = kit.run()
    kit.platform.ingester.ingest(kit.entry("orders"), run)
    kit.platform.tracer.close()
    assert before
    assert kit.platform.metastore.operations.spans.of_run(run.id) == ()


def _read(kit: Kit, run: Any, batch: Any) -> bool:
    """Whether a run of the served table was the first to see a batch, by the versions that were read on the way."""
    made = kit.platform.metastore.runs.producer("curated.shop.orders", version=run.inputs["curated.shop.orders"])
    return made is not None and made.inputs["raw.shop.orders"] >= batch.raw_version


def _up(kit: Kit, run: Any) -> list[Any]:
    """The steps on the way up from a run of the served table."""
    spans, runs = kit.platform.metastore.operations.spans, kit.platform.metastore.runs
    made = runs.producer("curated.shop.orders", version=run.inputs["curated.shop.orders"])
    assert made is not None
    return [one for each in (run, made) for one in spans.of_run(each.run_id) if one.name == "step"]
