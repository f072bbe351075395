"""Every metric there is, and how many series there may be."""

from __future__ import annotations

from data_platform.observability import catalog_metrics, ingest_metrics
from data_platform.observability.exposition import Family
from data_platform.observability.prometheus import (
    indicator_metrics,
    objective_metrics,
    platform_metrics,
    run_metrics,
)

FAMILIES: tuple[Family, ...] = (
    *platform_metrics.FAMILIES,
    *run_metrics.FAMILIES,
    *indicator_metrics.FAMILIES,
    *objective_metrics.FAMILIES,
    *ingest_metrics.FAMILIES,
    *catalog_metrics.FAMILIES,
)

# Beyond these something is wrong: a label holds what belongs into a table. A source has two histograms of up to 16
# series, one of them for each dataset that reads it; a dataset about two objectives of up to seven series.
SERIES_PER_DATASET = 30
SERIES_PER_SOURCE = 75
SERIES_FIXED = 1_000


def series_budget(datasets: int, sources: int) -> int:
    """The most series that a platform of this size may expose."""
    return SERIES_PER_DATASET * datasets + SERIES_PER_SOURCE * sources + SERIES_FIXED
