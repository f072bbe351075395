"""The whole code location in one call: `build_definitions(settings)`. Tests and `launch` call it as Dagster does."""

from __future__ import annotations

from typing import TYPE_CHECKING

import dagster as dg

from data_platform.orchestration.assets import dataset_asset
from data_platform.orchestration.jobs import asset_jobs, op_jobs
from data_platform.orchestration.location import Location, load_location
from data_platform.orchestration.partitions import daily_partitions
from data_platform.orchestration.resources import Progress, resources
from data_platform.orchestration.schedules import schedules
from data_platform.orchestration.sensors import sensors
from data_platform.orchestration.warehouse import warehouse_asset
from data_platform.settings import Settings

if TYPE_CHECKING:
    from data_platform.wiring.platform import Platform


def build_definitions(settings: Settings) -> dg.Definitions:
    """Definitions of everything in the settings' domains. Parses; opens nothing.

    Raises:
        FaultyProject: with every fault of every file.
    """
    return definitions_of(load_location(settings))


def definitions_of(
    location: Location, *, platform: Platform | None = None, progress: Progress | None = None
) -> dg.Definitions:
    """Definitions of a loaded project, over an open platform where one is given."""
    days = daily_partitions(dataset.contract for dataset in location.project.datasets.values())
    assets = [dataset_asset(location, dataset, days) for dataset in location.project.datasets.values()]
    plain_jobs = op_jobs(location)
    return dg.Definitions(
        assets=[*assets, warehouse_asset(location)],
        jobs=[*asset_jobs(location), *plain_jobs],
        schedules=schedules(location, plain_jobs),
        sensors=sensors(location),
        resources=dict(resources(location, platform=platform, progress=progress)),
        executor=_executor(location.settings),
    )


def _executor(settings: Settings) -> dg.ExecutorDefinition:
    """In one process: starting one for each step costs more than most steps. Pools hold in both."""
    if settings.execution == "multiprocess":
        return dg.multiprocess_executor.configured({"max_concurrent": settings.threads})
    return dg.in_process_executor
