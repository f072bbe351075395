"""The top floor: how the platform does, what it costs, what is promised, and who is told when it goes wrong."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Any

from data_platform.catalog.history import history_of
from data_platform.connectors.heartbeat_map import heartbeat_map
from data_platform.incidents.people import People
from data_platform.lineage.names import PLATFORM
from data_platform.observability.objectives.evaluation import Objectives
from data_platform.observability.objectives.resolving import objectives_of, read_objectives
from data_platform.observability.prometheus.metrics import Metrics
from data_platform.observability.slis.measure import Slis
from data_platform.observability.tracing.finding import traceparent_of_run
from data_platform.wiring.data import Data
from data_platform.wiring.machine import code_version, free_disks
from data_platform.wiring.once import once
from data_platform.wiring.standings import ConnectorStandings

if TYPE_CHECKING:
    from data_platform.costs.report import Costs
    from data_platform.costs.storage import StorageMeter
    from data_platform.incidents.routing import Routes
    from data_platform.incidents.watch import Watch


class Operations(Data):
    """Who measures, judges and tells."""

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

    @once
    def connector_standings(self) -> ConnectorStandings:
        """How every source instance stands at a moment."""
        return ConnectorStandings(
            lambda now: heartbeat_map(
                [entry for domain in self.project.domains for entry in domain.connectors],
                self.metastore,
                now,
                place=self.place,
            )
        )

    @once
    def slis(self) -> Slis:
        """Measures indicators."""
        return Slis(
            metastore=self.metastore,
            project=self.project,
            upstream=lambda: self._upstream,
            standings=self.connector_standings,
        )

    @once
    def objectives(self) -> Objectives:
        """What is promised, and how it stands."""
        if self.reader is None:
            return Objectives(self.metastore, lambda: objectives_of(self.project))
        known = self.soundness
        return Objectives(
            self.metastore,
            lambda: read_objectives(known.project, instead=known.instead)[0],
            is_whole=lambda: not known.faults,
        )

    @once
    def metrics(self) -> Metrics:
        """Everything for Prometheus."""
        readers: dict[str, list[str]] = {}
        for name, inputs in self._upstream.items():
            for one in inputs:
                readers.setdefault(one, []).append(name)
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

    @once
    def people(self) -> People:
        """What people do about incidents."""
        return People(metastore=self.metastore, clock=self.clock)

    @once
    def routes(self) -> Routes:
        """Who is told of incidents, and how.

        Raises:
            ConfigurationError: the file of the settings cannot be used.
        """
        from data_platform.incidents.routing import read_routes

        return read_routes(self.settings.routes)

    @once
    def watch(self) -> Watch:
        """Watches everything and keeps the incidents."""
        from data_platform.incidents.delivery import Deliverer
        from data_platform.incidents.engine import Engine
        from data_platform.incidents.estates import estate_of
        from data_platform.incidents.explaining import Explainer
        from data_platform.incidents.rules.facts import Outside
        from data_platform.incidents.watch import Watch, pinging

        metastore, routes = self.metastore, self.routes
        estate = estate_of(self.estate, self._upstream)
        explainer = Explainer(metastore=metastore, estate=estate, routes=routes, history=self._contract_changes)
        return Watch(
            metastore=metastore,
            clock=self.clock,
            engine=Engine(metastore=metastore, estate=estate, routes=routes, explainer=explainer),
            deliverer=Deliverer(
                metastore=metastore,
                routes=routes,
                breakers=self.breakers,
                traceparent=lambda run_id: traceparent_of_run(metastore, run_id),
            ),
            outside=Outside(
                standings=self.connector_standings,
                free_disk=lambda: dict(free_disks(self.settings)).get("home"),
                sinks=lambda: [sink.name for sink in self.delivery.sinks],
                faulty=lambda: self.soundness.parts,
            ),
            routes=routes,
            lease=lambda: self.leases.hold("watch"),
            stages={
                "indicators": lambda now: self.slis.measure(now),
                "objectives": lambda now: self.objectives.evaluate(now),
            },
            ping=pinging(routes.heartbeat.url.get_secret_value()) if routes.heartbeat else None,
        )

    @once
    def _upstream(self) -> dict[str, tuple[str, ...]]:
        """The inputs of every dataset, by name."""
        return {str(name): tuple(map(str, inputs)) for name, inputs in self.graph.inputs.items()}

    def _contract_changes(self, dataset: str, before: datetime) -> list[dict[str, Any]]:
        """The newest changes of a dataset's contract before a moment, as the catalog knows them."""
        line = self.metastore.catalog.reads.dataset(PLATFORM, name=dataset)
        if line is None:
            return []
        found = [one for one in history_of(self.metastore.catalog, line.id).contracts if one.at <= before]
        return [{"what": "contract", "to": one.version, "at": one.at, "sha256": one.sha256} for one in found[:2]]
