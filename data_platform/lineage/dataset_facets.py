"""Facts about datasets as OpenLineage facets: what holds for any dataset, and what only its writer knows."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from functools import lru_cache
from typing import Any, cast

from openlineage.client import facet_v2 as ol
from openlineage.client.facet_v2 import DatasetFacet, InputDatasetFacet, OutputDatasetFacet

from data_platform.lineage.facets import moment
from data_platform.lineage.facts import (
    Assertion,
    ColumnLineage,
    ContractFacts,
    DatasetFacts,
    Discovery,
    Edge,
    Field,
    Influence,
    SourceColumn,
    Statistics,
)
from data_platform.lineage.names import CONTRACT, DISCOVERY, EVENT, PLATFORM, PRODUCER
from data_platform.lineage.own_facets import (
    ContractDatasetFacet,
    DifferenceFound,
    DiscoveryDatasetFacet,
    EventDatasetFacet,
)

_columns = ol.column_lineage_dataset
_NOTHING = Statistics()
_NO_LINEAGE = ColumnLineage(edges={})
# What differs from run to run; the rest of a dataset's facets is made once and kept.
_PASSING: dict[str, Any] = {
    "version": None,
    "assertions": (),
    "statistics": _NOTHING,
    "total": _NOTHING,
    "lifecycle": None,
    "column_lineage": _NO_LINEAGE,
    "discovery": None,
    "state": "",
}


class _MetricsFacet(ol.data_quality_metrics_dataset.DataQualityMetricsDatasetFacet):
    """The generated class names a schema version that is not published; this is the newest that is."""

    @staticmethod
    def _get_schema() -> str:
        name = "DataQualityMetricsDatasetFacet"
        return f"https://openlineage.io/spec/facets/1-0-0/{name}.json#/$defs/{name}"


def dataset_facets(dataset: DatasetFacts) -> dict[str, DatasetFacet]:
    """Schema, version, place, owners, words about it and contract: what holds for an input as for an output."""
    lasting = _lasting(replace(dataset, **_PASSING))
    if dataset.version is None:
        return dict(lasting)
    version = ol.dataset_version_dataset.DatasetVersionDatasetFacet(str(dataset.version), producer=PRODUCER)
    return {**lasting, "version": version}


def output_dataset_facets(dataset: DatasetFacts) -> dict[str, DatasetFacet]:
    """The facets of an input, and what only the run that wrote the dataset knows: verdicts, metrics, column lineage."""
    facets = dataset_facets(dataset)
    if dataset.assertions:
        facets["dataQualityAssertions"] = _assertions(dataset.assertions)
    if dataset.total.rows is not None:
        facets["dataQualityMetrics"] = _metrics(dataset.total)
    if dataset.lifecycle is not None:
        change = ol.lifecycle_state_change_dataset.LifecycleStateChange(dataset.lifecycle)
        facets["lifecycleStateChange"] = ol.lifecycle_state_change_dataset.LifecycleStateChangeDatasetFacet(
            lifecycleStateChange=change, producer=PRODUCER
        )
    if dataset.column_lineage.edges or dataset.column_lineage.rows:
        facets["columnLineage"] = _column_lineage(dataset.column_lineage, dataset.namespace)
    if dataset.discovery is not None:
        facets[DISCOVERY] = _discovery(dataset.discovery)
    return facets


def input_statistics(read: Statistics) -> dict[str, InputDatasetFacet]:
    """How much was read, where that is known."""
    if read.rows is None and read.size_bytes is None and read.files is None:
        return {}
    statistics = ol.input_statistics_input_dataset.InputStatisticsInputDatasetFacet(
        rowCount=read.rows, size=read.size_bytes, fileCount=read.files, producer=PRODUCER
    )
    return {"inputStatistics": statistics}


def output_statistics(written: Statistics) -> dict[str, OutputDatasetFacet]:
    """How much was written, where that is known."""
    if written.rows is None and written.size_bytes is None and written.files is None:
        return {}
    statistics = ol.output_statistics_output_dataset.OutputStatisticsOutputDatasetFacet(
        rowCount=written.rows, size=written.size_bytes, fileCount=written.files, producer=PRODUCER
    )
    return {"outputStatistics": statistics}


def dataset_event_facet(event_id: str) -> dict[str, DatasetFacet]:
    """Which event about a dataset this is."""
    return {EVENT: EventDatasetFacet(eventId=event_id, producer=PRODUCER)}


@lru_cache(maxsize=4096)
def _lasting(dataset: DatasetFacts) -> Mapping[str, DatasetFacet]:
    return dict(_described(dataset))


def _described(dataset: DatasetFacts) -> Iterator[tuple[str, DatasetFacet]]:
    if dataset.fields:
        yield "schema", ol.schema_dataset.SchemaDatasetFacet(fields=_fields(dataset.fields), producer=PRODUCER)
    if dataset.owners:
        owners = [ol.ownership_dataset.Owner(name=name, type="OWNER") for name in dataset.owners]
        yield "ownership", ol.ownership_dataset.OwnershipDatasetFacet(owners=owners, producer=PRODUCER)
    if dataset.documentation:
        yield (
            "documentation",
            ol.documentation_dataset.DocumentationDatasetFacet(
                description=dataset.documentation, contentType="text/plain", producer=PRODUCER
            ),
        )
    if dataset.tags:
        tags = [
            ol.tags_dataset.TagsDatasetFacetFields(key=tag.key, value=tag.value, source="CONTRACT", field=tag.column)
            for tag in dataset.tags
        ]
        yield "tags", ol.tags_dataset.TagsDatasetFacet(tags=tags, producer=PRODUCER)
    if dataset.contract is not None:
        yield CONTRACT, _contract(dataset.contract)
    yield from _placed(dataset)


def _placed(dataset: DatasetFacts) -> Iterator[tuple[str, DatasetFacet]]:
    """Where the dataset is, and by which other names it is known."""
    if dataset.storage is not None:
        layer, file_format = dataset.storage
        yield (
            "storage",
            ol.storage_dataset.StorageDatasetFacet(storageLayer=layer, fileFormat=file_format, producer=PRODUCER),
        )
    if (place := dataset.location) is None:
        uri = dataset.namespace if "://" in dataset.namespace else None
        yield "dataSource", ol.datasource_dataset.DatasourceDatasetFacet(dataset.namespace, uri, producer=PRODUCER)
        return
    yield "dataSource", ol.datasource_dataset.DatasourceDatasetFacet(dataset.namespace, place.store, producer=PRODUCER)
    yield (
        "catalog",
        ol.catalog_dataset.CatalogDatasetFacet(
            framework="delta",
            type=PLATFORM,
            name=dataset.namespace,
            warehouseUri=place.store,
            source=PLATFORM,
            producer=PRODUCER,
        ),
    )
    same = ol.symlinks_dataset.Identifier(namespace=place.namespace, name=place.name, type="LOCATION")
    yield "symlinks", ol.symlinks_dataset.SymlinksDatasetFacet(identifiers=[same], producer=PRODUCER)


def _fields(fields: tuple[Field, ...]) -> list[ol.schema_dataset.SchemaDatasetFacetFields]:
    return [
        ol.schema_dataset.SchemaDatasetFacetFields(
            name=field.name,
            type=field.type,
            description=field.description or None,
            ordinal_position=position,
            fields=_fields(field.fields),
        )
        for position, field in enumerate(fields, start=1)
    ]


def _contract(contract: ContractFacts) -> ContractDatasetFacet:
    return ContractDatasetFacet(
        contractId=contract.id,
        contractVersion=contract.version,
        contractSha256=contract.sha256,
        sunset=contract.sunset.isoformat() if contract.sunset else None,
        replacement=contract.replacement,
        producer=PRODUCER,
    )


def _discovery(found: Discovery) -> DatasetFacet:
    return DiscoveryDatasetFacet(
        standing=found.standing,
        since=moment(found.at),
        kind=found.kind or None,
        differences=[
            DifferenceFound(one.kind, one.subject or None, one.expected or None, one.found or None)
            for one in found.differences
        ],
        decision=found.decision or None,
        reason=found.reason or None,
        producer=PRODUCER,
    )


def _assertions(assertions: tuple[Assertion, ...]) -> DatasetFacet:
    listed = [
        ol.data_quality_assertions_dataset.Assertion(
            assertion=assertion.rule,
            success=assertion.success,
            column=assertion.column,
            severity=assertion.severity,
        )
        for assertion in assertions
    ]
    facet = ol.data_quality_assertions_dataset.DataQualityAssertionsDatasetFacet(assertions=listed, producer=PRODUCER)
    # the client types it for inputs; on an output, where the audit ran, the specification takes any facet
    return cast(DatasetFacet, facet)


def _metrics(total: Statistics) -> DatasetFacet:
    metrics = ol.data_quality_metrics_dataset.ColumnMetrics
    return _MetricsFacet(
        columnMetrics={name: metrics(nullCount=count) for name, count in sorted(total.null_counts)},
        rowCount=total.rows,
        bytes=total.size_bytes,
        fileCount=total.files,
        producer=PRODUCER,
    )


@lru_cache(maxsize=4096)
def _column_lineage(lineage: ColumnLineage, namespace: str) -> DatasetFacet:
    # a column without inputs (a constant, a count of rows) is told too: it is traced, unlike one that is left out
    fields = {output: _columns.Fields(inputFields=_inputs(edges, namespace)) for output, edges in lineage.edges.items()}
    rows = _inputs(lineage.rows, namespace)
    return _columns.ColumnLineageDatasetFacet(fields=fields, dataset=rows, producer=PRODUCER)


def _inputs(edges: Iterable[Edge], namespace: str) -> list[_columns.InputField]:
    """One entry for each source column, with every way in which it bears on the output."""
    ways: dict[SourceColumn, list[Influence]] = defaultdict(list)
    for edge in sorted(edges):
        ways[edge.source].append(edge.influence)
    return [
        _columns.InputField(
            namespace=source.namespace or namespace,
            name=source.table,
            field=source.column,
            transformations=[
                _columns.Transformation(type="DIRECT" if way.is_direct else "INDIRECT", subtype=way.value)
                for way in found
            ],
        )
        for source, found in ways.items()
    ]
