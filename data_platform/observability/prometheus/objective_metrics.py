"""Objectives in Prometheus' terms: counters to compute burn from, budgets that are left, and what is promised."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Iterator
from datetime import datetime
from typing import NamedTuple

from data_platform.contracts.domains import PLATFORM_DOMAIN
from data_platform.metastore.engine import Metastore
from data_platform.observability.exposition import Family, Form, Kind

EVENTS = Family(
    name="objective_events_total", kind=Kind.COUNTER,
    help="Good and bad events of an objective, in the measure of its indicator, and those of which nothing is known.",
    labels=("objective", "verdict"), per="objective and verdict (unknown only where it occurred)",
)  # fmt: skip
TARGET = Family(
    name="objective_target_ratio", kind=Kind.GAUGE, help="Share of an objective's events that must be good.",
    labels=("objective", "sli", "domain", "owner", "critical"), per="objective",
)  # fmt: skip
BUDGET = Family(
    name="objective_budget_left_ratio", kind=Kind.GAUGE,
    help="What is left of an objective's error budget, below 0 where more than all of it is gone.",
    labels=("objective",), per="objective of which something is known",
)  # fmt: skip
BURN = Family(
    name="objective_burn_rate", kind=Kind.GAUGE,
    help="How many times faster than promised the error budget goes, as the platform computes it itself.",
    labels=("objective", "window"), per="objective and window (1h, 3d) in which something is known",
)  # fmt: skip
STATES = Family(
    name="objectives", kind=Kind.GAUGE, help="Objectives by domain and state.", labels=("domain", "state"),
    per="domain and state",
)  # fmt: skip
FAMILIES = (EVENTS, TARGET, BUDGET, BURN, STATES)
_WINDOWS = ("1h", "3d")


class _Promised(NamedTuple):
    """What a scrape reads of one objective, in the order in which the metastore gives it; `burn` is JSON text."""

    name: str
    sli: str
    domain: str
    owner: str
    is_critical: bool
    target: float
    state: str
    budget_left: float | None
    good: float
    bad: float
    unknown: float
    burn: str


class ObjectiveMetrics:
    """A collector that is kept between scrapes: what did not change is not written again."""

    def __init__(self, metastore: Metastore) -> None:
        self._facts = metastore.operations.metric_facts
        self._evaluated: tuple[int, datetime | None] | None = None
        self._written: dict[str, tuple[_Promised, tuple[str, ...]]] = {}  # by objective: facts, and their samples
        self._texts: list[tuple[Family, list[str]]] = []

    def collect(self, form: Form) -> Iterator[tuple[Family, Iterable[str]]]:  # noqa: ARG002  no exemplars here
        """Every family."""
        evaluated = self._facts.objectives_at()
        if evaluated != self._evaluated:
            self._texts = [(family, ["".join(samples)]) for family, samples in self._families()]
            self._evaluated = evaluated
        yield from self._texts

    def _families(self) -> Iterator[tuple[Family, Iterable[str]]]:
        found = [_Promised._make(row) for row in self._facts.objectives()]
        written = {}
        for one in found:
            held = self._written.get(one.name)
            written[one.name] = held if held is not None and held[0] == one else (one, _samples(one))
        self._written = written
        yield from zip(_BY_OBJECTIVE, zip(*(samples for _, samples in written.values()), strict=True), strict=False)
        states = Counter((one.domain or PLATFORM_DOMAIN, str(one.state)) for one in found)
        yield STATES, [STATES.line(key, count) for key, count in sorted(states.items())]


_BY_OBJECTIVE = (EVENTS, TARGET, BUDGET, BURN)


def _samples(one: _Promised) -> tuple[str, ...]:
    """The samples of one objective, a text for each family of `_BY_OBJECTIVE`."""
    events = EVENTS.line((one.name, "good"), one.good) + EVENTS.line((one.name, "bad"), one.bad)
    if one.unknown:
        events += EVENTS.line((one.name, "unknown"), one.unknown)
    promised = TARGET.line((one.name, one.sli, one.domain, one.owner, str(bool(one.is_critical)).lower()), one.target)
    budget = "" if one.budget_left is None else BUDGET.line((one.name,), one.budget_left)
    rates = json.loads(one.burn)
    shown = [BURN.line((one.name, window), rates[window]) for window in _WINDOWS if rates.get(window) is not None]
    return events, promised, budget, "".join(shown)
