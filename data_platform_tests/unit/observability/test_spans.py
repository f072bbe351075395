"""Spans lie inside each other, traces are kept or not as a whole, and nothing that is traced can be hurt by it."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

import pytest

from data_platform.clock import ManualClock
from data_platform.errors import PublishBlocked, RetryableError
from data_platform.metastore.engine import Metastore, open_metastore
from data_platform.metastore.spans import SpanEntry, Spans
from data_platform.observability.tracing.context import TraceContext
from data_platform.observability.tracing.spans import current, outgoing, span
from data_platform.observability.tracing.storing import SpanStore
from data_platform.observability.tracing.tracer import Tracer

NOON = datetime(2026, 3, 20, 12, tzinfo=UTC)
ONE, TWO = (f"00-{digit * 32}-{digit * 16}-01" for digit in "12")


@dataclass
class Kept:
    """Remembers what it was given."""

    traces: list[list[SpanEntry]] = field(default_factory=list)

    def take(self, spans: Sequence[SpanEntry]) -> None:
        self.traces.append(list(spans))

    def close(self) -> None: ...

    @property
    def names(self) -> list[str]:
        return [one.name for trace in self.traces for one in trace]


def tracer(kept: Kept, ratio: float = 1.0, outer: TraceContext | None = None) -> Tracer:
    return Tracer(clock=ManualClock(NOON), sinks=(kept,), ratio=ratio, outer=outer)


@pytest.fixture
def metastore(tmp_path: Path) -> Iterator[Metastore]:
    one = open_metastore(f"sqlite:///{tmp_path / 'm.db'}")
    one.migrate()
    yield one
    one.close()


def test_spans_lie_inside_each_other_and_share_run_and_dataset() -> None:
    kept = Kept()
    with tracer(kept).span("step", run_id="r1", dataset="a.b.c"), span("compute", rows=3):
        pass
    inner, outer = kept.traces[0]
    assert (inner.name, inner.parent_id, inner.trace_id) == ("compute", outer.span_id, outer.trace_id)
    assert (inner.run_id, inner.dataset, inner.attributes) == ("r1", "a.b.c", {"rows": 3})
    assert NOON <= outer.started_at <= inner.started_at <= inner.ended_at <= outer.ended_at


def test_outside_of_a_trace_a_span_is_nothing() -> None:
    with span("compute") as one:
        assert one is None
    assert current() is None
    assert outgoing() == {}


def test_an_error_keeps_the_whole_trace_though_none_is_sampled() -> None:
    kept = Kept()
    with tracer(kept, ratio=0).span("quiet"), span("inner"):
        pass
    assert kept.traces == []
    blocked = PublishBlocked("orders: 2 blocking checks did not pass\n  secret row values")
    with pytest.raises(PublishBlocked):
        _step(tracer(kept, ratio=0), blocked)
    by_name = {one.name: one for one in kept.traces[0]}
    assert {name: one.status for name, one in by_name.items()} == {"pin": "ok", "checks": "error", "step": "error"}
    told = by_name["checks"].attributes
    assert told == {"error.type": "PublishBlocked", "error.message": "orders: 2 blocking checks did not pass"}


def test_what_other_errors_say_is_not_told_since_it_may_quote_data() -> None:
    kept = Kept()
    with pytest.raises(ValueError, match="Ada"), tracer(kept).span("step"):
        raise ValueError("Ada Lovelace, 1815-12-10")
    assert kept.traces[0][0].attributes == {"error.type": "ValueError"}


def test_a_person_who_stops_a_run_leaves_a_trace() -> None:
    kept = Kept()
    with pytest.raises(KeyboardInterrupt), tracer(kept, ratio=0).span("run"):
        raise KeyboardInterrupt
    assert kept.traces[0][0].status == "error"


def test_a_trace_goes_on_from_the_newest_and_links_the_others() -> None:
    kept = Kept()
    with tracer(kept).span("step", follow=(TWO, ONE, "nonsense")) as one:
        assert one.trace_id == "2" * 32
    only = kept.traces[0][0]
    assert (only.parent_id, only.links) == ("2" * 16, (ONE,))


def test_whoever_started_the_process_is_gone_on_from_before_anything_else() -> None:
    kept = Kept()
    with tracer(kept, outer=TraceContext("a" * 32, "b" * 16)).span("run", follow=(ONE,)):
        assert outgoing()["traceparent"].startswith(f"00-{'a' * 32}-")
    only = kept.traces[0][0]
    assert (only.trace_id, only.parent_id, only.links) == ("a" * 32, "b" * 16, (ONE,))


def test_a_span_inside_another_stays_in_its_trace() -> None:
    kept = Kept()
    one = tracer(kept)
    with one.span("run") as outer, one.span("step", parent=ONE, follow=(TWO,)) as inner:
        assert inner.trace_id == outer.trace_id
    assert kept.traces[0][0].links == (TWO,)


def test_what_turned_out_to_be_nothing_is_forgotten() -> None:
    kept = Kept()
    one = tracer(kept)
    with one.span("batch") as idle:
        with span("poll"):
            pass
        idle.drop()
    assert kept.traces == []
    with pytest.raises(RetryableError):
        _dropped_and_failed(one)
    assert kept.names == ["batch"]


def test_a_trace_holds_two_thousand_spans_at_most_and_its_first_and_its_errors_always() -> None:
    kept = Kept()
    with tracer(kept).span("run"):
        for _ in range(2_500):
            with span("step"):
                pass
        with pytest.raises(RetryableError), span("late"):
            raise RetryableError("no")
    assert kept.names[-2:] == ["late", "run"]
    assert len(kept.names) == 2_002
    assert kept.traces[0][-1].attributes["spans_dropped"] == 500


def test_threads_have_traces_of_their_own() -> None:
    kept = Kept()
    one = tracer(kept)
    barrier = threading.Barrier(4)

    def work(number: int) -> None:
        with one.span("batch", dataset=str(number)):
            barrier.wait()
            with span("poll"):
                barrier.wait()

    threads = [threading.Thread(target=work, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len({trace[0].trace_id for trace in kept.traces}) == 4
    assert all({one.dataset for one in trace} == {trace[0].dataset} for trace in kept.traces)


def test_spans_are_kept_once_and_found_by_trace_and_run(metastore: Metastore) -> None:
    spans, store = metastore.operations.spans, SpanStore(lambda: metastore.operations.spans)
    one = Tracer(clock=ManualClock(NOON), sinks=(store,))
    with one.span("run", run_id="r1") as outer, span("step", dataset="a.b.c"):
        pass
    assert spans.of_run("r1") == ()  # held, since every write is flushed to disk
    one.close()
    found = spans.of_run("r1")
    assert [entry.name for entry in found] == ["run", "step"]
    assert found == spans.of_trace(outer.trace_id)
    spans.record(found)
    assert spans.of_trace(outer.trace_id) == found


def test_old_spans_are_forgotten_and_the_oldest_beyond_a_number(metastore: Metastore) -> None:
    spans = metastore.operations.spans
    moments = [NOON.replace(minute=minute) for minute in range(10)]
    spans.record(
        SpanEntry(trace_id="a" * 32, span_id=f"{at.minute:016x}", name="step", started_at=at, ended_at=at)
        for at in moments
    )
    assert spans.prune(moments[3]) == 3
    assert spans.prune(moments[0], most=4) == 3
    assert [one.started_at for one in spans.of_trace("a" * 32)] == moments[6:]


def test_a_database_that_does_not_answer_costs_the_spans_and_nothing_else(caplog: pytest.LogCaptureFixture) -> None:
    def unreachable() -> Spans:
        raise RetryableError("the metastore did not answer")

    one = Tracer(sinks=(SpanStore(unreachable),))
    with one.span("run"):
        pass
    one.close()
    assert [record.levelname for record in caplog.records] == ["WARNING"]


def _step(one: Tracer, error: Exception) -> None:
    with one.span("step"):
        with span("pin"):
            pass
        with span("checks"):
            raise error


def _dropped_and_failed(one: Tracer) -> None:
    with one.span("batch") as failed:
        failed.drop()
        raise RetryableError("the source did not answer")
