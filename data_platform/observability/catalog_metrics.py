"""How much of what is in the store is cataloged, in Prometheus' terms; every number is the newest scan's."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime

from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from data_platform.metastore.engine import Metastore


class CatalogMetrics(Collector):
    """A collector for a Prometheus registry; without a scan it reports nothing, so that nothing looks covered."""

    def __init__(self, metastore: Metastore, now: datetime) -> None:
        self._metastore = metastore
        self._now = now

    def collect(self) -> Iterator[Metric]:
        """Every family."""
        scan = self._metastore.catalog.scans.latest()
        if scan is None:
            return
        yield GaugeMetricFamily(
            "catalog_coverage_ratio", "Tables that a contract describes, of those that are there.", scan.coverage
        )
        yield GaugeMetricFamily("catalog_discovered_tables", "Tables that are there.", scan.discovered)
        yield GaugeMetricFamily("catalog_cataloged_tables", "Those that a contract describes.", scan.cataloged)
        age = (self._now - scan.ended_at).total_seconds()
        yield GaugeMetricFamily("catalog_scan_age_seconds", "Since the newest scan ended.", age)
        found = GaugeMetricFamily(
            "catalog_findings", "Tables by standing and what was decided.", labels=("standing", "decision")
        )
        for (standing, decision), count in sorted(self._metastore.catalog.findings.counts().items()):
            found.add_metric((standing, decision or "none"), count)
        yield found
