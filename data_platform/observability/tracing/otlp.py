"""Spans to an OpenTelemetry collector by OTLP over HTTP, from a thread of its own: no run waits for it or fails.

OpenTelemetry is loaded with the first trace that is exported.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.sdk.trace.export import BatchSpanProcessor
from opentelemetry.sdk.util.instrumentation import InstrumentationScope
from opentelemetry.trace import Link, SpanContext, SpanKind, Status, StatusCode, TraceFlags

from data_platform.metastore.spans import SpanEntry
from data_platform.observability.tracing.context import TraceContext

_PATH = "/v1/traces"  # of the OTLP specification, section OTLP/HTTP request
_TIMEOUT_SECONDS = 5.0
_LAST_SECONDS = 1.0  # what an ending process waits for
_SCOPE = InstrumentationScope("data_platform")
_SDK_LOGGERS = ("opentelemetry.exporter.otlp.proto.http.trace_exporter", "opentelemetry.sdk._shared_internal")


@dataclass(slots=True)
class OtlpExport:
    """One endpoint.

    Attributes:
        endpoint: `http://host:port`, or the whole address of the traces.
        resource: what is said of this process with every span.
    """

    endpoint: str
    resource: Mapping[str, str]
    _processor: BatchSpanProcessor | None = field(default=None, init=False)
    _resource: Resource = field(init=False)

    def __post_init__(self) -> None:
        self._resource = Resource(dict(self.resource))

    def take(self, spans: Sequence[SpanEntry]) -> None:
        """Queues them; what does not fit into the queue is dropped."""
        if self._processor is None:
            _quieten()
            exporter = OTLPSpanExporter(_address(self.endpoint), timeout=_TIMEOUT_SECONDS)
            self._processor = BatchSpanProcessor(exporter, max_queue_size=8_192, schedule_delay_millis=1_000)
        for span in spans:
            self._processor.on_end(_readable(span, self._resource))

    def close(self) -> None:
        """Sends what is queued, for at most a second."""
        processor, self._processor = self._processor, None
        if processor is None:
            return
        # The processor's own shutdown waits for an answer under way; a process that ends does not.
        last = threading.Thread(target=processor.shutdown, name="traces-last", daemon=True)
        last.start()
        last.join(_LAST_SECONDS)


def _readable(span: SpanEntry, resource: Resource) -> ReadableSpan:
    parent = _context(TraceContext(span.trace_id, span.parent_id)) if span.parent_id else None
    ids = {"data_platform.run_id": span.run_id, "data_platform.dataset": span.dataset}
    status = Status(StatusCode.ERROR, span.attributes.get("error.message")) if span.status == "error" else Status()
    links = (TraceContext.read(link) for link in span.links)
    return ReadableSpan(
        name=span.name,
        context=_context(TraceContext(span.trace_id, span.span_id)),
        parent=parent,
        resource=resource,
        attributes={name: _plain(value) for name, value in {**ids, **span.attributes}.items() if value != ""},
        links=[Link(_context(link)) for link in links if link is not None],
        kind=SpanKind.INTERNAL,
        instrumentation_scope=_SCOPE,
        status=status,
        start_time=_nanoseconds(span.started_at),
        end_time=_nanoseconds(span.ended_at),
    )


def _context(at: TraceContext) -> SpanContext:
    flags = TraceFlags(TraceFlags.SAMPLED)
    return SpanContext(int(at.trace_id, 16), int(at.span_id, 16), is_remote=False, trace_flags=flags)


def _plain(value: Any) -> str | bool | int | float:
    return value if isinstance(value, str | bool | int | float) else str(value)


def _nanoseconds(at: datetime) -> int:
    return int(at.timestamp() * 1_000_000) * 1_000


def _address(endpoint: str) -> str:
    return endpoint if endpoint.endswith(_PATH) else endpoint.rstrip("/") + _PATH


def _quieten() -> None:
    """A collector that does not answer is expected: the SDK calls it an error, and it is none for a run."""
    for name in _SDK_LOGGERS:
        logger = logging.getLogger(name)
        if not any(isinstance(one, _AsWarning) for one in logger.filters):
            logger.addFilter(_AsWarning())


class _AsWarning(logging.Filter):
    def filter(self, record: logging.LogRecord) -> bool:
        record.levelno, record.levelname = min(record.levelno, logging.WARNING), "WARNING"
        return True
