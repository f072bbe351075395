"""The stage of a game day: a small project of its own in a scratch folder, its platform, its watch, and a desk that is
called. Nothing of the team's own home, store or metastore is touched.
"""

from __future__ import annotations

import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path

import yaml

from data_platform.cli.gamedays.desk import Desk
from data_platform.cli.init import write_project
from data_platform.cli.refresh import Refreshed, refresh
from data_platform.clock import SystemClock
from data_platform.metastore.incidents import IncidentEntry
from data_platform.settings import load_settings
from data_platform.wiring.platform import Platform

DOMAIN = "gameday"
AGREED = "order_id,ordered_at,customer_email,quantity,amount"
_TICK_SECONDS = 5.0
_STEP = timedelta(seconds=60)


@dataclass(slots=True)
class ShiftedClock:
    """The machine's clock, moved ahead by what was skipped: where only time has to pass, nobody waits for it."""

    skipped: timedelta = field(default_factory=timedelta)

    def now(self) -> datetime:
        """The present moment in UTC, with what was skipped."""
        return SystemClock().now() + self.skipped

    def skip(self, time: timedelta) -> None:
        """Moves ahead."""
        self.skipped += time


@dataclass(slots=True, kw_only=True)
class Scene:
    """A project under way.

    Attributes:
        folder: of the project; `data/` holds what its sources deliver.
        orders: how many were delivered as agreed.
    """

    folder: Path
    clock: ShiftedClock
    desk: Desk
    platform: Platform
    orders: int = 0

    def deliver_orders(self, suffix: str, *, count: int, columns: str = AGREED, ago: timedelta = timedelta(0)) -> Path:
        """Puts a file of new orders, all placed `ago`, into the folder that the source of orders reads; with columns
        that were not agreed on they count as not delivered.
        """
        at = self.clock.now() - ago
        ids = [f"A{self.orders + number:04}" for number in range(1, count + 1)]
        self.orders += count if columns == AGREED else 0
        rows = [f"{id_},{at.isoformat()},ann@example.com,2,12.00" for id_ in ids]
        file = self.folder / "data" / "orders" / f"orders_{at:%Y-%m-%d}{suffix}.csv"
        file.write_text("\n".join([columns, *rows, ""]))
        return file

    def reopen(self) -> None:
        """Reads the project's files again, as a process started after a deploy does."""
        settings = self.platform.settings
        self.platform.close()
        self.platform = Platform(settings, self.clock)

    def work(self) -> list[Refreshed]:
        """Ingests every file source and makes what is stale, as the schedules of a night do."""
        platform = self.platform
        with platform.recorder.launch(platform.run(job="gameday")) as run:
            for domain in platform.project.domains:
                for entry in domain.connectors:
                    if entry.kind == "file_drop":
                        platform.ingester.ingest(entry, run)
            return refresh(platform, set(platform.graph.order), run)

    def incidents(self) -> Sequence[IncidentEntry]:
        """Every incident, the first detected first."""
        found = self.platform.metastore.operations.incidents.recent(limit=100)
        return sorted(found, key=lambda incident: incident.detected_at)

    def watch(self, wanted: str, within: timedelta) -> bool:
        """Ticks every few seconds until some incident is open whose cause holds `wanted`; whether one came in time."""
        ends = self.clock.now() + within
        while True:
            self.platform.watch.tick()
            if any(wanted in incident.cause for incident in self.incidents()):
                return True
            if self.clock.now() >= ends:
                return False
            time.sleep(_TICK_SECONDS)

    def let_pass(self, longest: timedelta, *, keep_alive: Callable[[], None]) -> None:
        """Ticks through time without waiting for it until every incident is over, `keep_alive` called before each."""
        ends = self.clock.now() + longest
        while self.clock.now() < ends and any(one.resolved_at is None for one in self.incidents()):
            self.clock.skip(_STEP)
            keep_alive()
            self.platform.watch.tick()


@contextmanager
def open_scene() -> Iterator[Scene]:
    """The project that `data-platform init` writes, with its datasets critical and its desk as the only route."""
    clock = ShiftedClock()
    with tempfile.TemporaryDirectory(prefix="gameday-") as name, Desk(clock) as desk:
        folder = Path(name)
        write_project(folder, DOMAIN)
        for file in (folder / "data" / "orders").iterdir():
            file.unlink()  # orders of long ago would be a failure of their own: nothing fresh
        routes = folder / "routes.yaml"
        routes.write_text(
            yaml.safe_dump({"platform": {"channels": ["desk"]}, "channels": {"desk": {"webhook": desk.url}}})
        )
        settings = load_settings(
            home=folder / "home",
            store=str(folder / "home" / "store"),
            metastore_url=f"sqlite:///{folder / 'home' / 'metastore.db'}",
            domains=(folder / "domains",),
            source=folder / "data",
            lineage="catalog",
            routes=routes,
        )
        scene = Scene(folder=folder, clock=clock, desk=desk, platform=Platform(settings, clock))
        try:
            scene.deliver_orders("", count=3, ago=timedelta(days=1))
            scene.deliver_orders("_morning", count=2, ago=timedelta(minutes=1))
            yield scene
        finally:
            scene.platform.close()
