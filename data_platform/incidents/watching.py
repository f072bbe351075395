"""Puts a watch together over a project."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from data_platform.clock import Clock
from data_platform.contracts.domains import Project
from data_platform.incidents.breakers import Breakers
from data_platform.incidents.delivery import Deliverer
from data_platform.incidents.engine import Engine
from data_platform.incidents.estates import estate_of
from data_platform.incidents.explaining import Explainer
from data_platform.incidents.routing import Routes
from data_platform.incidents.rules.facts import Outside
from data_platform.incidents.watch import Stage, Watch, pinging
from data_platform.metastore.engine import Metastore
from data_platform.observability.standings import ConnectorStanding


@dataclass(frozen=True, slots=True, kw_only=True)
class Around:
    """What other parts of the platform tell the watch, as callables."""

    upstream: Mapping[str, tuple[str, ...]]
    standings: Callable[[datetime], Sequence[ConnectorStanding]]
    free_disk: Callable[[], float | None]
    sinks: Callable[[], Collection[str]]
    contract_changes: Callable[[str, datetime], Sequence[Mapping[str, Any]]]
    traceparent: Callable[[str], str]
    lease: Callable[[], AbstractContextManager[None]]
    stages: Mapping[str, Stage]


def watch_over(
    project: Project, *, metastore: Metastore, clock: Clock, routes: Routes, breakers: Breakers, around: Around
) -> Watch:
    """The watch over a project."""
    estate = estate_of(project, around.upstream)
    explainer = Explainer(metastore=metastore, estate=estate, routes=routes, history=around.contract_changes)
    return Watch(
        metastore=metastore,
        clock=clock,
        engine=Engine(metastore=metastore, estate=estate, routes=routes, explainer=explainer),
        deliverer=Deliverer(metastore=metastore, routes=routes, breakers=breakers, traceparent=around.traceparent),
        outside=Outside(standings=around.standings, free_disk=around.free_disk, sinks=around.sinks),
        routes=routes,
        lease=around.lease,
        stages=around.stages,
        ping=pinging(routes.heartbeat.url.get_secret_value()) if routes.heartbeat else None,
    )
