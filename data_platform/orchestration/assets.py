"""One asset for each dataset. What a step does is in `steps`, which is loaded when the first step runs."""

from collections.abc import Iterator
from importlib import import_module
from typing import Any

import dagster as dg

from data_platform.contracts.domains import Dataset
from data_platform.contracts.model import Layer
from data_platform.orchestration.checks import declared_checks
from data_platform.orchestration.failures import RETRY_POLICY
from data_platform.orchestration.location import Location
from data_platform.orchestration.resources import STEP_RESOURCES
from data_platform.orchestration.specs import asset_spec, step_name


def dataset_asset(location: Location, dataset: Dataset, days: dg.DailyPartitionsDefinition) -> dg.AssetsDefinition:
    """The asset of one dataset with its checks; a range of days is one run and one publish."""
    is_by_day = location.is_by_day(dataset.name)
    declared = declared_checks(location, dataset)
    step = "ingest_step" if dataset.name.layer is Layer.RAW else "materialize_step"

    def body(context: dg.AssetExecutionContext) -> Iterator[Any]:
        yield from getattr(_steps(), step)(context, dataset, declared)

    return dg.multi_asset(
        name=step_name(dataset.name),
        specs=[asset_spec(location, dataset, days if is_by_day else None)],
        check_specs=[check.spec(dataset.name) for check in declared],
        partitions_def=days if is_by_day else None,
        backfill_policy=dg.BackfillPolicy.single_run(),  # one run for a range, in which whole tables are made once
        retry_policy=RETRY_POLICY,
        required_resource_keys=STEP_RESOURCES,
        pool="/".join(dataset.name.key),  # one writer a table: others wait here instead of at its lease
    )(body)


def _steps() -> Any:
    return import_module("data_platform.orchestration.steps")
