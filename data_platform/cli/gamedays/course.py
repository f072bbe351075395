"""The course that every failure takes: injected, kept from consumers, detected, routed once, mitigated, recovered."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

from data_platform.cli.gamedays.evidence import Evidence, Stage
from data_platform.cli.gamedays.scene import Scene
from data_platform.contracts.model import DatasetName
from data_platform.lakehouse.snapshots import Snapshot
from data_platform.lakehouse.table_ref import TableRef, Zone

RECOVERY = timedelta(hours=2)  # within which everything has to be over; a rejected file asks for somebody for an hour


@dataclass(slots=True, kw_only=True)
class Course:
    """One scene's course.

    Attributes:
        served: the dataset that consumers read.
    """

    scene: Scene
    evidence: Evidence
    served: str
    _before: tuple[int, int] = (0, 0)
    _known: set[str] = field(default_factory=set)

    def begin(self) -> None:
        """A good day: everything is published, and nobody is called."""
        problems = [each.problem for each in self.scene.work() if each.problem]
        self.scene.platform.watch.tick()
        self._before = self._standing()
        is_quiet = not problems and not self.scene.incidents() and not self.scene.desk.calls
        self.evidence.expect(
            Stage.BEFORE,
            "a good day: everything published, no incident",
            is_quiet and self._before[1] > 0,
            version=self._before[0],
            rows=self._before[1],
        )

    def note(self, stage: Stage, what: str, **facts: Any) -> None:
        """Puts on record what was done."""
        self.evidence.note(stage, what, **facts)

    def fail(self, *, expected_cause: str, within: timedelta) -> None:
        """Works on with the failure in place; it has to be caught, seen and told once."""
        began = self.scene.clock.now()
        self.scene.work()
        self.evidence.expect(
            Stage.PROTECTED,
            "consumers read what they read before",
            self._standing() == self._before,
            version=self._standing()[0],
            rows=self._standing()[1],
        )
        self.detect(expected_cause, within=within, began_at_seconds=(self.scene.clock.now() - began).total_seconds())

    def detect(self, expected_cause: str, *, within: timedelta, **facts: Any) -> None:
        """Waits for the incident, and for its one call to the desk."""
        scene, began = self.scene, self.scene.clock.now()
        calls = len(scene.desk.calls)
        scene.watch(expected_cause, within)
        new = [incident for incident in scene.incidents() if incident.incident_id not in self._known]
        self._known |= {incident.incident_id for incident in new}
        took = (scene.clock.now() - began).total_seconds()
        self.evidence.expect(
            Stage.DETECTED,
            f"one incident, caused by {expected_cause}",
            len(new) == 1 and expected_cause in new[0].cause,
            seconds=round(took, 1),
            limit_seconds=within.total_seconds(),
            incidents=[f"{one.alert}: {one.cause}" for one in new],
            **facts,
        )
        scene.platform.watch.tick()
        scene.platform.watch.tick()
        told = scene.desk.calls[calls:]
        recipient = new[0].recipient if new else ""
        self.evidence.expect(
            Stage.ROUTED,
            "its owner was called, once",
            len(told) == 1 and bool(recipient),
            calls=len(told),
            recipient=recipient,
        )

    def mend(self, what: str) -> None:
        """Works once more with the cause gone; consumers then read every order that was delivered as agreed."""
        problems = [each.problem for each in self.scene.work() if each.problem]
        after = self._standing()
        self.evidence.expect(
            Stage.MITIGATED,
            what,
            not problems and self._orders() == self.scene.orders,
            version=after[0],
            orders=self._orders(),
            delivered=self.scene.orders,
            problems=problems,
        )
        self._before = after
        self.recover()

    def recover(self, keep_alive: Callable[[], None] = lambda: None) -> None:
        """Lets time pass until every incident is over; nobody may be called again but to hear that it is.

        Args:
            keep_alive: what goes on meanwhile, called at every step.
        """
        calls, began = len(self.scene.desk.calls), self.scene.clock.now()
        self.scene.let_pass(RECOVERY, keep_alive=keep_alive)
        found = self.scene.incidents()
        told = [str(call.body.get("kind")) for call in self.scene.desk.calls[calls:]]
        self.evidence.expect(
            Stage.RECOVERED,
            "the incident closed by itself, and nobody was called again",
            bool(found) and all(one.resolved_at is not None for one in found) and set(told) <= {"resolved"},
            incidents=[f"{one.cause} {one.state}" for one in found],
            minutes=round((self.scene.clock.now() - began).total_seconds() / 60),
            told=told,
        )

    def _orders(self) -> int:
        """Orders that readers of the served dataset count."""
        snapshot = self._snapshot()
        with self.scene.platform.engine.session() as con:
            rows = con.sql(f"SELECT coalesce(sum(orders_count), 0) FROM ({snapshot.scan()})").fetchall()
        return int(rows[0][0])

    def _standing(self) -> tuple[int, int]:
        """Version and rows that readers of the served dataset get."""
        snapshot = self._snapshot()
        return snapshot.version, snapshot.rows

    def _snapshot(self) -> Snapshot:
        name = DatasetName.parse(self.served)
        platform = self.scene.platform
        return platform.heads.for_reading(platform.lake.table(TableRef.of(name, Zone.SERVED)))
