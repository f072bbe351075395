"""Facts as OpenLineage facets, and the platform's own facet. Loaded only where events are composed."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import cast

import attr
from openlineage.client import facet_v2 as ol
from openlineage.client.facet_v2 import DatasetFacet, JobFacet, OutputDatasetFacet, RunFacet

from data_platform.lineage.facts import Assertion, ColumnLineage, ContractFacts, DatasetFacts, RunFacts

PRODUCER = "https://github.com/data-platform/data-platform"
_CONTRACT_SCHEMA = f"{PRODUCER}/schemas/1-0-0/ContractDatasetFacet.json#/$defs/ContractDatasetFacet"


@attr.define
class ContractDatasetFacet(DatasetFacet):
    """The contract a dataset was checked with; its schema is `schemas/ContractDatasetFacet.json`."""

    contractId: str  # noqa: N815
    contractVersion: str  # noqa: N815
    contractSha256: str  # noqa: N815

    @staticmethod
    def _get_schema() -> str:
        return _CONTRACT_SCHEMA


def run_facets(run: RunFacts) -> dict[str, RunFacet]:
    """Engine, partition range and parent."""
    engine = ol.processing_engine_run.ProcessingEngineRunFacet(
        name=run.engine, version=run.engine_version, producer=PRODUCER
    )
    facets: dict[str, RunFacet] = {"processing_engine": engine}
    if run.nominal_start is not None:
        facets["nominalTime"] = ol.nominal_time_run.NominalTimeRunFacet(
            nominalStartTime=moment(run.nominal_start),
            nominalEndTime=moment(run.nominal_end) if run.nominal_end else None,
            producer=PRODUCER,
        )
    if run.parent is not None:
        facets["parent"] = ol.parent_run.ParentRunFacet(
            run=ol.parent_run.Run(runId=run.parent.run_id),
            job=ol.parent_run.Job(namespace=run.parent.namespace, name=run.parent.job),
            producer=PRODUCER,
        )
    return facets


def error_facet(error: str) -> RunFacet:
    """What went wrong, without data values."""
    return ol.error_message_run.ErrorMessageRunFacet(message=error, programmingLanguage="python", producer=PRODUCER)


def job_facets(run: RunFacts) -> dict[str, JobFacet]:
    """Kind of job, SELECT and owners."""
    kind = ol.job_type_job.JobTypeJobFacet(
        processingType="BATCH", integration="DATA_PLATFORM", jobType=run.job_type.upper(), producer=PRODUCER
    )
    facets: dict[str, JobFacet] = {"jobType": kind}
    if run.sql is not None:
        facets["sql"] = ol.sql_job.SQLJobFacet(query=run.sql, dialect=run.dialect, producer=PRODUCER)
    if run.owners:
        owners = [ol.ownership_job.Owner(name=name, type="OWNER") for name in run.owners]
        facets["ownership"] = ol.ownership_job.OwnershipJobFacet(owners=owners, producer=PRODUCER)
    return facets


def dataset_facets(dataset: DatasetFacts) -> dict[str, DatasetFacet]:
    """Schema, version, owners and contract: what holds for an input as for an output."""
    return dict(_described(dataset))


def output_dataset_facets(dataset: DatasetFacts) -> dict[str, DatasetFacet]:
    """The facets of an input, and what only the run that wrote the dataset knows: verdicts and column lineage."""
    facets = dataset_facets(dataset)
    if dataset.assertions:
        facets["dataQualityAssertions"] = _assertions(dataset.assertions)
    if dataset.column_lineage.edges:
        facets["columnLineage"] = _column_lineage(dataset.column_lineage, namespace=dataset.namespace)
    return facets


def output_statistics(dataset: DatasetFacts) -> dict[str, OutputDatasetFacet]:
    """How much was written, where that is known."""
    if dataset.rows is None and dataset.size_bytes is None and dataset.files is None:
        return {}
    statistics = ol.output_statistics_output_dataset.OutputStatisticsOutputDatasetFacet(
        rowCount=dataset.rows, size=dataset.size_bytes, fileCount=dataset.files, producer=PRODUCER
    )
    return {"outputStatistics": statistics}


def moment(at: datetime) -> str:
    """ISO 8601 in UTC.

    Raises:
        ValueError: the time has no zone.
    """
    if at.tzinfo is None:
        raise ValueError(f"{at!r} has no time zone; pass an aware datetime")
    return at.astimezone(UTC).isoformat(timespec="microseconds").replace("+00:00", "Z")


def _described(dataset: DatasetFacts) -> Iterator[tuple[str, DatasetFacet]]:
    if dataset.fields:
        fields = [
            ol.schema_dataset.SchemaDatasetFacetFields(
                name=field.name, type=field.type, description=field.description or None, ordinal_position=position
            )
            for position, field in enumerate(dataset.fields, start=1)
        ]
        yield "schema", ol.schema_dataset.SchemaDatasetFacet(fields=fields, producer=PRODUCER)
    if dataset.version is not None:
        version = str(dataset.version)
        facet = ol.dataset_version_dataset.DatasetVersionDatasetFacet(datasetVersion=version, producer=PRODUCER)
        yield "version", facet
    if dataset.owners:
        owners = [ol.ownership_dataset.Owner(name=name, type="OWNER") for name in dataset.owners]
        yield "ownership", ol.ownership_dataset.OwnershipDatasetFacet(owners=owners, producer=PRODUCER)
    if dataset.contract is not None:
        yield "dataPlatform_contract", _contract(dataset.contract)


def _contract(contract: ContractFacts) -> ContractDatasetFacet:
    return ContractDatasetFacet(
        contractId=contract.id,
        contractVersion=contract.version,
        contractSha256=contract.sha256,
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


def _column_lineage(lineage: ColumnLineage, *, namespace: str) -> DatasetFacet:
    kinds = ol.column_lineage_dataset
    fields = {
        output: kinds.Fields(
            inputFields=[
                kinds.InputField(
                    namespace=namespace,
                    name=source.table,
                    field=source.column,
                    transformations=[kinds.Transformation(type="DIRECT")],
                )
                for source in sorted(sources)
            ]
        )
        for output, sources in lineage.edges.items()
        if sources
    }
    return kinds.ColumnLineageDatasetFacet(fields=fields, producer=PRODUCER)
