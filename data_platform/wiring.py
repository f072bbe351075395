"""The only place that turns Settings into concrete objects: every seam (store, metastore, lineage) is resolved here."""

from __future__ import annotations

import os
import socket
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from importlib.metadata import PackageNotFoundError, version

from data_platform.catalog.intake import Intake
from data_platform.catalog.scanning import Scanner
from data_platform.catalog.settlement import Settlement
from data_platform.clock import Clock, SystemClock
from data_platform.connectors.ingest import Ingester
from data_platform.connectors.protocol import Place
from data_platform.contracts.domains import Project, discover
from data_platform.contracts.parse_cache import ParseCache
from data_platform.errors import ConfigurationError
from data_platform.lakehouse.credentials import StoreCredentials
from data_platform.lakehouse.duck import Engine
from data_platform.lakehouse.object_store import ObjectStore, open_store
from data_platform.lakehouse.tables import Lake
from data_platform.lineage.delivery import Delivery
from data_platform.lineage.names import PLATFORM
from data_platform.lineage.sinks.kinds import open_sinks
from data_platform.lineage.sinks.protocol import SinkPlace
from data_platform.metastore.engine import Metastore, open_metastore
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
from data_platform.transforms.staleness import Staleness


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
        return Recorder(metastore=self.metastore, clock=self.clock, lineage=self.lineage)

    @cached_property
    def lineage(self) -> LineageWriter:
        """Composes lineage events for the outbox."""
        from data_platform.lineage.lineage_cache import LineageCache
        from data_platform.lineage.project_lineage import ProjectLineage  # sqlglot and OpenLineage take long to load
        from data_platform.publication.lineage_events import OpenLineageWriter
        from data_platform.publication.lineage_facts import FactsOf

        facts = FactsOf(
            project=self.project,
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
            project=self.project,
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
        return Upkeep(lake=self.lake, engine=self.engine, heads=self.heads, leases=self.leases, recorder=self.recorder)

    @cached_property
    def leases(self) -> Leases:
        """Locks that only save work: in the database where several hosts share one, otherwise in the home."""
        return self.metastore.leases or FileLeases(self.settings.home / "leases")

    def run(self, run_id: str | None = None, *, job: str = "") -> Run:
        """A new run, or a run under an orchestrator's id; `job` is the name of what was started."""
        return Run(id=run_id or str(uuid.uuid4()), started_at=self.clock.now(), code_version=code_version(), job=job)

    def close(self) -> None:
        """Releases files and connections."""
        for name in ("engine", "delivery", "metastore"):
            if name in self.__dict__:
                self.__dict__[name].close()


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
    try:
        yield platform
    finally:
        platform.close()


def code_version() -> str:
    """The installed version of the platform."""
    try:
        return version("data-platform")
    except PackageNotFoundError:
        return "unreleased"
