"""The floor where data moves: from sources to raw, to curated and served tables, to the warehouse; and its upkeep."""

from __future__ import annotations

from data_platform.catalog.scanning import Scanner
from data_platform.catalog.settlement import Settlement
from data_platform.connectors.ingest import Ingester
from data_platform.connectors.protocol import Place
from data_platform.publication.batches import BatchCommitter
from data_platform.publication.decisions import Decisions
from data_platform.publication.publish import Publisher
from data_platform.publication.served_file import ServedFile
from data_platform.publication.upkeep import Upkeep
from data_platform.publication.warehouse import Warehouse
from data_platform.transforms.materialize import Materializer
from data_platform.transforms.own_datasets import OwnDatasets
from data_platform.transforms.own_publishing import OwnPublishing
from data_platform.transforms.staleness import Staleness
from data_platform.wiring.once import once
from data_platform.wiring.records import Records


class Data(Records):
    """Who makes, keeps and checks tables."""

    @once
    def place(self) -> Place:
        """Where connectors work."""
        return Place(
            source=self.settings.source,
            spool=self.settings.spool_dir,
            clock=self.clock,
            store_credentials=self.credentials,
        )

    @once
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
        return Ingester(
            project=self.whole_project,
            store=self.store,
            committer=committer,
            leases=self.leases,
            metastore=self.metastore,
            recovery=self.recovery,
            place=self.place,
            clock=self.clock,
            meter=self.meter,
            tracer=self.tracer,
            guard=self.breakers.guarding,
        )

    @once
    def materializer(self) -> Materializer:
        """Materializes curated and served datasets."""
        return Materializer(
            project=self.whole_project,
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

    @once
    def own_datasets(self) -> OwnDatasets:
        """Publishes what the platform measures of itself."""
        return OwnDatasets(
            project=self.own_project,
            ledger=self.metastore.operations.table_rows,
            lake=self.lake,
            engine=self.engine,
            heads=self.heads,
            leases=self.leases,
            publisher=Publisher(recorder=self.recorder, clock=self.clock),
            recorder=self.recorder,
            recovery=self.recovery,
            meter=self.meter,
        )

    @once
    def own_publishing(self) -> OwnPublishing:
        """Publishes that every hour, with the warehouse file."""
        return OwnPublishing(
            datasets=self.own_datasets,
            file=self.served_file,
            upkeep=self.upkeep,
            beats=self.metastore.operations.component_beats,
            leases=self.leases,
            meter=self.meter,
            clock=self.clock,
            new_run=lambda: self.run(job="own_datasets"),
        )

    @property
    def staleness(self) -> Staleness:
        """What has to be computed again, as of now."""
        return Staleness(project=self.project, lake=self.lake, metastore=self.metastore)

    @once
    def decisions(self) -> Decisions:
        """Appends what people decide about held rows."""
        return Decisions(lake=self.lake, engine=self.engine, heads=self.heads, recorder=self.recorder, clock=self.clock)

    @once
    def warehouse(self) -> Warehouse:
        """The served layer as one DuckDB file."""
        return Warehouse(
            file=self.settings.warehouse_file,
            store=self.store,
            lake=self.lake,
            heads=self.heads,
            engine=self.engine,
            leases=self.leases,
        )

    @once
    def served_file(self) -> ServedFile:
        """Keeps that file current."""
        return ServedFile(
            warehouse=self.warehouse, contracts=lambda: self.served, recorder=self.recorder, meter=self.meter
        )

    @once
    def upkeep(self) -> Upkeep:
        """Compacts and checkpoints tables."""
        return Upkeep(
            lake=self.lake,
            engine=self.engine,
            heads=self.heads,
            leases=self.leases,
            recorder=self.recorder,
            meter=self.meter,
            own=lambda: self.own_project,
        )

    @once
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

    @once
    def settlement(self) -> Settlement:
        """Carries out what people decide about what a scan found."""
        return Settlement(scanner=self.scanner)
