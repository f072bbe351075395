"""Facts about runs and jobs as OpenLineage facets. Those about datasets are in `dataset_facets`."""

from __future__ import annotations

from datetime import UTC, datetime

from openlineage.client import facet_v2 as ol
from openlineage.client.facet_v2 import JobFacet, RunFacet

from data_platform.lineage.facts import RunFacts
from data_platform.lineage.names import EVENT, PRODUCER, TRACE
from data_platform.lineage.own_facets import EventJobFacet, EventRunFacet, TraceRunFacet

_INTEGRATION = "DATA_PLATFORM"


def run_facets(run: RunFacts, *, event_type: str) -> dict[str, RunFacet]:
    """Which event this is, engine, partition range and parent."""
    engine = ol.processing_engine_run.ProcessingEngineRunFacet(
        name=run.engine, version=run.engine_version, producer=PRODUCER
    )
    event = EventRunFacet(eventId=run.event_id(event_type), producer=PRODUCER)
    facets: dict[str, RunFacet] = {"processing_engine": engine, EVENT: event}
    if run.nominal_start is not None:
        facets["nominalTime"] = ol.nominal_time_run.NominalTimeRunFacet(
            nominalStartTime=moment(run.nominal_start),
            nominalEndTime=moment(run.nominal_end) if run.nominal_end else None,
            producer=PRODUCER,
        )
    if run.traceparent:
        _, trace_id, span_id, _ = run.traceparent.split("-")
        facets[TRACE] = TraceRunFacet(traceId=trace_id, spanId=span_id, producer=PRODUCER)
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
    """Kind of job, SELECT, where it is written, what it is for and who answers for it."""
    kind = ol.job_type_job.JobTypeJobFacet(
        processingType="BATCH", integration=_INTEGRATION, jobType=run.job_type.upper(), producer=PRODUCER
    )
    facets: dict[str, JobFacet] = {"jobType": kind}
    if run.sql is not None:
        facets["sql"] = ol.sql_job.SQLJobFacet(query=run.sql, dialect=run.dialect, producer=PRODUCER)
    if run.owners:
        owners = [ol.ownership_job.Owner(name=name, type="OWNER") for name in run.owners]
        facets["ownership"] = ol.ownership_job.OwnershipJobFacet(owners=owners, producer=PRODUCER)
    if run.documentation:
        facets["documentation"] = ol.documentation_job.DocumentationJobFacet(
            description=run.documentation, contentType="text/plain", producer=PRODUCER
        )
    if (code := run.source_code) is not None:
        facets["sourceCodeLocation"] = ol.source_code_location_job.SourceCodeLocationJobFacet(
            type=code.kind,
            url=code.url,
            repoUrl=code.repository,
            path=code.path,
            version=code.version,
            branch=code.branch,
            producer=PRODUCER,
        )
    return facets


def job_event_facet(event_id: str) -> JobFacet:
    """Which event about a job this is."""
    return EventJobFacet(eventId=event_id, producer=PRODUCER)


def moment(at: datetime) -> str:
    """ISO 8601 in UTC.

    Raises:
        ValueError: the time has no zone.
    """
    if at.tzinfo is None:
        raise ValueError(f"{at!r} has no time zone; pass an aware datetime")
    return at.astimezone(UTC).isoformat(timespec="microseconds").replace("+00:00", "Z")
