"""What a run is going to go on from, and its span once it has ended. Sensors load it by name: it reads ledgers."""

from __future__ import annotations

from collections.abc import Collection
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import dagster as dg

from data_platform.contracts.model import DatasetName
from data_platform.observability.tracing.context import TRACEPARENT, TraceContext
from data_platform.observability.tracing.finding import news_of_several
from data_platform.observability.tracing.tracer import run_span
from data_platform.orchestration.location import Location
from data_platform.orchestration.run_tracing import traceparent_of

if TYPE_CHECKING:
    from data_platform.wiring.platform import Platform


def news_for(location: Location, platform: Platform, names: Collection[DatasetName]) -> tuple[str, ...]:
    """The traceparents of what a run over these datasets is going to read, the newest first."""
    read = {str(name): [str(one) for one in location.graph.inputs[name]] for name in names}
    return news_of_several(platform.metastore, read)


def tell_run(platform: Platform, instance: dg.DagsterInstance, run: dg.DagsterRun, *, error: str) -> None:
    """Keeps the span of a run that has ended, unless whoever ran it did; `error` is empty where it succeeded."""
    own, asked = TraceContext.read(traceparent_of(run)), TraceContext.read(run.tags.get(TRACEPARENT, ""))
    record = instance.get_run_record_by_id(run.run_id)
    if own is None or record is None or platform.metastore.operations.spans.get(own.trace_id, span_id=own.span_id):
        return
    ended = record.end_time or platform.clock.now().timestamp()
    seen = (_moment(record.start_time or ended), _moment(ended))
    parent = asked.traceparent if asked and asked.span_id != own.span_id else ""
    whole = run_span(run.run_id, trace_id=own.trace_id, parent=parent, seen=seen, error=error)
    platform.tracer.tell(whole)


def _moment(timestamp: float) -> datetime:
    return datetime.fromtimestamp(timestamp, UTC)
