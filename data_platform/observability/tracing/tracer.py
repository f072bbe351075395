"""Begins traces and hands on those that are kept: all that tell of an error, of the others a sample.

What is kept is decided when the first span of a trace in this process has ended, over everything that was gathered in
it: so an error at the end keeps the whole. A run in several processes is decided in each of them.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Protocol

from data_platform.clock import Clock, SystemClock
from data_platform.metastore.spans import SpanEntry
from data_platform.observability.tracing.context import TraceContext, new_trace_id, run_span_id
from data_platform.observability.tracing.spans import ActiveSpan, Gathered, begun, current, inside, under_way


class SpanSink(Protocol):
    """Takes the spans of traces that are kept. It never raises and is never waited for long."""

    def take(self, spans: Sequence[SpanEntry]) -> None:
        """Spans of one trace."""
        ...

    def close(self) -> None:
        """Hands on what it still holds."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Tracer:
    """One process's way into traces.

    Attributes:
        ratio: of the traces without an error that are kept, from 0 to 1.
        outer: the span of whoever started this process; traces that begin here go on from it.
    """

    clock: Clock = field(default_factory=SystemClock)
    sinks: tuple[SpanSink, ...] = ()
    ratio: float = 1.0
    outer: TraceContext | None = None

    @contextmanager
    def span(self, name: str, *, parent: str = "", follow: Sequence[str] = (), **about: Any) -> Iterator[ActiveSpan]:
        """A span inside the one under way, else the first one of a trace in this process.

        Args:
            name: what is done, in one word.
            parent: the traceparent of the span that it is inside of, in another process.
            follow: traceparents of what it goes on from, the newest first: without another parent it is in the first
                one's trace; the others are linked.
            about: counts and names; `run_id` and `dataset` where it is about one; `span_id` where that is given.
        """
        outer = current()
        if outer is not None:
            with under_way(inside(outer, name, about)) as inner:
                inner.link(follow)
                yield inner
            return
        first = self._first(name, parent, about)
        first.follow(follow)
        try:
            with under_way(first):
                yield first
        finally:
            self._settle(first.gathered)

    def tell(self, span: SpanEntry) -> None:
        """Takes a span that somebody else observed."""
        gathered = Gathered(span.trace_id, self.clock, self.ratio, has_error=span.status == "error")
        if gathered.is_kept:
            self._hand_on([span])

    def close(self) -> None:
        """Hands on what sinks still hold."""
        for sink in self.sinks:
            sink.close()

    def _first(self, name: str, parent: str, about: dict[str, Any]) -> ActiveSpan:
        above = TraceContext.read(parent) or self.outer
        is_run = about.get("span_id") == run_span_id(about.get("run_id", ""))
        own = TraceContext.of_run(about["run_id"]).trace_id if is_run else new_trace_id()
        gathered = Gathered(above.trace_id if above else own, self.clock, self.ratio)
        return begun(gathered, name, above.span_id if above else "", about)

    def _settle(self, gathered: Gathered) -> None:
        if gathered.ended and gathered.is_kept:
            if gathered.dropped:
                gathered.ended[-1].set(spans_dropped=gathered.dropped)
            self._hand_on(gathered.entries())

    def _hand_on(self, spans: Sequence[SpanEntry]) -> None:
        for sink in self.sinks:
            sink.take(spans)


UNTRACED = Tracer()  # gives ids, keeps nothing


def run_span(run_id: str, *, trace_id: str, parent: str, seen: tuple[datetime, datetime], error: str = "") -> SpanEntry:
    """The span of a run that somebody else ran, from when to when; `error` is the kind of its failure."""
    above = TraceContext.read(parent)
    return SpanEntry(
        trace_id=trace_id,
        span_id=run_span_id(run_id),
        parent_id=above.span_id if above else "",
        name="run",
        run_id=run_id,
        started_at=seen[0],
        ended_at=seen[1],
        status="error" if error else "ok",
        attributes={"error.type": error} if error else {},
    )
