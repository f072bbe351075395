"""The span that is under way, and spans inside it. Where nothing is traced, `span` does nothing.

Spans of one trace are gathered in this process until the first of them has ended; keeping them is the tracer's. The
records are plain, so that a command pays nothing for OpenTelemetry unless it exports to it (`otlp`).
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from data_platform.clock import Clock
from data_platform.errors import PlatformError
from data_platform.metastore.spans import SpanEntry
from data_platform.observability.tracing.context import TRACEPARENT, TraceContext, is_drawn, new_span_id

_MOST_SPANS = 2_000  # of one trace in one process; more are counted, not kept
_MOST_LINKS = 128
_TOLD_CHARACTERS = 300


@dataclass(slots=True)
class Gathered:
    """The spans of one trace that ended in this process. The trace may turn out to be another one's continuation."""

    trace_id: str
    clock: Clock
    ratio: float
    ended: list[ActiveSpan] = field(default_factory=list)
    dropped: int = 0
    has_error: bool = False
    _at: datetime = field(init=False)
    _began: float = field(init=False)

    def __post_init__(self) -> None:
        self._at, self._began = self.clock.now(), time.perf_counter()

    def moment(self) -> datetime:
        """Now, counted from the trace's beginning by a clock that nobody sets."""
        return self._at + timedelta(seconds=time.perf_counter() - self._began)

    @property
    def is_kept(self) -> bool:
        """Whether it is drawn, or tells of an error."""
        return self.has_error or is_drawn(self.trace_id, self.ratio)

    def entries(self) -> list[SpanEntry]:
        """What is kept of it."""
        return [one.entry() for one in self.ended]


@dataclass(slots=True, kw_only=True, eq=False)
class ActiveSpan:
    """One span, from its beginning to its end."""

    gathered: Gathered
    name: str
    parent_id: str
    run_id: str
    dataset: str
    attributes: dict[str, Any]
    span_id: str
    links: list[str] = field(default_factory=list)
    outer: ActiveSpan | None = None
    error: BaseException | None = None
    is_dropped: bool = False
    started_at: datetime = field(init=False)
    ended_at: datetime | None = None

    def __post_init__(self) -> None:
        self.started_at = self.gathered.moment()

    @property
    def trace_id(self) -> str:
        """The trace that it is in."""
        return self.gathered.trace_id

    @property
    def traceparent(self) -> str:
        """As W3C Trace Context writes it."""
        is_sampled = is_drawn(self.trace_id, self.gathered.ratio)
        return TraceContext(self.trace_id, self.span_id, is_sampled).traceparent

    def set(self, **attributes: Any) -> None:
        """Says more about it: counts and names, never values of the data."""
        self.attributes.update(attributes)

    def told(self, name: str) -> str:
        """What it says by this name, else what the spans around it do; empty where none does."""
        if name in self.attributes:
            return str(self.attributes[name])
        return self.outer.told(name) if self.outer is not None else ""

    def link(self, traceparents: Iterable[str]) -> None:
        """Says that it goes on from spans of other traces too."""
        for one in traceparents:
            context = TraceContext.read(one)
            is_new = context is not None and context.trace_id != self.trace_id and one not in self.links
            if is_new and len(self.links) < _MOST_LINKS:
                self.links.append(one)

    def follow(self, traceparents: Iterable[str]) -> None:
        """Goes on from the first of these spans and links the others; a span inside another only links them."""
        known = [one for one in traceparents if TraceContext.read(one) is not None]
        if known and not self.parent_id:
            context = TraceContext.read(known[0])
            assert context is not None
            self.gathered.trace_id, self.parent_id = context.trace_id, context.span_id
        self.link(known)

    def drop(self) -> None:
        """Forgets it and what is inside it: nothing happened."""
        self.is_dropped = True

    def entry(self) -> SpanEntry:
        """What is kept of it."""
        return SpanEntry(
            trace_id=self.trace_id,
            span_id=self.span_id,
            parent_id=self.parent_id,
            name=self.name,
            run_id=self.run_id,
            dataset=self.dataset,
            started_at=self.started_at,
            ended_at=self.ended_at or self.gathered.moment(),
            status="error" if self.error is not None else "ok",
            attributes=self.attributes | _told(self.error),
            links=tuple(self.links),
        )


_CURRENT: ContextVar[ActiveSpan | None] = ContextVar("data_platform_span", default=None)


def current() -> ActiveSpan | None:
    """The span that is under way here; None where nothing is traced."""
    return _CURRENT.get()


def outgoing() -> dict[str, str]:
    """The header that tells another system which span a request belongs to; none where nothing is traced."""
    one = _CURRENT.get()
    return {} if one is None else {TRACEPARENT: one.traceparent}


@contextmanager
def span(name: str, **about: Any) -> Iterator[ActiveSpan | None]:
    """A span inside the one under way; nothing where none is.

    Args:
        name: what is done, in one word.
        about: counts and names; `run_id` and `dataset` where they are not the outer span's.
    """
    outer = _CURRENT.get()
    if outer is None:
        yield None
        return
    with under_way(inside(outer, name, about)) as inner:
        yield inner


def inside(outer: ActiveSpan, name: str, about: dict[str, Any]) -> ActiveSpan:
    """A span inside another."""
    known = {"run_id": outer.run_id, "dataset": outer.dataset, **about}
    inner = begun(outer.gathered, name, outer.span_id, known)
    inner.outer = outer
    return inner


def begun(gathered: Gathered, name: str, parent_id: str, about: dict[str, Any]) -> ActiveSpan:
    """A span that begins now; `run_id`, `dataset` and `span_id` among what is said about it are its own fields."""
    run_id, dataset = about.pop("run_id", ""), about.pop("dataset", "")
    return ActiveSpan(
        gathered=gathered,
        name=name,
        parent_id=parent_id,
        span_id=about.pop("span_id", "") or new_span_id(),
        run_id=run_id,
        dataset=dataset,
        attributes=about,
    )


@contextmanager
def under_way(one: ActiveSpan) -> Iterator[ActiveSpan]:
    """The span is the current one for the block; an error that leaves the block is its error."""
    gathered, outer = one.gathered, _CURRENT.get()
    before = len(gathered.ended)
    _CURRENT.set(one)
    try:
        yield one
    except BaseException as error:
        one.error = error
        raise
    finally:
        # Not by token: Dagster resumes a step's generator in whichever context it likes.
        _CURRENT.set(outer)
        one.ended_at = gathered.moment()
        gathered.has_error |= one.error is not None
        if one.is_dropped and one.error is None:
            del gathered.ended[before:]
        elif len(gathered.ended) < _MOST_SPANS or one.error is not None or not one.parent_id:
            gathered.ended.append(one)
        else:
            gathered.dropped += 1


def _told(error: BaseException | None) -> dict[str, str]:
    """The error without values of the data: the platform says none in its first lines, others might."""
    if error is None:
        return {}
    text = str(error).splitlines()[:1] if isinstance(error, PlatformError) else []
    return {"error.type": type(error).__name__, **({"error.message": text[0][:_TOLD_CHARACTERS]} if text else {})}
