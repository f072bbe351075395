"""M9, catalog coverage: of the tables that the newest scan found in the store, how many a contract describes.

The denominator is what lies there, not what the catalog knows of. Without a scan, or with an old one, it is unknown.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import timedelta

from data_platform.contracts.domains import PLATFORM_DOMAIN
from data_platform.metastore.sli_values import SliValueEntry
from data_platform.observability.slis.moment import Moment

NAME = "catalog_coverage"
OLDEST_SCAN = timedelta(hours=50)  # two nights and a little: one scan that failed is forgiven
_EVERY = timedelta(hours=1)


def measure(moment: Moment) -> Iterable[SliValueEntry]:
    """One value for each new scan, and once an hour; counts are tables."""
    scan = moment.metastore.catalog.scans.latest(tx=moment.tx)
    values = moment.metastore.operations.sli_values
    before = next(iter(values.of(NAME, subject=PLATFORM_DOMAIN, limit=1, tx=moment.tx)), None)
    is_new = scan is not None and (before is None or before.evidence.get("scan") != scan.id)
    if before is not None and not is_new and moment.now - before.measured_at < _EVERY:
        return
    if scan is None or moment.now - scan.ended_at > OLDEST_SCAN:
        age = None if scan is None else str(scan.ended_at)
        yield SliValueEntry(
            sli=NAME,
            subject=PLATFORM_DOMAIN,
            measured_at=moment.now,
            value=None,
            unknown=float(scan.discovered if scan else 1) or 1.0,
            provenance="no recent scan",
            evidence={"scan": scan.id if scan else None, "scanned_at": age},
        )
        return
    yield SliValueEntry(
        sli=NAME,
        subject=PLATFORM_DOMAIN,
        measured_at=moment.now,
        value=scan.coverage,
        good=float(scan.cataloged),
        bad=float(scan.discovered - scan.cataloged),
        provenance="storage scan",
        evidence={"scan": scan.id, "scanned_at": str(scan.ended_at), "undecided": scan.undecided},
    )
