"""The only place that turns Settings into concrete objects: every seam (store, metastore, lineage) is resolved here."""

from __future__ import annotations

import os
import shutil
import socket
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import datetime
from functools import cached_property
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from data_platform.catalog.history import history_of
from data_platform.catalog.intake import Intake
from data_platform.catalog.scanning import Scanner
from data_platform.catalog.settlement import Settlement
from data_platform.clock import Clock, SystemClock
from data_platform.connectors.heartbeat_map import Standing, heartbeat_map
from data_platform.connectors.ingest import Ingester
from data_platform.connectors.protocol import Place
from data_platform.contracts.domains import Project, discover
from data_platform.contracts.parse_cache import ParseCache
from data_platform.costs.metering import Meter
from data_platform.costs.ownership import ownership_of
from data_platform.errors import ConfigurationError
from data_platform.incidents.breakers import Breakers
from data_platform.incidents.people import People
from data_platform.lakehouse.credentials import StoreCredentials
from data_platform.lakehouse.duck import Engine
from data_platform.lakehouse.object_store import ObjectStore, open_store
from data_platform.lakehouse.tables import Lake
from data_platform.lineage.delivery import Delivery
from data_platform.lineage.names import PLATFORM
from data_platform.lineage.sinks.kinds import open_sinks
from data_platform.lineage.sinks.protocol import SinkPlace
from data_platform.metastore.engine import Metastore, open_metastore
from data_platform.observability.logs.line import LineWriter
from data_platform.observability.logs.writing import writing
from data_platform.observability.objectives.evaluation import Objectives
from data_platform.observability.objectives.resolving import objectives_of
from data_platform.observability.prometheus.metrics import Metrics
from data_platform.observability.slis.measure import Slis
from data_platform.observability.standings import ConnectorStanding
from data_platform.observability.tracing.context import TRACEPARENT, TraceContext
from data_platform.observability.tracing.finding import traceparent_of_run
from data_platform.observability.tracing.storing import SpanStore
from data_platform.observability.tracing.tracer import SpanSink, Tracer
from data_platform.publication.batches import BatchCommitter
from data_platform.publication.candidate import Run
from data_platform.publication.decisions import Decisions
from data_platform.publication.heads import Heads
from data_platform.publication.lease import FileLeases, Leases
from data_platform.publication.publish import Publisher
from data_platform.publication.recording import LineageWriter, Recorder
from data_platform.publication.recovery import Recovery
from data_platform.publication.registration import Registration
from data_platform.publication.upkeep import Upkeep
from data_platform.publication.warehouse import Warehouse
from data_platform.settings import Settings
from data_platform.transforms.graph import Graph, inputs_of, read_graph
from data_platform.transforms.materialize import Materializer
from data_platform.transforms.own_datasets import OwnDatasets
from data_platform.transforms.staleness import Staleness

if TYPE_CHECKING:
    from data_platform.costs.report import Costs
    from data_platform.costs.storage import StorageMeter
    from data_platform.incidents.routing import Routes
    from data_platform.incidents.watch import Watch


_OWN_DATASETS = Path(__file__).parent / "observability" / "datasets"


@dataclass(frozen=True)
class Platform:
    """Everything the skins need, made when it is first asked for. One per process; close it at the end."""

    settings: Settings
    clock: Clock

    @cached_property
    def project(self) -> Project:
        """The domains on the path list.

        Raises:
            FaultyProject: with every fault of every file.
        """
        return discover(self.settings.domains, cache=ParseCache(self.settings.home / "cache" / "contracts"))

    @cached_property
    def own_project(self) -> Project:
        """What the platform measures of itself, as datasets; no part of the project."""
        return discover([_OWN_DATASETS], cache=ParseCache(self.settings.home / "cache" / "contracts"), reserved=())

    @cached_property
    def estate(self) -> Project:
        """The project and the platform's own datasets, for those who only read."""
        datasets = {**self.own_project.datasets, **self.project.datasets}
        return replace(self.project, datasets=MappingProxyType(dict(sorted(datasets.items()))))

    @cached_property
    def graph(self) -> Graph:
        """Who reads whom."""
        return read_graph(self.project)

    @cached_property
    def credentials(self) -> StoreCredentials:
        """One credentials object for delta-rs, s3fs and Dagster's S3 resources."""
        s3 = self.settings.s3
        return StoreCredentials(
            endpoint_url=s3.endpoint_url,
            region=s3.region,
            access_key_id=s3.access_key_id,
            allow_http=s3.allow_http,
            secret_access_key=s3.secret_access_key.get_secret_value() if s3.secret_access_key else None,
            session_token=s3.session_token.get_secret_value() if s3.session_token else None,
        )

    @cached_property
    def store(self) -> ObjectStore:
        """What must last."""
        return open_store(self.settings.store, self.credentials)

    @cached_property
    def lake(self) -> Lake:
        """The tables of the store."""
        return Lake(self.settings.store, self.credentials, clock=self.clock)

    @cached_property
    def engine(self) -> Engine:
        """DuckDB with this process's bounds."""
        return Engine(
            spill_dir=self.settings.spill_dir,
            memory_limit=self.settings.memory_limit,
            threads=self.settings.threads,
            credentials=self.credentials,
        )

    @cached_property
    def metastore(self) -> Metastore:
        """The control-plane database, at the newest schema."""
        try:
            self.settings.home.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise ConfigurationError(
                f"the home {self.settings.home} cannot be made ({error.strerror}); name another in DATA_PLATFORM_HOME"
            ) from error
        metastore = open_metastore(self.settings.metastore_url)
        metastore.migrate()
        return metastore

    @cached_property
    def heads(self) -> Heads:
        """Heads held against the ledger."""
        return Heads(metastore=self.metastore)

    @cached_property
    def recorder(self) -> Recorder:
        """Writes ledger, checks, runs and lineage."""
        return Recorder(metastore=self.metastore, clock=self.clock, lineage=self.lineage, tracer=self.tracer)

    @cached_property
    def tracer(self) -> Tracer:
        """Begins traces; what is kept goes to the metastore and, where the settings name one, to a collector."""
        sinks: list[SpanSink] = [SpanStore(lambda: self.metastore.operations.spans)]
        if self.settings.otlp_endpoint:
            from data_platform.observability.tracing.otlp import OtlpExport  # OpenTelemetry takes long to load

            resource = {"service.name": "data-platform", "service.version": code_version()}
            sinks.append(OtlpExport(self.settings.otlp_endpoint, resource))
        outer = TraceContext.read(os.environ.get(TRACEPARENT.upper(), ""))
        return Tracer(clock=self.clock, sinks=tuple(sinks), ratio=self.settings.trace_sampling, outer=outer)

    @cached_property
    def lineage(self) -> LineageWriter:
        """Composes lineage events for the outbox."""
        from data_platform.lineage.lineage_cache import LineageCache
        from data_platform.lineage.project_lineage import ProjectLineage  # sqlglot and OpenLineage take long to load
        from data_platform.publication.lineage_events import OpenLineageWriter
        from data_platform.publication.lineage_facts import FactsOf

        facts = FactsOf(
            project=self.project,
            own=lambda: self.own_project,
            namespace=PLATFORM,
            store=self.settings.store,
            lineage=ProjectLineage(
                self.project,
                inputs_of=lambda name: inputs_of(self.project.dataset(name)),
                cache=LineageCache(self.settings.home / "cache" / "lineage"),
            ),
        )
        return OpenLineageWriter(facts=facts, clock=self.clock)

    @cached_property
    def intake(self) -> Intake:
        """Takes lineage events into the embedded catalog."""
        return Intake(store=self.metastore.catalog, clock=self.clock)

    @cached_property
    def delivery(self) -> Delivery:
        """Sends the outbox to the sinks of the settings.

        Raises:
            ConfigurationError: a sink's kind, address or options cannot be used.
        """
        place = SinkPlace(clock=self.clock, take=self.intake.refusals)
        return Delivery(
            sinks=open_sinks(self.settings.lineage_sinks, self.settings.lineage_options, place),
            metastore=self.metastore,
            clock=self.clock,
            name=f"{socket.gethostname()}:{os.getpid()}:{uuid.uuid4().hex[:8]}",
        )

    @cached_property
    def scanner(self) -> Scanner:
        """Compares what is in the store with contracts and ledger."""
        return Scanner(
            lake=self.lake,
            project=self.estate,
            metastore=self.metastore,
            recorder=self.recorder,
            clock=self.clock,
            served_file=self.settings.warehouse_file,
            built_versions=self.warehouse.built_versions,
        )

    @cached_property
    def settlement(self) -> Settlement:
        """Carries out what people decide about what a scan found."""
        return Settlement(scanner=self.scanner)

    @cached_property
    def registration(self) -> Registration:
        """Tells the lineage of what never ran."""
        return Registration(
            recorder=self.recorder,
            project=self.project,
            place=str(self.settings.home.absolute()),
            around=(self.settings.store, code_version()),
        )

    @cached_property
    def recovery(self) -> Recovery:
        """Derives lost records again."""
        return Recovery(lake=self.lake, recorder=self.recorder)

    @cached_property
    def ingester(self) -> Ingester:
        """Runs connectors."""
        committer = BatchCommitter(
            store=self.store,
            lake=self.lake,
            engine=self.engine,
            heads=self.heads,
            recorder=self.recorder,
            clock=self.clock,
        )
        place = Place(
            source=self.settings.source,
            spool=self.settings.spool_dir,
            clock=self.clock,
            store_credentials=self.credentials,
        )
        return Ingester(
            project=self.project,
            store=self.store,
            committer=committer,
            leases=self.leases,
            metastore=self.metastore,
            recovery=self.recovery,
            place=place,
            clock=self.clock,
            meter=self.meter,
            tracer=self.tracer,
            guard=self.breakers.guarding,
        )

    @cached_property
    def materializer(self) -> Materializer:
        """Materializes curated and served datasets."""
        return Materializer(
            project=self.project,
            lake=self.lake,
            engine=self.engine,
            heads=self.heads,
            leases=self.leases,
            publisher=Publisher(recorder=self.recorder, clock=self.clock),
            recorder=self.recorder,
            recovery=self.recovery,
            metastore=self.metastore,
            meter=self.meter,
            tracer=self.tracer,
        )

    @cached_property
    def own_datasets(self) -> OwnDatasets:
        """Publishes what the platform measures of itself."""
        return OwnDatasets(
            project=self.own_project,
            read=self.metastore.operations.table_rows.reading,
            lake=self.lake,
            engine=self.engine,
            heads=self.heads,
            leases=self.leases,
            publisher=Publisher(recorder=self.recorder, clock=self.clock),
            recorder=self.recorder,
            recovery=self.recovery,
        )

    @property
    def staleness(self) -> Staleness:
        """What has to be computed again, as of now."""
        return Staleness(project=self.project, lake=self.lake, metastore=self.metastore)

    @cached_property
    def decisions(self) -> Decisions:
        """Appends what people decide about held rows."""
        return Decisions(lake=self.lake, engine=self.engine, heads=self.heads, recorder=self.recorder, clock=self.clock)

    @cached_property
    def warehouse(self) -> Warehouse:
        """The served layer as one DuckDB file."""
        return Warehouse(
            file=self.settings.warehouse_file, store=self.store, lake=self.lake, heads=self.heads, engine=self.engine
        )

    @cached_property
    def upkeep(self) -> Upkeep:
        """Compacts and checkpoints tables."""
        return Upkeep(
            lake=self.lake,
            engine=self.engine,
            heads=self.heads,
            leases=self.leases,
            recorder=self.recorder,
            meter=self.meter,
        )

    @cached_property
    def meter(self) -> Meter:
        """Meters what runs of this process use."""
        return Meter(
            metastore=self.metastore, clock=self.clock, ownership=lambda dataset: ownership_of(self.project, dataset)
        )

    @property
    def storage_meter(self) -> StorageMeter:
        """Meters what the store holds."""
        from data_platform.costs.storage import StorageMeter

        return StorageMeter(store=self.store, project=self.project, metastore=self.metastore, clock=self.clock)

    @property
    def costs(self) -> Costs:
        """What runs and stored tables cost, at the prices of the settings' list as it is now."""
        from data_platform.costs.prices import DEFAULT_LIST, read_prices
        from data_platform.costs.report import Costs

        path = self.settings.prices or DEFAULT_LIST
        return Costs(
            metastore=self.metastore,
            clock=self.clock,
            price_list=lambda: read_prices(path),
            domains=self.project.domains,
        )

    @cached_property
    def slis(self) -> Slis:
        """Measures indicators."""
        upstream = {str(name): tuple(map(str, inputs)) for name, inputs in self.graph.inputs.items()}
        return Slis(
            metastore=self.metastore,
            project=self.project,
            upstream=lambda: upstream,
            standings=self.connector_standings,
        )

    def connector_standings(self, now: datetime) -> tuple[ConnectorStanding, ...]:
        """How every source instance stands; asked once for one moment."""
        known: dict[datetime, tuple[ConnectorStanding, ...]] = self.__dict__.get("_standings", {})
        if now not in known:
            entries = [entry for domain in self.project.domains for entry in domain.connectors]
            found = heartbeat_map(entries, self.metastore, now, place=self.ingester.place)
            known = self.__dict__["_standings"] = {now: tuple(map(_standing, found))}
        return known[now]

    @cached_property
    def objectives(self) -> Objectives:
        """What is promised, and how it stands."""
        return Objectives(self.metastore, lambda: objectives_of(self.project))

    @cached_property
    def metrics(self) -> Metrics:
        """Everything for Prometheus."""
        readers: dict[str, list[str]] = {}
        for name, inputs in self.graph.inputs.items():
            for one in inputs:
                readers.setdefault(str(one), []).append(str(name))
        sources = {
            (str(entry.dataset), entry.name): tuple(readers.get(str(entry.dataset), ()))
            for domain in self.project.domains
            for entry in domain.connectors
        }
        return Metrics(
            self.metastore,
            self.clock.now,
            sources=sources,
            version=code_version(),
            disks=lambda: free_disks(self.settings),
        )

    @cached_property
    def breakers(self) -> Breakers:
        """Circuit breakers around sources and channels."""
        return Breakers(metastore=self.metastore, clock=self.clock)

    @cached_property
    def people(self) -> People:
        """What people do about incidents."""
        return People(metastore=self.metastore, clock=self.clock)

    @cached_property
    def routes(self) -> Routes:
        """Who is told of incidents, and how.

        Raises:
            ConfigurationError: the file of the settings cannot be used.
        """
        from data_platform.incidents.routing import read_routes

        return read_routes(self.settings.routes)

    @cached_property
    def watch(self) -> Watch:
        """Watches everything and keeps the incidents."""
        from data_platform.incidents.watching import Around, watch_over

        around = Around(
            upstream={str(name): tuple(map(str, inputs)) for name, inputs in self.graph.inputs.items()},
            standings=self.connector_standings,
            free_disk=self._free_disk,
            sinks=lambda: [sink.name for sink in self.delivery.sinks],
            contract_changes=self._contract_changes,
            traceparent=lambda run_id: traceparent_of_run(self.metastore, run_id),
            lease=lambda: self.leases.hold("watch"),
            stages={
                "indicators": lambda now: self.slis.measure(now),
                "objectives": lambda now: self.objectives.evaluate(now),
            },
        )
        return watch_over(
            self.project,
            metastore=self.metastore,
            clock=self.clock,
            routes=self.routes,
            breakers=self.breakers,
            around=around,
        )

    def _free_disk(self) -> float:
        usage = shutil.disk_usage(self.settings.home)
        return usage.free / usage.total

    def _contract_changes(self, dataset: str, before: datetime) -> list[dict[str, Any]]:
        """The newest changes of a dataset's contract before a moment, as the catalog knows them."""
        line = self.metastore.catalog.reads.dataset(PLATFORM, name=dataset)
        if line is None:
            return []
        found = [one for one in history_of(self.metastore.catalog, line.id).contracts if one.at <= before]
        return [{"what": "contract", "to": one.version, "at": one.at, "sha256": one.sha256} for one in found[:2]]

    @cached_property
    def leases(self) -> Leases:
        """Locks that only save work: in the database where several hosts share one, otherwise in the home."""
        return self.metastore.leases or FileLeases(self.settings.home / "leases")

    def run(self, run_id: str | None = None, *, job: str = "") -> Run:
        """A new run, or a run under an orchestrator's id; `job` is the name of what was started."""
        return Run(id=run_id or str(uuid.uuid4()), started_at=self.clock.now(), code_version=code_version(), job=job)

    def close(self) -> None:
        """Releases files and connections."""
        for name in ("engine", "delivery", "meter", "tracer", "metastore"):
            if name in self.__dict__:
                self.__dict__[name].close()


def _standing(found: Standing) -> ConnectorStanding:
    beat = found.beat
    return ConnectorStanding(
        dataset=str(found.entry.dataset),
        source=found.entry.name,
        state=found.diagnosis.state.value,
        detail=found.diagnosis.detail,
        is_healthy=found.diagnosis.is_healthy,
        beat_at=beat.beat_at if beat else None,
        expected_by=beat.next_expected_at if beat else None,
        backlog=beat.backlog if beat else None,
        last_event_time=beat.last_event_time if beat else None,
    )


@contextmanager
def open_platform(
    settings: Settings, clock: Clock | None = None, *, project: Project | None = None
) -> Iterator[Platform]:
    """The platform that the settings describe, closed at the end of the block.

    Args:
        settings: where everything is.
        clock: the time that everything is stamped with; the machine's by default.
        project: what was read from the settings' domains before; otherwise they are read when first asked for.
    """
    platform = Platform(settings, clock or SystemClock())
    if project is not None:
        platform.__dict__["project"] = project  # where cached_property keeps it
    with writing(settings.home, LineWriter(code_version=code_version(), secrets=_secrets(settings))):
        try:
            yield platform
        finally:
            platform.close()


def _secrets(settings: Settings) -> tuple[str, ...]:
    """What no line of a log may hold."""
    known = (settings.s3.secret_access_key, settings.s3.session_token)
    return tuple(secret.get_secret_value() for secret in known if secret is not None)


def free_disks(settings: Settings) -> Iterator[tuple[str, float]]:
    """The free share of the disks that hold home and store, as far as they are on this machine."""
    places = {"home": settings.home, **({} if "://" in settings.store else {"store": Path(settings.store)})}
    for name, folder in places.items():
        if folder.exists():
            usage = shutil.disk_usage(folder)
            yield name, usage.free / usage.total if usage.total else 0.0


def code_version() -> str:
    """The installed version of the platform."""
    try:
        return version("data-platform")
    except PackageNotFoundError:
        return "unreleased"
