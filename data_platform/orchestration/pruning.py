"""Forgets old history: Dagster's runs with their events (Dagster itself keeps them for ever) and the metastore's.

A run stays while it holds the newest materialization of some partition: without its events the partition would look
as if it had never been made.
"""

from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

import dagster as dg

from data_platform.observability.logs.places import prune_logs
from data_platform.orchestration.location import Location

if TYPE_CHECKING:
    from data_platform.wiring.platform import Platform

_PAGE = 500
_FINISHED = [dg.DagsterRunStatus.SUCCESS, dg.DagsterRunStatus.FAILURE, dg.DagsterRunStatus.CANCELED]


class PruneConfig(dg.Config):
    """How much history to keep. The ledger is kept longer than events: it decides what is late and what is stale."""

    events_days: int = 30
    ledger_days: int = 730
    traces_days: int = 30
    logs_days: int = 30


def prune_job(location: Location) -> dg.JobDefinition:
    """A job of one op."""
    keys = [dg.AssetKey(list(name.key)) for name in location.order]

    @dg.op(required_resource_keys={"platform"}, description=__doc__, pool="maintenance")
    def forget_old_history(context: dg.OpExecutionContext, config: PruneConfig) -> None:
        platform: Platform = context.resources.platform
        now = platform.clock.now()
        runs = prune_runs(context.instance, keys, before=now - timedelta(days=config.events_days))
        platform.delivery.settle()  # only events that every sink has may be forgotten
        platform.metrics.keep()  # counters must not fall because lines of the ledger are gone
        rows = platform.metastore.prune(now - timedelta(days=config.ledger_days))
        spans = platform.metastore.operations.spans.prune(now - timedelta(days=config.traces_days))
        logs = prune_logs(platform.settings.home, before=(now - timedelta(days=config.logs_days)).date())
        context.add_output_metadata({"runs": runs, **dict(rows), "spans": spans, "days_of_logs": logs})

    @dg.job(name="prune", description="Forgets runs, events and ledger history that nothing needs any more.")
    def prune() -> None:
        forget_old_history()

    return prune


def prune_runs(instance: dg.DagsterInstance, keys: Iterable[dg.AssetKey], *, before: datetime) -> int:
    """Deletes finished runs created before `before`, and returns how many there were."""
    needed = {run_id for key in keys for run_id in _newest_runs(instance, key)}
    old = instance.get_run_records(dg.RunsFilter(statuses=_FINISHED, created_before=before))
    gone = [record.dagster_run.run_id for record in old if record.dagster_run.run_id not in needed]
    for run_id in gone:
        instance.delete_run(run_id)
    return len(gone)


def _newest_runs(instance: dg.DagsterInstance, key: dg.AssetKey) -> set[str]:
    """The runs that hold the newest materialization of a partition of the asset."""
    seen: set[str | None] = set()
    runs: set[str] = set()
    cursor: str | None = None
    while True:
        page = instance.fetch_materializations(key, limit=_PAGE, cursor=cursor)
        for record in page.records:
            if record.partition_key not in seen:
                seen.add(record.partition_key)
                runs.add(record.run_id)
        if not page.has_more:
            return runs
        cursor = page.cursor
