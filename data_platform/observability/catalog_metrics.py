"""How much of what is in the store is cataloged, in Prometheus' terms; every number is the newest scan's."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import datetime

from data_platform.metastore.engine import Metastore
from data_platform.observability.exposition import Family, Form, Kind

COVERAGE = Family(
    name="catalog_coverage_ratio", kind=Kind.GAUGE, help="Tables that a contract describes, of those that are there."
)
DISCOVERED = Family(name="catalog_discovered_tables", kind=Kind.GAUGE, help="Tables that are there.")
CATALOGED = Family(name="catalog_cataloged_tables", kind=Kind.GAUGE, help="Those that a contract describes.")
AGE = Family(name="catalog_scan_age_seconds", kind=Kind.GAUGE, help="Since the newest scan ended.")
FINDINGS = Family(
    name="catalog_findings",
    kind=Kind.GAUGE,
    help="Tables by standing and what was decided.",
    labels=("decision", "standing"),
    per="standing and decision",
)
FAMILIES = (COVERAGE, DISCOVERED, CATALOGED, AGE, FINDINGS)


class CatalogMetrics:
    """A collector; without a scan it reports nothing, so that nothing looks covered."""

    def __init__(self, metastore: Metastore, now: datetime) -> None:
        self._metastore = metastore
        self._now = now

    def collect(self, form: Form) -> Iterator[tuple[Family, Iterable[str]]]:  # noqa: ARG002  no exemplars here
        """Every family."""
        scan = self._metastore.catalog.scans.latest()
        if scan is None:
            return
        yield COVERAGE, [COVERAGE.line((), scan.coverage)]
        yield DISCOVERED, [DISCOVERED.line((), scan.discovered)]
        yield CATALOGED, [CATALOGED.line((), scan.cataloged)]
        yield AGE, [AGE.line((), (self._now - scan.ended_at).total_seconds())]
        counts = sorted(self._metastore.catalog.findings.counts().items())
        yield FINDINGS, [FINDINGS.line((decision or "none", standing), n) for (standing, decision), n in counts]
