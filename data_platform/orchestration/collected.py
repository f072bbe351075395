"""What the collector committed to raw outside any run, as materialization and check events.

The collector writes facts and knows nothing of Dagster; a sensor reads them and tells.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

import dagster as dg

from data_platform.contracts.domains import Dataset
from data_platform.contracts.model import DatasetName, Layer
from data_platform.orchestration.checks import RAW_CHECKS
from data_platform.orchestration.location import Location, asset_key
from data_platform.orchestration.verdicts import batch_findings, check_results, scale_finding

if TYPE_CHECKING:
    from data_platform.metastore.batches import BatchEntry
    from data_platform.metastore.checks import CheckEntry
    from data_platform.wiring.platform import Platform


def collected(
    location: Location, platform: Platform, context: dg.SensorEvaluationContext
) -> tuple[list[dg.AssetMaterialization | dg.AssetCheckEvaluation], str]:
    """The events of each raw dataset with versions that no Dagster run wrote, and the cursor after them.

    The cursor is the raw version told of last, by dataset, as JSON.
    """
    told: dict[str, int] = json.loads(context.cursor or "{}")
    events: list[dg.AssetMaterialization | dg.AssetCheckEvaluation] = []
    for dataset in location.of_layer(Layer.RAW):
        name = str(dataset.name)
        batches = platform.metastore.batches.after(name, raw_version=told.get(name, -1))
        if not batches:
            continue
        told[name] = max(batch.raw_version for batch in batches)
        runs = {batch.run_id for batch in batches if batch.run_id is not None}
        dagsters = {run_id for run_id in runs if context.instance.has_run(run_id)}
        if foreign := [batch for batch in batches if batch.run_id not in dagsters]:
            verdicts = platform.metastore.checks.latest(name)
            events += [_event(dataset.name, foreign), *_checks(dataset, foreign, verdicts)]
    return events, json.dumps(told)


def _checks(
    dataset: Dataset, batches: list[BatchEntry], verdicts: Sequence[CheckEntry]
) -> Iterator[dg.AssetCheckEvaluation]:
    at = f"{dataset.name}@{max(batch.raw_version for batch in batches)}"
    findings = batch_findings(batches, at) | scale_finding(verdicts, at)
    declared = [check for check in RAW_CHECKS if check.name in findings]
    for result in check_results(dataset, declared, findings, missing=""):
        assert result.asset_key is not None
        assert result.check_name is not None
        yield dg.AssetCheckEvaluation(
            asset_key=result.asset_key,
            check_name=result.check_name,
            passed=result.passed,
            metadata=result.metadata,
            severity=result.severity,
            description=result.description,
        )


def _event(name: DatasetName, batches: list[BatchEntry]) -> dg.AssetMaterialization:
    return dg.AssetMaterialization(
        asset_key=asset_key(name),
        description=f"{len(batches)} batches that a collector committed",
        metadata={
            "table_version": max(batch.raw_version for batch in batches),
            "batches": len(batches),
            "source_rows": sum(batch.source_rows for batch in batches),
            "raw_rows": sum(batch.raw_rows for batch in batches),
            "rejected_rows": sum(batch.rejected_rows for batch in batches),
            "newest_batch": batches[-1].batch_id,
        },
    )
