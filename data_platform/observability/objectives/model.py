"""An objective as it is evaluated, whoever wrote it. Documents are read in `openslo`, contracts in `deriving`."""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass
from enum import StrEnum

from data_platform.observability.objectives.durations import Duration
from data_platform.observability.objectives.windows import Window

# The indicators that are measured. Those without a source yet cannot be promised.
INDICATORS = (
    "pipeline_success",
    "freshness",
    "processing_lag",
    "completeness",
    "schema_compatibility",
    "catalog_coverage",
    "connector_heartbeat",
    "task_age",
    "validity",
    "duplication",
    "cost_per_tb",
)

LASTING = ("freshness", "connector_heartbeat")  # states, which are counted in seconds


class Budgeting(StrEnum):
    """What a budget is counted in."""

    OCCURRENCES = "Occurrences"  # events
    TIMESLICES = "Timeslices"  # slices that are good or bad as a whole
    RATIO_TIMESLICES = "RatioTimeslices"  # slices, each as good as its events


class Comparison(StrEnum):
    """How a measured value is held against a threshold."""

    LTE = "lte"
    GTE = "gte"
    LT = "lt"
    GT = "gt"

    def holds(self, value: float, threshold: float) -> bool:
        """Whether `value` is on the good side."""
        match self:
            case Comparison.LTE:
                return value <= threshold
            case Comparison.GTE:
                return value >= threshold
            case Comparison.LT:
                return value < threshold
            case _:
                return value > threshold


@dataclass(frozen=True, slots=True, kw_only=True)
class Threshold:
    """What a measured value must be for its event to count as good."""

    op: Comparison
    value: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Slices:
    """The slices of a budget that is counted in time.

    Attributes:
        target: share of good events that makes a slice good; None where each counts by its share.
    """

    window: Duration
    target: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Objective:
    """One promise about one indicator of one subject.

    Attributes:
        id: `<sli>.<subject>` where derived; otherwise the document's name.
        subject: a dataset, `<dataset>/<source>`, a domain, or `platform`.
        target: share of events (or slices) that must be good, at least 0 and below 1.
        threshold: None where the indicator itself says what was good.
        origin: file and line, or the contract that it follows from.
    """

    id: str
    sli: str
    subject: str
    domain: str
    owner: str
    is_critical: bool
    target: float
    window: Window
    method: Budgeting = Budgeting.OCCURRENCES
    slices: Slices | None = None
    threshold: Threshold | None = None
    title: str = ""
    description: str = ""
    origin: str = ""

    @property
    def dataset(self) -> str:
        """The dataset that it is about; empty for a domain and the platform."""
        return self.subject.split("/")[0] if "." in self.subject else ""

    @property
    def counts_seconds(self) -> bool:
        """Whether its events are the seconds in which a state lasted."""
        return self.sli in LASTING and self.slices is None and self.threshold is None

    @property
    def definition(self) -> str:
        """A digest of everything that decides how events are counted; counts of another definition are worthless."""
        parts = (self.sli, self.subject, self.method, self.slices, self.threshold, self.window.starts_at,
                 self.window.zone if self.window.starts_at else "")  # fmt: skip
        return hashlib.sha256(repr(parts).encode()).hexdigest()[:16]


def document_name(objective_id: str) -> str:
    """The id as a name that every implementation of OpenSLO takes (RFC 1123: 63 lower case letters, digits, dashes)."""
    name = re.sub(r"[^a-z0-9]+", "-", objective_id.lower()).strip("-")
    if len(name) <= 63:
        return name
    return f"{name[:54].rstrip('-')}-{hashlib.sha256(objective_id.encode()).hexdigest()[:8]}"
