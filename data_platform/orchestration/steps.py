"""What the step of an asset does: call the platform, then tell Dagster. Loaded with the first step, because the
platform is heavy to import.

A step that fails yields the result of every declared check and then raises `dg.Failure`: only that way is nothing
recorded as materialized and no check left pending (blocking alone does not stop the materialization event).
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import dagster as dg

from data_platform.contracts.days import DayRange
from data_platform.contracts.domains import Dataset
from data_platform.errors import ConfigurationError, PlatformError, PublishBlocked
from data_platform.governance.error_text import told
from data_platform.lakehouse.table_ref import TableRef, Zone
from data_platform.observability.logs.about import about as logged_about
from data_platform.observability.logs.logger import RUNS, get_logger
from data_platform.observability.tracing.context import trace_id_of
from data_platform.orchestration.checks import CONSERVATION, HEARTBEAT, DeclaredCheck
from data_platform.orchestration.evidence import (
    batch_ledger,
    ledger_table,
    partition_metadata,
    preview_of,
    published_metadata,
)
from data_platform.orchestration.failures import MAX_RETRIES, failure, is_worth_retrying
from data_platform.orchestration.heartbeats import finding, standings_of
from data_platform.orchestration.location import asset_key
from data_platform.orchestration.partitions import days_of_run
from data_platform.orchestration.run_lineage import lineage_job
from data_platform.orchestration.run_tracing import traceparent_of
from data_platform.orchestration.verdicts import (
    Finding,
    batch_findings,
    check_results,
    ledger_finding,
    rule_findings,
    scale_finding,
)
from data_platform.publication.candidate import Published, Run
from data_platform.publication.receipt import BatchCount, PartitionCount
from data_platform.transforms.recipe import is_by_day

if TYPE_CHECKING:
    from data_platform.wiring.platform import Platform

_LOG = get_logger(RUNS)
_FATES = ("curated", "quarantined", "late", "duplicate", "pending", "applied", "unchanged", "superseded")


@dataclass(frozen=True, slots=True)
class _Step:
    """One step under way."""

    context: dg.AssetExecutionContext
    dataset: Dataset
    declared: Sequence[DeclaredCheck]

    @property
    def platform(self) -> Platform:
        platform: Platform = self.context.resources.platform
        return platform

    def run(self) -> Run:
        """The run's identity in ledger and lineage: Dagster's own."""
        run = self.platform.run(self.context.run.run_id, job=lineage_job(self.context.job_name))
        return replace(run, traceparent=traceparent_of(self.context.run))

    def results(self, findings: dict[str, Finding], *, missing: str = "") -> Iterator[dg.AssetCheckResult]:
        """Every declared check."""
        return check_results(self.dataset, self.declared, findings, missing=missing)


def ingest_step(
    context: dg.AssetExecutionContext, dataset: Dataset, declared: Sequence[DeclaredCheck]
) -> Iterator[dg.AssetCheckResult | dg.MaterializeResult[Any]]:
    """Ingests whatever the dataset's connectors have to offer; one that fails does not keep the others from it."""
    step = _Step(context, dataset, declared)
    with _Reported(step) as reported:
        batches, error = _ingest(step)
        if error is not None:
            reported.error = error
            yield from _failed(step, error, {})
        version, rows, size = _head(step)
        reported.message = f"{len(batches)} batches, {sum(batch.source_rows for batch in batches)} records"
        known = step.platform.metastore.batches.of(str(dataset.name))
        watched = {HEARTBEAT: finding(standings_of(dataset, step.platform))}
        at = f"{dataset.name}@{version}"
        scales = scale_finding(step.platform.metastore.checks.latest(str(dataset.name)), at)
        yield from step.results(batch_findings(known, at) | scales | watched)
        yield dg.MaterializeResult(
            asset_key=asset_key(dataset.name),
            metadata={
                "dagster/row_count": rows,
                "size_bytes": size,
                "table_version": version,
                "batches": len(batches),
                "contract_version": dataset.contract.version,
                **(
                    {"ledger": batch_ledger(batches), "preview": preview_of(step.platform, dataset, version)}
                    if batches
                    else {}
                ),
            },
        )


def materialize_step(
    context: dg.AssetExecutionContext, dataset: Dataset, declared: Sequence[DeclaredCheck]
) -> Iterator[dg.AssetCheckResult | dg.MaterializeResult[Any]]:
    """Computes, audits and publishes the run's range of a dataset that is made by day; of any other, the whole."""
    step = _Step(context, dataset, declared)
    with _Reported(step) as reported:
        try:
            published = step.platform.materializer.materialize(dataset.name, run=step.run(), days=_days(step))
        except Exception as error:  # noqa: BLE001 - the edge to Dagster: every error becomes check results and a Failure
            reported.error = error
            yield from _failed(step, error, _blocked_findings(step, error))
            return
        reported.message = f"{published.rows} rows"
        yield from step.results(_findings(step, published), missing="the audit did not judge this rule")
        yield _materialized(step, published)


class _Reported:
    """Tells the run's progress listener when the step begins and ends."""

    def __init__(self, step: _Step) -> None:
        self._progress, self._name = step.context.resources.progress, str(step.dataset.name)
        trace_id = trace_id_of(traceparent_of(step.context.run))
        self._about = logged_about(run_id=step.context.run.run_id, asset=self._name, trace_id=trace_id)
        self.error: Exception | None = None
        self.message = ""

    def __enter__(self) -> _Reported:
        self._began = time.monotonic()
        self._about.__enter__()
        self._progress.started(self._name)
        return self

    def __exit__(self, kind: object, error: BaseException | None, trace: object) -> None:
        if self.error is None and isinstance(error, Exception):
            self.error = error
        self._about.__exit__(None, None, None)
        seconds = time.monotonic() - self._began
        message = told(self.error) if self.error else self.message
        self._progress.ended(self._name, error=self.error, seconds=seconds, message=message)


def _ingest(step: _Step) -> tuple[list[BatchCount], Exception | None]:
    run, batches = step.run(), list[BatchCount]()
    errors: list[Exception] = []
    about = {"run_id": run.id, "dataset": str(step.dataset.name)}
    with step.platform.tracer.span("step", parent=run.traceparent, **about) as span:
        for entry in step.platform.project.connectors_of(step.dataset.name):
            try:
                batches += step.platform.ingester.ingest(entry, run)
            except Exception as error:  # noqa: BLE001 - collected, so that every other connector has its turn
                is_expected = isinstance(error, PlatformError)
                (step.context.log.warning if is_expected else step.context.log.error)(f"{entry.name}: {error}")
                (_LOG.warning if is_expected else _LOG.exception)("a source did not deliver", source=entry.name)
                errors.append(error)
                span.error = error
    # An error that needs a person outranks one that another attempt may mend.
    errors.sort(key=is_worth_retrying)
    return batches, next(iter(errors), None)


def _days(step: _Step) -> DayRange | None:
    if not is_by_day(step.dataset):
        return None
    asked = days_of_run(step.context)
    if asked is not None:
        return asked
    raise ConfigurationError(
        f"{step.dataset.name} is made by day: name a partition or a range, "
        "for example `dagster asset materialize --partition-range 2026-03-01...2026-03-07`"
    )


def _failed(step: _Step, error: Exception, findings: dict[str, Finding]) -> Iterator[dg.AssetCheckResult]:
    is_final = not is_worth_retrying(error) or step.context.op_execution_context.retry_number >= MAX_RETRIES
    if is_final:  # a step that is tried again will judge its checks then
        yield from step.results(findings, missing=f"not judged: {type(error).__name__}")
    raise failure(error) from error


def _blocked_findings(step: _Step, error: Exception) -> dict[str, Finding]:
    """What was judged before the publish was refused: the rules, and the ledger, whose rows are pending now."""
    if not isinstance(error, PublishBlocked):
        return {}
    lines = step.platform.metastore.partitions.of_run(step.context.run.run_id)
    counts = [
        PartitionCount(
            partition=line.partition,
            source=line.raw_rows,
            fates={fate: getattr(line, fate) for fate in _FATES if getattr(line, fate)},
        )
        for line in lines
        if line.dataset == str(step.dataset.name)
    ]
    return {**rule_findings(error.checks), CONSERVATION: ledger_finding(counts, "pending")}


def _findings(step: _Step, published: Published) -> dict[str, Finding]:
    version = f"{step.dataset.name}@{published.commit.version}"
    return {**rule_findings(published.checks), CONSERVATION: ledger_finding(published.partitions, version)}


def _materialized(step: _Step, published: Published) -> dg.MaterializeResult[Any]:
    context, key = step.context, asset_key(step.dataset.name)
    metadata = published_metadata(step.dataset, published)
    once = {
        "ledger": ledger_table(published.partitions),
        "preview": preview_of(step.platform, step.dataset, published.commit.version),
    }
    if not is_by_day(step.dataset):
        return dg.MaterializeResult(asset_key=key, metadata={**metadata, **once})
    counts = {count.partition: count for count in published.partitions}
    keys = context.partition_keys
    for partition in keys:
        told = partition_metadata(counts.get(partition, PartitionCount(partition=partition, source=0, fates={})))
        # A long table on each of a thousand partitions would swell the event log, so the last one carries it.
        context.add_asset_metadata(
            {**told, **(once if partition == keys[-1] else {})}, asset_key=key, partition_key=partition
        )
    return dg.MaterializeResult(asset_key=key, metadata=metadata)


def _head(step: _Step) -> tuple[int, int, int]:
    name = step.dataset.name
    snapshot = step.platform.heads.for_reading(step.platform.lake.table(TableRef.of(name, Zone.RAW)))
    return snapshot.version, snapshot.rows, snapshot.size_bytes
