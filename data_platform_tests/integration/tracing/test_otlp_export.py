"""Traces leave by OTLP over HTTP, whole and once; a collector that is down or hangs costs a run nothing."""

from __future__ import annotations

import socket
import threading
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from data_platform.errors import PublishBlocked
from data_platform.metastore.spans import SpanEntry
from data_platform.observability.tracing.otlp import OtlpExport
from data_platform_tests.integration.tracing.otlp_receiver import Receiver, receiving
from data_platform_tests.integration.tracing.shop import deliver, shop
from data_platform_tests.kit import Kit


def kit_sending_to(folder: Path, endpoint: str, ratio: float = 1.0) -> Kit:
    return shop(Kit(folder, settings={"otlp_endpoint": endpoint, "trace_sampling": ratio}))


def go_the_whole_way(kit: Kit) -> None:
    deliver(kit, 1)
    kit.ingest("orders")
    kit.refresh("curated.orders")
    kit.refresh("served.by_day")


def attributes(span: Any) -> dict[str, str]:
    return {one.key: one.value.string_value for one in span.attributes}


def names(receiver: Receiver) -> list[str]:
    return sorted(span.name for span in receiver.spans)


def test_a_collector_is_given_the_whole_trace(tmp_path: Path) -> None:
    with receiving() as receiver:
        kit = kit_sending_to(tmp_path, receiver.address)
        go_the_whole_way(kit)
        kept = {
            (one.trace_id, one.span_id): one
            for batch in kit.platform.metastore.batches.of("raw.shop.orders")
            for one in _stored(kit, batch.traceparent.split("-")[1])
        }
        kit.close()
        assert set(receiver.paths) == {"/v1/traces"}
        assert {(span.trace_id.hex(), span.span_id.hex()) for span in receiver.spans} == set(kept)
        for span in receiver.spans:
            same = kept[span.trace_id.hex(), span.span_id.hex()]
            assert (span.name, span.parent_span_id.hex()) == (same.name, same.parent_id)
            assert span.start_time_unix_nano // 1_000 == round(same.started_at.timestamp() * 1e6)
            assert attributes(span)["data_platform.run_id"] == same.run_id
        services = {
            one.value.string_value
            for request in receiver.requests
            for resource in request.resource_spans
            for one in resource.resource.attributes
            if one.key == "service.name"
        }
        assert services == {"data-platform"}
        assert names(receiver).count("step") == 2


def test_only_what_failed_is_sent_where_nothing_is_sampled(tmp_path: Path) -> None:
    with receiving() as receiver:
        kit = kit_sending_to(tmp_path, receiver.address, ratio=0)
        deliver(kit, 1, amount=900)
        kit.ingest("orders")
        kit.refresh("curated.orders")
        with pytest.raises(PublishBlocked):
            kit.refresh("served.by_day")
        kit.close()
        steps = [span for span in receiver.spans if span.name == "step"]
        assert [attributes(span)["data_platform.dataset"] for span in steps] == ["served.shop.by_day"]
        assert steps[0].status.code == steps[0].status.STATUS_CODE_ERROR
        assert "blocking checks did not pass" in steps[0].status.message


def test_a_run_neither_fails_nor_differs_where_nobody_listens(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        address = f"http://127.0.0.1:{taken.getsockname()[1]}"
    kit = kit_sending_to(tmp_path, address)  # nobody listens there any more
    go_the_whole_way(kit)
    assert len(kit.rows("served.by_day")) == 1
    kit.close()
    assert "ERROR" not in {record.levelname for record in caplog.records}


@pytest.mark.parametrize("status", [400, 503])
def test_a_collector_that_refuses_is_no_error(tmp_path: Path, status: int, caplog: pytest.LogCaptureFixture) -> None:
    with receiving(status=status) as receiver:
        kit = kit_sending_to(tmp_path, receiver.address)
        go_the_whole_way(kit)
        kit.close()
        assert receiver.asked.is_set()
    assert "ERROR" not in {record.levelname for record in caplog.records}


def test_a_collector_that_never_answers_holds_nobody_up(tmp_path: Path) -> None:
    with receiving(is_hanging=True) as receiver:
        kit = kit_sending_to(tmp_path, receiver.address)
        go_the_whole_way(kit)
        kit.close()  # comes back though the request is still under way
        assert receiver.asked.is_set()
        assert not receiver.answers.is_set()
    for thread in threading.enumerate():
        if thread.name == "traces-last":
            thread.join()


def test_more_than_a_silent_collector_may_leave_waiting_is_dropped_and_not_waited_for(
    caplog: pytest.LogCaptureFixture,
) -> None:
    at = datetime(2026, 3, 20, tzinfo=UTC)
    span = SpanEntry(trace_id="a" * 32, span_id="b" * 16, name="run", run_id="r1", started_at=at, ended_at=at)
    with receiving(is_hanging=True) as receiver:
        export = OtlpExport(receiver.address, {"service.name": "t"})
        export.take([span])
        assert receiver.asked.wait(20)  # its only sender waits for an answer from here on
        export.take([span] * 10_000)
        assert not receiver.answers.is_set()
        receiver.answers.set()
        export.close()
        for thread in threading.enumerate():
            if thread.name == "traces-last":
                thread.join()
        assert 0 < len(receiver.spans) < 10_000
    assert "ERROR" not in {record.levelname for record in caplog.records}


def _stored(kit: Kit, trace_id: str) -> Any:
    kit.platform.tracer.sinks[0].close()
    return kit.platform.metastore.operations.spans.of_trace(trace_id)
