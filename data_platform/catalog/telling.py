"""What a scan found, as facts of lineage: that is how it comes into the catalog. Sending them is in `lineage`."""

from __future__ import annotations

from datetime import datetime

from data_platform.catalog.discovery import Judged
from data_platform.lakehouse.found_tables import FoundKind
from data_platform.lineage.facts import DatasetFacts, Discovery, Field, FoundDifference, Location
from data_platform.lineage.names import PLATFORM
from data_platform.metastore.catalog_findings import FindingEntry

_STORAGE: dict[str, tuple[str, str | None]] = {
    FoundKind.DELTA: ("delta", "parquet"),
    FoundKind.PARQUET: ("file", "parquet"),
    FoundKind.DUCKDB_TABLE: ("duckdb", None),
    FoundKind.DUCKDB_VIEW: ("duckdb", None),
}


def facts_of(finding: FindingEntry, judged: Judged, root: str, at: datetime) -> DatasetFacts:
    """A finding; with it, of a table that no contract describes, all that is known of it.

    Args:
        finding: the line that is kept.
        judged: the same with its columns.
        root: of the store.
        at: when it came to be so.
    """
    found = judged.found if judged.expected is None else None
    if found is None:
        return _told(finding, at)
    is_copy = found.kind in (FoundKind.DUCKDB_TABLE, FoundKind.DUCKDB_VIEW)
    return _told(
        finding,
        at,
        fields=tuple(Field(name=column.name, type=column.type) for column in found.columns),
        storage=_STORAGE[found.kind],
        location=None if is_copy or finding.dataset_namespace != PLATFORM else _location(root, found.place),
    )


def gone_facts(finding: FindingEntry, at: datetime) -> DatasetFacts:
    """A table that was not as it should be, and is no longer there."""
    return DatasetFacts(
        name=finding.dataset_name,
        namespace=finding.dataset_namespace,
        discovery=Discovery(standing="gone", at=at, kind=finding.kind),
    )


def _told(
    finding: FindingEntry,
    at: datetime,
    *,
    fields: tuple[Field, ...] = (),
    storage: tuple[str, str | None] | None = None,
    location: Location | None = None,
) -> DatasetFacts:
    discovery = Discovery(
        standing=finding.standing,
        at=at,
        kind=finding.kind,
        differences=tuple(FoundDifference(**one) for one in finding.differences),
        decision=finding.decision,
        reason=finding.reason,
    )
    return DatasetFacts(
        name=finding.dataset_name,
        namespace=finding.dataset_namespace,
        fields=fields,
        storage=storage,
        location=location,
        discovery=discovery,
    )


def _location(root: str, place: str) -> Location:
    if "://" not in root:
        return Location(store=f"file://{root}", namespace="file", name=f"{root}/{place}")
    bucket, _, prefix = root.partition("://")[2].partition("/")
    key = "/".join(part for part in (prefix, place) if part)
    return Location(store=root, namespace=f"s3://{bucket}", name=key)
