"""The platform's own facets, and where in the package their JSON Schemas are. What they are called is in `names`."""

from __future__ import annotations

from pathlib import Path

import attr
from openlineage.client.facet_v2 import DatasetFacet, JobFacet, RunFacet

from data_platform.lineage.names import PRODUCER

_SCHEMAS = f"{PRODUCER}/schemas/1-0-0/"
_FOLDER = Path(__file__).parent / "schemas"


@attr.define
class ContractDatasetFacet(DatasetFacet):
    """The contract a dataset was checked with; its schema is `schemas/ContractDatasetFacet.json`."""

    contractId: str  # noqa: N815
    contractVersion: str  # noqa: N815
    contractSha256: str  # noqa: N815
    sunset: str | None = None
    replacement: str | None = None

    @staticmethod
    def _get_schema() -> str:
        return f"{_SCHEMAS}ContractDatasetFacet.json#/$defs/ContractDatasetFacet"


@attr.define
class DifferenceFound:
    """One difference in the next facet."""

    kind: str
    subject: str | None = None
    expected: str | None = None
    found: str | None = None


@attr.define
class DiscoveryDatasetFacet(DatasetFacet):
    """What a scan of the store found a dataset to be; its schema is `schemas/DiscoveryDatasetFacet.json`."""

    standing: str
    since: str
    kind: str | None = None
    differences: list[DifferenceFound] = attr.field(factory=list)
    decision: str | None = None
    reason: str | None = None

    @staticmethod
    def _get_schema() -> str:
        return f"{_SCHEMAS}DiscoveryDatasetFacet.json#/$defs/DiscoveryDatasetFacet"


@attr.define
class EventRunFacet(RunFacet):
    """Which event of a run this is; its schema, and that of the next two, is `schemas/EventFacet.json`."""

    eventId: str  # noqa: N815

    @staticmethod
    def _get_schema() -> str:
        return f"{_SCHEMAS}EventFacet.json#/$defs/EventRunFacet"


@attr.define
class EventDatasetFacet(DatasetFacet):
    """Which event about a dataset alone this is."""

    eventId: str  # noqa: N815

    @staticmethod
    def _get_schema() -> str:
        return f"{_SCHEMAS}EventFacet.json#/$defs/EventDatasetFacet"


@attr.define
class EventJobFacet(JobFacet):
    """Which event about a job alone this is."""

    eventId: str  # noqa: N815

    @staticmethod
    def _get_schema() -> str:
        return f"{_SCHEMAS}EventFacet.json#/$defs/EventJobFacet"


@attr.define
class TraceRunFacet(RunFacet):
    """The trace that a run is part of; its schema is `schemas/TraceFacet.json`."""

    traceId: str  # noqa: N815
    spanId: str  # noqa: N815

    @staticmethod
    def _get_schema() -> str:
        return f"{_SCHEMAS}TraceFacet.json#/$defs/TraceRunFacet"


def schema_file(url: str) -> Path | None:
    """The file in the package that holds the schema at a `_schemaURL`; None for schemas of others."""
    address = url.split("#", 1)[0]
    name = address.removeprefix(_SCHEMAS)
    file = _FOLDER / name
    return file if address.startswith(_SCHEMAS) and "/" not in name and file.is_file() else None
