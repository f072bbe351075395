"""What a line is about: the run, dataset, partition, batch and span that are under way where it is written."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar

from data_platform.observability.tracing.spans import current

_ABOUT: ContextVar[dict[str, str] | None] = ContextVar("data_platform_log", default=None)


@contextmanager
def about(*, run_id: str = "", asset: str = "", partition: str = "", trace_id: str = "") -> Iterator[None]:
    """Lines written in the block are about this, as far as no span says more."""
    before = _ABOUT.get()
    _ABOUT.set({"run_id": run_id, "asset": asset, "partition": partition, "trace_id": trace_id})
    try:
        yield
    finally:
        # Not by token: Dagster resumes a step's generator in whichever context it likes.
        _ABOUT.set(before)


def under_way() -> dict[str, str]:
    """By the names of a line's keys; what is not known is not in it."""
    found = dict(_ABOUT.get() or {})
    span = current()
    if span is not None:
        told = {
            "run_id": span.run_id,
            "asset": span.dataset,
            "partition": span.told("partition"),
            "batch": span.told("batch"),
            "trace_id": span.trace_id,
            "span_id": span.span_id,
        }
        found |= {name: value for name, value in told.items() if value}
    return {name: value for name, value in found.items() if value}
