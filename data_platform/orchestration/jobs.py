"""Jobs for people, schedules and backfills: selections of assets, and the pruning of history."""

from __future__ import annotations

import dagster as dg

from data_platform.contracts.model import Layer
from data_platform.orchestration.location import Location, asset_key
from data_platform.orchestration.own_datasets import own_datasets_job
from data_platform.orchestration.pruning import prune_job
from data_platform.orchestration.scanning import scan_job
from data_platform.orchestration.upkeep import upkeep_job
from data_platform.orchestration.warehouse import WAREHOUSE_KEY

INGEST = "ingest"
EVERYTHING = "everything"
MAX_RUNTIME_SECONDS = 7200
_TAGS = {"dagster/max_runtime": str(MAX_RUNTIME_SECONDS)}


def asset_jobs(location: Location) -> list[dg.UnresolvedAssetJobDefinition]:
    """`ingest`, `everything` and, for each domain with curated or served datasets, `<domain>_daily`."""
    raw = [asset_key(dataset.name) for dataset in location.of_layer(Layer.RAW)]
    jobs = [_job(INGEST, raw, "Polls every source and appends what is new to raw.")] if raw else []
    every = [asset_key(name) for name in location.order]
    about = "Ingests everything, then makes every dataset: one day, or a range of days."
    jobs.append(_job(EVERYTHING, [*every, WAREHOUSE_KEY], about))
    for domain in location.project.domains:
        made = location.of_layer(Layer.CURATED, Layer.SERVED, domain=domain.name)
        if made:
            about = f"Makes the curated and served datasets of {domain.name}: one day, or a range of days."
            jobs.append(_job(f"{domain.name}_daily", [asset_key(dataset.name) for dataset in made], about))
    return jobs


def op_jobs(location: Location) -> list[dg.JobDefinition]:
    """`prune`, `upkeep`, `own_datasets` and `catalog_scan`."""
    return [prune_job(location), upkeep_job(), own_datasets_job(), scan_job()]


def _job(name: str, keys: list[dg.AssetKey], description: str) -> dg.UnresolvedAssetJobDefinition:
    return dg.define_asset_job(name, selection=dg.AssetSelection.assets(*keys), description=description, tags=_TAGS)
