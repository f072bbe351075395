"""Metrics as Prometheus reads them: its text format, and OpenMetrics, which has exemplars. Measuring is elsewhere.

`prometheus_client` writes 50,000 series in most of a second; lines made once and kept are what a scrape has time for.
"""

from __future__ import annotations

import bisect
import functools
import math
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Protocol

PREFIX = "data_platform_"
_MICROS = 1_000_000


class Kind(StrEnum):
    """What a number means to Prometheus."""

    GAUGE = "gauge"
    COUNTER = "counter"
    HISTOGRAM = "histogram"


class Form(StrEnum):
    """How metrics are written, by the media type that asks for it."""

    TEXT = "text/plain; version=0.0.4; charset=utf-8"
    OPEN_METRICS = "application/openmetrics-text; version=1.0.0; charset=utf-8"


@dataclass(frozen=True, slots=True, kw_only=True)
class Family:
    """One metric.

    Attributes:
        name: without the prefix of all; counters end in `_total`, other names in their unit where there is one.
        help: one sentence.
        per: what there is a series of for each combination of labels: nothing (fixed), a dataset, a source …
    """

    name: str
    kind: Kind
    help: str
    labels: tuple[str, ...] = ()
    per: str = ""

    @property
    def full_name(self) -> str:
        """As Prometheus shows it."""
        return PREFIX + self.name

    @property
    def unit(self) -> str:
        """The base unit that the name ends in; empty where it counts things."""
        stem = self.name.removesuffix("_total")
        return next((unit for unit in ("seconds", "bytes", "ratio") if stem.endswith(f"_{unit}")), "")

    def line(self, labels: Sequence[str], value: float) -> str:
        """One sample."""
        return f"{self.full_name}{_block(self.labels, tuple(labels))} {_number(value)}\n"

    def head(self, form: Form) -> str:
        """What stands before the samples."""
        name = self.full_name.removesuffix("_total") if form is Form.OPEN_METRICS else self.full_name
        return f"# HELP {name} {self.help}\n# TYPE {name} {self.kind}\n"


@dataclass(frozen=True, slots=True, kw_only=True)
class Exemplar:
    """An observation that stands for its bucket, with the trace that tells its story."""

    trace_id: str
    value: float
    at_seconds: float


@dataclass(slots=True)
class Observations:
    """A histogram of one series, kept and added to.

    Attributes:
        micros: the sum of all observations in millionths, so that it does not depend on their order.
        exemplars: by bucket, the newest.
    """

    bounds: tuple[float, ...]
    counts: list[int]
    micros: int = 0
    exemplars: dict[int, Exemplar] | None = None
    written: dict[Form, str] = field(default_factory=dict)

    @classmethod
    def over(cls, bounds: tuple[float, ...]) -> Observations:
        """None yet."""
        return cls(bounds, [0] * (len(bounds) + 1))

    def add(self, value: float, exemplar: Exemplar | None = None) -> None:
        """One observation."""
        place = bisect.bisect_left(self.bounds, value)
        if self.written:
            self.written.clear()
        self.counts[place] += 1
        self.micros += round(value * _MICROS)
        if exemplar is not None:
            self.exemplars = self.exemplars or {}
            held = self.exemplars.get(place)
            if held is None or (held.at_seconds, held.trace_id) <= (exemplar.at_seconds, exemplar.trace_id):
                self.exemplars[place] = exemplar

    def text(self, family: Family, labels: Sequence[str], form: Form) -> str:
        """The samples, written once for every change of one series."""
        if form not in self.written:
            self.written[form] = "".join(self.lines(family, labels, form))
        return self.written[form]

    def lines(self, family: Family, labels: Sequence[str], form: Form) -> Iterator[str]:
        """The samples: each bucket with all below it, the sum and the count."""
        block = _block((*family.labels, "le"), (*labels, "\0"))
        running = 0
        for place, bound in enumerate((*self.bounds, math.inf)):
            running += self.counts[place]
            within = block.replace("\0", "+Inf" if bound == math.inf else _bound(bound))
            yield f"{family.full_name}_bucket{within} {float(running)}{self._exemplar(place, form)}\n"
        block = _block(family.labels, tuple(labels))
        yield f"{family.full_name}_sum{block} {_number(self.micros / _MICROS)}\n"
        yield f"{family.full_name}_count{block} {float(running)}\n"

    def _exemplar(self, place: int, form: Form) -> str:
        found = (self.exemplars or {}).get(place)
        if found is None or form is not Form.OPEN_METRICS:
            return ""
        return f' # {{trace_id="{found.trace_id}"}} {_number(found.value)} {found.at_seconds:.3f}'


class Collector(Protocol):
    """A part's metrics."""

    def collect(self, form: Form) -> Iterator[tuple[Family, Iterable[str]]]:
        """Every family with its samples, or with several of them as one text; families without samples are left out."""
        ...


def exposition(*collectors: Collector, form: Form = Form.TEXT) -> str:
    """The metrics of collectors."""
    parts: list[str] = []
    for collector in collectors:
        for family, lines in collector.collect(form):
            text = "".join(lines)
            if text:
                parts += (family.head(form), text)
    if form is Form.OPEN_METRICS:
        parts.append("# EOF\n")
    return "".join(parts)


@functools.lru_cache(maxsize=200_000)
def _block(names: tuple[str, ...], values: tuple[str, ...]) -> str:
    pairs = ",".join(f'{name}="{_escaped(value)}"' for name, value in zip(names, values, strict=True))
    return f"{{{pairs}}}" if pairs else ""


def _escaped(value: str) -> str:
    return value.replace("\\", r"\\").replace("\n", r"\n").replace('"', r"\"")


def _bound(bound: float) -> str:
    return repr(float(bound))


def _number(value: float) -> str:
    number = float(value)
    if number - number == 0:  # finite
        return repr(number)
    return "NaN" if math.isnan(number) else ("+Inf" if number > 0 else "-Inf")
