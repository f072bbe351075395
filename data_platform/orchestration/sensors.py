"""Sensors: deliveries that nobody ingested yet, and partitions that no longer say what their inputs say.

Both are stopped until somebody starts them (`dagster sensor start`, or in the web interface), so that opening
`dagster dev` starts no work by itself. Those that watch heartbeats, send lineage and tell it of
runs, and the watch are in `heartbeats`, `lineage`, `run_lineage` and `watch`.
"""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

import dagster as dg

from data_platform.contracts.domain_files import ConnectorEntry
from data_platform.contracts.model import Layer
from data_platform.errors import RetryableError
from data_platform.observability.logs.logger import get_logger
from data_platform.orchestration.collected import collected
from data_platform.orchestration.heartbeats import heartbeats
from data_platform.orchestration.jobs import EVERYTHING, INGEST
from data_platform.orchestration.lineage import lineage
from data_platform.orchestration.location import Location, asset_key
from data_platform.orchestration.requests import stale_requests
from data_platform.orchestration.resources import open_platform
from data_platform.orchestration.run_lineage import run_sensors
from data_platform.orchestration.watch import watch

if TYPE_CHECKING:
    from data_platform.wiring.platform import Platform

NEW_FILES = "new_files"
STALE_PARTITIONS = "stale_partitions"
_LOG = get_logger(__name__)
_INTERVAL_SECONDS = 30
_FOLLOW_SECONDS = 10  # streams land all the time; what is made of them should not wait long
_IN_PROGRESS = [
    dg.DagsterRunStatus.QUEUED,
    dg.DagsterRunStatus.NOT_STARTED,
    dg.DagsterRunStatus.STARTING,
    dg.DagsterRunStatus.STARTED,
    dg.DagsterRunStatus.CANCELING,
]


def sensors(location: Location) -> list[dg.SensorDefinition]:
    """All sensors of the code location."""
    found = [_new_files(location)] if location.of_layer(Layer.RAW) else []
    return [
        *found,
        _stale_partitions(location),
        heartbeats(location),
        lineage(location),
        watch(location),
        *run_sensors(location),
    ]


def _new_files(location: Location) -> dg.SensorDefinition:
    @dg.sensor(
        name=NEW_FILES,
        job_name=INGEST,
        minimum_interval_seconds=_INTERVAL_SECONDS,
        default_status=dg.DefaultSensorStatus.STOPPED,
        description="Asks to ingest each raw dataset whose sources have something new; a stat for each file.",
    )
    def new_files(context: dg.SensorEvaluationContext) -> dg.SensorResult | dg.SkipReason:
        if is_under_way(context.instance, NEW_FILES):
            return dg.SkipReason("an ingest that this sensor asked for is still under way")
        with open_platform(location) as platform:
            requests = ingest_requests(location, platform)
        return dg.SensorResult(run_requests=requests) if requests else dg.SkipReason("no source has anything new")

    return new_files


def _stale_partitions(location: Location) -> dg.SensorDefinition:
    @dg.sensor(
        name=STALE_PARTITIONS,
        job_name=EVERYTHING,
        minimum_interval_seconds=_FOLLOW_SECONDS,
        default_status=dg.DefaultSensorStatus.STOPPED,
        description="Asks for exactly the partitions whose inputs, contract, query or decisions have changed.",
    )
    def stale_partitions(context: dg.SensorEvaluationContext) -> dg.SensorResult:
        # While a run makes a dataset, what reads it looks stale: asking now would ask twice.
        is_busy = is_under_way(context.instance, STALE_PARTITIONS)
        with open_platform(location) as platform:
            events, cursor = collected(location, platform, context)
            requests = [] if is_busy else stale_requests(location, platform)
        if not events and not requests:
            why = "a run that this sensor asked for is still under way" if is_busy else "everything is current"
            return dg.SensorResult(skip_reason=why, cursor=cursor)
        return dg.SensorResult(run_requests=requests, asset_events=events, cursor=cursor)

    return stale_partitions


def is_under_way(instance: dg.DagsterInstance, sensor: str) -> bool:
    """Whether a run that the sensor asked for has not ended."""
    wanted = dg.RunsFilter(statuses=_IN_PROGRESS, tags={"dagster/sensor_name": sensor})
    return instance.get_runs_count(wanted) > 0


def ingest_requests(location: Location, platform: Platform) -> list[dg.RunRequest]:
    """One run for each raw dataset with something new; asked for again the next hour if it is still new.

    Left out: streams that a collector keeps, and sources with a schedule of their own.
    """
    hour = platform.clock.now().strftime("%Y-%m-%dT%H")
    requests = []
    for dataset in location.of_layer(Layer.RAW):
        entries = [
            entry
            for entry in location.project.connectors_of(dataset.name)
            if "schedule" not in entry.options and platform.ingester.keeper(entry) is None
        ]
        news = [f"{entry.name}:{mark}" for entry in entries for mark in _marks(platform, entry)]
        if news:
            digest = hashlib.sha256("\n".join(news).encode()).hexdigest()[:16]
            requests.append(
                dg.RunRequest(
                    run_key=f"{dataset.name}/{digest}/{hour}",
                    asset_selection=[asset_key(dataset.name)],
                    tags={"data_platform/new": str(len(news))},
                )
            )
    return requests


def _marks(platform: Platform, entry: ConnectorEntry) -> tuple[str, ...]:
    """What looks new in a source; nothing where it does not answer, so that the others have their turn.

    Its heartbeat says so: a run asked for here would only fail.
    """
    try:
        return platform.ingester.peek(entry)
    except RetryableError as error:
        _LOG.warning("a source could not be looked at", source=entry.name, error=str(error))
        return ()
