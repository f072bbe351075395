"""Schedules: every domain is ingested at night and then brought up to date; a source may have a schedule of its own.

Stopped until somebody starts them, but for the one that publishes the platform's own datasets: it touches no team's
data, and people look at what it publishes.
"""

from __future__ import annotations

from collections.abc import Sequence

import dagster as dg

from data_platform.contracts.domain_files import ConnectorEntry
from data_platform.contracts.model import Layer
from data_platform.orchestration.jobs import INGEST
from data_platform.orchestration.location import Location, asset_key
from data_platform.orchestration.own_datasets import OWN_DATASETS
from data_platform.orchestration.requests import stale_requests
from data_platform.orchestration.resources import open_platform
from data_platform.orchestration.scanning import CATALOG_SCAN

INGEST_AT = "0 2 * * *"
REFRESH_AT = "30 2 * * *"
PRUNE_AT = "0 4 * * 0"
UPKEEP_AT = "0 3 * * *"
SCAN_AT = "15 * * * *"
OWN_DATASETS_AT = "5 * * * *"
_PLAIN = {  # schedule and time by job
    "prune": ("prune_weekly", PRUNE_AT),
    "upkeep": ("upkeep_nightly", UPKEEP_AT),
    CATALOG_SCAN: (CATALOG_SCAN, SCAN_AT),
    OWN_DATASETS: (OWN_DATASETS, OWN_DATASETS_AT),
}


def schedules(location: Location, jobs: Sequence[dg.JobDefinition]) -> list[dg.ScheduleDefinition]:
    """`<domain>_ingest` and `<domain>_refresh` every night, `<domain>_<source>` for each source that names its own, and
    one for each of `jobs`, the plain ones: `upkeep_nightly`, `prune_weekly` on Sundays, `catalog_scan` and
    `own_datasets` every hour. Times are UTC.
    """
    found: list[dg.ScheduleDefinition] = []
    for domain in location.project.domains:
        if location.of_layer(Layer.RAW, domain=domain.name):
            found.append(_ingest(location, domain.name))
        if location.of_layer(Layer.CURATED, Layer.SERVED, domain=domain.name):
            found.append(_refresh(location, domain.name))
        found += [_of_source(entry) for entry in domain.connectors if "schedule" in entry.options]
    return [*found, *(_plain(*_PLAIN[job.name], job) for job in jobs)]


def _plain(name: str, cron: str, job: dg.JobDefinition) -> dg.ScheduleDefinition:
    return dg.ScheduleDefinition(
        name=name,
        cron_schedule=cron,
        job=job,
        execution_timezone="UTC",
        default_status=dg.DefaultScheduleStatus.RUNNING if name == OWN_DATASETS else dg.DefaultScheduleStatus.STOPPED,
    )


def _ingest(location: Location, domain: str) -> dg.ScheduleDefinition:
    keys = [asset_key(dataset.name) for dataset in location.of_layer(Layer.RAW, domain=domain)]

    @dg.schedule(
        name=f"{domain}_ingest",
        cron_schedule=INGEST_AT,
        execution_timezone="UTC",
        job_name=INGEST,  # by name: with a selection of its own Dagster would build one more job for each schedule
        default_status=dg.DefaultScheduleStatus.STOPPED,
        description=f"Polls every source of {domain}.",
    )
    def ingest() -> dg.RunRequest:
        return dg.RunRequest(asset_selection=keys)

    return ingest


def _of_source(entry: ConnectorEntry) -> dg.ScheduleDefinition:
    @dg.schedule(
        name=f"{entry.dataset.domain}_{entry.name}",
        cron_schedule=str(entry.options["schedule"]),
        execution_timezone="UTC",
        job_name=INGEST,
        default_status=dg.DefaultScheduleStatus.STOPPED,
        description=f"Polls what fills {entry.dataset}, as {entry.name} asks in connectors.yaml.",
    )
    def ingest() -> dg.RunRequest:
        return dg.RunRequest(asset_selection=[asset_key(entry.dataset)])

    return ingest


def _refresh(location: Location, domain: str) -> dg.ScheduleDefinition:
    names = {dataset.name for dataset in location.of_layer(Layer.CURATED, Layer.SERVED, domain=domain)}

    @dg.schedule(
        name=f"{domain}_refresh",
        cron_schedule=REFRESH_AT,
        execution_timezone="UTC",
        job_name=f"{domain}_daily",
        default_status=dg.DefaultScheduleStatus.STOPPED,
        description=f"Makes the stale partitions of {domain}.",
    )
    def refresh() -> Sequence[dg.RunRequest] | dg.SkipReason:
        with open_platform(location) as platform:
            requests = stale_requests(location, platform, only=names)
        return requests or dg.SkipReason("everything is current")

    return refresh
