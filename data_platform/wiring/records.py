"""The floor of what goes beside every step: ledger, lineage events, traces, metered use, and what has failed lately."""

from __future__ import annotations

import os
import uuid

from data_platform.catalog.intake import Intake
from data_platform.costs.metering import Meter
from data_platform.costs.ownership import ownership_of
from data_platform.incidents.breakers import Breakers
from data_platform.lineage.delivery import Delivery
from data_platform.lineage.names import PLATFORM
from data_platform.lineage.sinks.kinds import open_sinks
from data_platform.lineage.sinks.protocol import SinkPlace
from data_platform.metastore.instances import this_instance
from data_platform.observability.tracing.context import TRACEPARENT, TraceContext
from data_platform.observability.tracing.storing import SpanStore
from data_platform.observability.tracing.tracer import SpanSink, Tracer
from data_platform.publication.heads import Heads
from data_platform.publication.recording import LineageWriter, Recorder
from data_platform.publication.recovery import Recovery
from data_platform.publication.registration import Registration
from data_platform.transforms.graph import inputs_of
from data_platform.wiring.foundation import Foundation
from data_platform.wiring.machine import code_version
from data_platform.wiring.once import once


class Records(Foundation):
    """Who writes down what happens."""

    @once
    def heads(self) -> Heads:
        """Heads held against the ledger."""
        return Heads(metastore=self.metastore)

    @once
    def recorder(self) -> Recorder:
        """Writes ledger, checks, runs and lineage."""
        return Recorder(metastore=self.metastore, clock=self.clock, lineage=self.lineage, tracer=self.tracer)

    @once
    def recovery(self) -> Recovery:
        """Derives lost records again."""
        return Recovery(lake=self.lake, recorder=self.recorder)

    @once
    def tracer(self) -> Tracer:
        """Begins traces; what is kept goes to the metastore and, where the settings name one, to a collector."""
        sinks: list[SpanSink] = [SpanStore(lambda: self.metastore.operations.spans)]
        if self.settings.otlp_endpoint:
            from data_platform.observability.tracing.otlp import OtlpExport  # OpenTelemetry takes long to load

            resource = {"service.name": "data-platform", "service.version": code_version()}
            sinks.append(OtlpExport(self.settings.otlp_endpoint, resource))
        outer = TraceContext.read(os.environ.get(TRACEPARENT.upper(), ""))
        return Tracer(clock=self.clock, sinks=tuple(sinks), ratio=self.settings.trace_sampling, outer=outer)

    @once
    def meter(self) -> Meter:
        """Meters what runs of this process use."""
        return Meter(
            metastore=self.metastore, clock=self.clock, ownership=lambda dataset: ownership_of(self.project, dataset)
        )

    @once
    def breakers(self) -> Breakers:
        """Circuit breakers around sources and channels."""
        return Breakers(metastore=self.metastore, clock=self.clock)

    @once
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

    @once
    def registration(self) -> Registration:
        """Tells the lineage of what never ran."""
        return Registration(
            recorder=self.recorder,
            project=self.whole_project,
            place=str(self.settings.home.absolute()),
            around=(self.settings.store, code_version()),
        )

    @once
    def intake(self) -> Intake:
        """Takes lineage events into the embedded catalog."""
        return Intake(store=self.metastore.catalog, clock=self.clock)

    @once
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
            name=f"{this_instance()}:{uuid.uuid4().hex[:8]}",
        )
