"""Runs what is stale through Dagster, in this process, for the command line: few runs, recorded where `dagster dev`
shows them. What has to run is decided in `planning`.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, field
from typing import Literal, TypeAlias

import dagster as dg

from data_platform.contracts.days import DayRange
from data_platform.contracts.model import DatasetName, Layer
from data_platform.errors import UpstreamBlocked
from data_platform.lakehouse.table_ref import TableRef
from data_platform.observability.tracing.finding import makers_of
from data_platform.orchestration.build import definitions_of
from data_platform.orchestration.facts import LedgerFacts
from data_platform.orchestration.instance import open_instance
from data_platform.orchestration.location import Location, asset_key, load_location
from data_platform.orchestration.partitions import range_tags
from data_platform.orchestration.planning import make_plan
from data_platform.orchestration.run_lineage import RunFailed, lineage_job, refuse_failure
from data_platform.orchestration.run_spans import news_for
from data_platform.orchestration.run_tracing import trace_tags
from data_platform.orchestration.warehouse import WAREHOUSE, WAREHOUSE_KEY
from data_platform.settings import Settings
from data_platform.wiring.platform import Platform, open_platform

# Dagster's log of every event would drown the progress display; the events themselves are kept.
_QUIET = {"loggers": {"console": {"config": {"log_level": "CRITICAL"}}}}

StepState: TypeAlias = Literal["started", "succeeded", "failed", "skipped"]


@dataclass(frozen=True, slots=True)
class StepEvent:
    """Something that happened to a dataset. `skipped`: it was current, or blocked upstream; the message says which."""

    dataset: str
    state: StepState
    seconds: float | None
    message: str


@dataclass(frozen=True, slots=True)
class RunSummary:
    """What became of the datasets.

    Attributes:
        skipped: not made, because something they read was blocked.
        run_ids: Dagster's runs, in order.
        current: nothing had to be done for them.
    """

    succeeded: tuple[str, ...]
    failed: tuple[str, ...]
    skipped: tuple[str, ...]
    run_ids: tuple[str, ...]
    current: tuple[str, ...] = ()


Report: TypeAlias = Callable[[StepEvent], None]


def run_all(
    settings: Settings, *, select: Sequence[DatasetName | str] | None = None, report: Report = lambda _: None
) -> RunSummary:
    """Ingests what is new, makes what is stale, builds the warehouse file. Unrelated datasets never stop each other.

    Args:
        settings: whose project, home and store.
        select: the datasets to consider, raw ones for ingesting; all of them by default.
        report: is told about each dataset as it happens.
    """
    location = load_location(settings)
    chosen = _chosen(location, select)
    with open_platform(settings, project=location.project) as platform, open_instance(settings) as instance:
        launch = _Launch(location, platform, instance, report)
        launch.run(launch.raw_to_ingest(chosen), None)
        launch.make(chosen)
        launch.build_warehouse()
        return launch.summary(chosen)


@dataclass
class _Launch:
    """One launch under way; also the listener of its steps."""

    location: Location
    platform: Platform
    instance: dg.DagsterInstance
    report: Report
    states: dict[str, StepState] = field(default_factory=dict)
    run_ids: list[str] = field(default_factory=list)
    _job: dg.JobDefinition | None = None

    def started(self, dataset: str) -> None:
        """A step began."""
        self.report(StepEvent(dataset, "started", None, ""))

    def ended(self, dataset: str, *, error: Exception | None, seconds: float, message: str) -> None:
        """A step ended; a later attempt overrules an earlier one."""
        state: StepState = "skipped" if isinstance(error, UpstreamBlocked) else "failed" if error else "succeeded"
        self.states[dataset] = state
        self.report(StepEvent(dataset, state, seconds, message))

    def run(self, names: Collection[DatasetName], days: DayRange | None) -> None:
        """One run over some datasets."""
        if names:
            news = news_for(self.location, self.platform, [name for name in names if name.layer is not Layer.RAW])
            keys = [asset_key(name) for name in names]
            self._execute(keys, dict(range_tags(days)) if days else {}, news)

    def make(self, chosen: Collection[DatasetName]) -> None:
        """Makes everything stale; what a failure left out is tried again by itself, on what is published."""
        facts = LedgerFacts(self.location, self.platform)
        plan = make_plan(facts, only=chosen, most_blocks=1)
        for block in plan.in_sequence():
            self.run(block.datasets, block.days)
            for name in block.datasets:
                if str(name) not in self.states:
                    self.run([name], block.days if facts.is_by_day(name) else None)

    def raw_to_ingest(self, chosen: Collection[DatasetName]) -> list[DatasetName]:
        """Raw datasets with something new, or with a version that Dagster was not told about."""
        raw = [name for name in self.location.order if name in chosen and name.layer is Layer.RAW]
        return [name for name in raw if self._has_news(name) or not self._is_told(name)]

    def build_warehouse(self) -> None:
        """Builds the served layer's file if a served version is newer than it."""
        built = self.platform.warehouse.built_versions()
        served = {str(contract.name): self._version(contract.name) for contract in self.platform.served}
        wanted = {name: version for name, version in served.items() if version > 0}
        if not wanted or built == wanted:
            return
        self.started(WAREHOUSE)
        began = time.monotonic()
        is_built = self._execute([WAREHOUSE_KEY], {}, makers_of(self.platform.metastore, wanted))
        error = None if is_built else RuntimeError("the warehouse file was not built: see the run")
        self.ended(
            WAREHOUSE, error=error, seconds=time.monotonic() - began, message=str(error or f"{len(wanted)} tables")
        )

    def summary(self, chosen: Collection[DatasetName]) -> RunSummary:
        """What became of everything; tells the listener about datasets that were current."""
        current = [str(name) for name in self.location.order if name in chosen and str(name) not in self.states]
        for name in current:
            self.report(StepEvent(name, "skipped", None, "current"))
        by_state = {
            state: tuple(n for n, s in self.states.items() if s == state)
            for state in ("succeeded", "failed", "skipped")
        }
        return RunSummary(
            by_state["succeeded"], by_state["failed"], by_state["skipped"], tuple(self.run_ids), tuple(current)
        )

    def _execute(self, keys: list[dg.AssetKey], tags: dict[str, str], news: Sequence[str]) -> bool:
        if self._job is None:
            definitions = definitions_of(self.location, platform=self.platform, progress=self)
            self._job = definitions.resolve_implicit_global_asset_job_def()
        run = self.platform.run(job=lineage_job(self._job.name))
        try:
            with self.platform.recorder.launch(run, follow=news) as run:
                result = self._job.execute_in_process(
                    instance=self.instance,
                    asset_selection=keys,
                    tags=tags | trace_tags([run.traceparent]),
                    raise_on_error=False,
                    run_config=_QUIET,
                    run_id=run.id,
                )
                refuse_failure(is_success=result.success)
        except RunFailed:
            pass  # told by each step
        self.run_ids.append(run.id)
        return result.success

    def _has_news(self, name: DatasetName) -> bool:
        return any(self.platform.ingester.peek(entry) for entry in self.location.project.connectors_of(name))

    def _is_told(self, name: DatasetName) -> bool:
        event = self.instance.get_latest_materialization_event(asset_key(name))
        told = event.asset_materialization if event else None
        version = told.metadata.get("table_version") if told else None
        return version is not None and version.value == self._version(name)

    def _version(self, name: DatasetName) -> int:
        return self.platform.lake.table(TableRef.of(name)).version()


def _chosen(location: Location, select: Sequence[DatasetName | str] | None) -> frozenset[DatasetName]:
    if select is None:
        return frozenset(location.order)
    names = (name if isinstance(name, DatasetName) else DatasetName.parse(name) for name in select)
    return frozenset(location.project.dataset(name).name for name in names)
