"""Which span a Dagster run is, and the tag that says what it goes on from. Its span itself is told in `run_spans`.

A run that was asked for because of new data is in the trace of the newest batch or publish that it is going to read,
which its tag names; any other begins a trace of its own. Every process of the run comes to the same ids by itself.
"""

from __future__ import annotations

from collections.abc import Sequence

import dagster as dg

from data_platform.observability.tracing.context import TRACEPARENT, TraceContext


def traceparent_of(run: dg.DagsterRun) -> str:
    """The span of a run as a whole."""
    own, asked = TraceContext.of_run(run.run_id), TraceContext.read(run.tags.get(TRACEPARENT, ""))
    return TraceContext(asked.trace_id if asked else own.trace_id, own.span_id).traceparent


def trace_tags(news: Sequence[str]) -> dict[str, str]:
    """The tag that makes a run go on from the first of these, the newest."""
    return {TRACEPARENT: news[0]} if news else {}
