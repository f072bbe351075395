"""Every indicator: what it is, how it is computed, what could fool it, or why there is no source for it yet.

A number without a source is worse than none, so those of the last list are never given one.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from data_platform.observability.slis import (
    catalog_coverage,
    completeness,
    connector_heartbeat,
    duplication,
    freshness,
    processing_lag,
    schema_compatibility,
    task_age,
    validity,
)
from data_platform.observability.slis.moment import Measure

EXPLANATIONS = Path(__file__).parent / "explanations"


@dataclass(frozen=True, slots=True, kw_only=True)
class Indicator:
    """One indicator that is measured.

    Attributes:
        number: as in the guide, `M1` to `M15`; empty for those of data quality.
        unit: of its value. counts: what good, bad and unknown count.
        target: what to begin with, where a contract promises nothing else.
        fooled_by: what would make a naive computation look good, or bad.
        measure: None where another part measures it.
    """

    name: str
    number: str
    unit: str
    counts: str
    target: str
    how: str
    fooled_by: str
    measure: Measure | None = None

    @property
    def page(self) -> str:
        """Its page, from the project's folder."""
        return f"data_platform/observability/slis/{EXPLANATIONS.name}/{self.name}.md"

    @property
    def explanation(self) -> str:
        """That page's text (Markdown)."""
        return (EXPLANATIONS / f"{self.name}.md").read_text(encoding="utf-8")


INDICATORS = (
    Indicator(
        name="pipeline_success",
        number="M1",
        unit="ratio",
        counts="expected runs",
        target="99.9 % in a week",
        how="runs that were due by the contract's frequency, each judged once at its deadline by its partitions",
        fooled_by="runs that never began; runs that published some partitions; catching up later",
    ),
    Indicator(
        name="freshness",
        number="M2",
        unit="seconds",
        counts="seconds",
        target="the contract's latency and one period",
        how="now minus the newest complete event time that readers can see",
        fooled_by="computing old data again; a blocked day in the middle; one of several sources that stopped",
        measure=freshness.measure,
    ),
    Indicator(
        name="processing_lag",
        number="M3",
        unit="seconds",
        counts="batches",
        target="p95 under the contract's latency, else under 2 minutes",
        how="from the receipt of each batch to the publish that first held it, as a histogram",
        fooled_by="averages over outliers, which hide a slow drift; batches counted at every publish",
        measure=processing_lag.measure,
    ),
    Indicator(
        name="completeness",
        number="M4",
        unit="ratio",
        counts="records",
        target="99.95 % in a day",
        how="records that arrived over those that the source or a manifest says there were",
        fooled_by="taking what the reader saw, or a guess, for what should have come",
        measure=completeness.measure,
    ),
    Indicator(
        name="schema_compatibility",
        number="M6",
        unit="ratio",
        counts="changes",
        target="100 %",
        how="changes of contracts in force that a recorded verdict covers",
        fooled_by="counting only the checks that ran; a change that bypassed them",
        measure=schema_compatibility.measure,
    ),
    Indicator(
        name="catalog_coverage",
        number="M9",
        unit="ratio",
        counts="tables",
        target="95 %",
        how="tables with a contract over all that the newest scan of the store found",
        fooled_by="taking the catalog's own list for everything there is; an old scan",
        measure=catalog_coverage.measure,
    ),
    Indicator(
        name="connector_heartbeat",
        number="M12",
        unit="seconds",
        counts="seconds",
        target="no beat older than a minute",
        how="the seconds in which a source instance was healthy",
        fooled_by="restarts that are planned; a process that beats and does nothing; a source that was never asked",
        measure=connector_heartbeat.measure,
    ),
    Indicator(
        name="task_age",
        number="M15",
        unit="seconds",
        counts="runs",
        target="p95 under 5 minutes",
        how="how long runs wait before they start, those that still wait included",
        fooled_by="looking only at runs that started",
        measure=task_age.measure,
    ),
    Indicator(
        name="validity",
        number="",
        unit="ratio",
        counts="rows",
        target="the contract's tolerances",
        how="new rows that kept every rule over all new rows",
        fooled_by="counting checks instead of rows; checks that saw no row; valid old rows counted again",
        measure=validity.measure,
    ),
    Indicator(
        name="duplication",
        number="",
        unit="ratio",
        counts="rows",
        target="none is promised",
        how="new rows that had come before over all new rows",
        fooled_by="looking for duplicates where they were taken out",
        measure=duplication.measure,
    ),
    Indicator(
        name="burn_rate",
        number="M14",
        unit="times the budget",
        counts="of the objective",
        target="under 1",
        how="how fast each objective spends its error budget, over pairs of windows; measured with the objectives",
        fooled_by="one short window, which a burst fills; one long window, which tells too late",
    ),
    Indicator(
        name="cost_per_tb",
        number="M7",
        unit="currency per TB",
        counts="nothing",
        target="the organisation's own",
        how="metered costs over logical bytes taken in, storage and compute apart; measured with the costs",
        fooled_by="mixing storage with compute; bytes read again and again",
    ),
)

NO_SOURCE = {
    "M5": ("query_availability", "there is no query service yet whose queries could be counted"),
    "M8": ("backfill_time", "backfills are not planned and timed as such yet"),
    "M10": ("access_anomalies", "there are no readers with identities yet whose access could be odd"),
    "M11": ("feature_latency", "there is no online store yet"),
    "M13": ("data_drift", "there are no versioned baselines of distributions yet"),
}

MEASURED = tuple(indicator.measure for indicator in INDICATORS if indicator.measure is not None)


def indicator(name: str) -> Indicator | None:
    """The indicator called `name`."""
    return next((one for one in INDICATORS if one.name == name), None)
