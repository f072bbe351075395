"""A budget burns on for a while after what burnt it is mended: it belongs to that incident, and opens none."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from types import MappingProxyType
from typing import Any

import pytest

from data_platform.incidents.engine import Engine
from data_platform.incidents.model import DatasetInfo, Estate
from data_platform.incidents.rules import all as rules
from data_platform.incidents.rules.facts import Facts, Outside
from data_platform.metastore.engine import Metastore
from data_platform.metastore.incidents import IncidentEntry
from data_platform.metastore.objective_tables import ObjectiveState
from data_platform.metastore.objectives import ObjectiveEntry
from data_platform.metastore.sli_values import SliValueEntry
from data_platform.observability.standings import ConnectorStanding
from data_platform_tests.integration.incidents.test_engine import engine_over

NOON = datetime(2026, 3, 20, 12, tzinfo=UTC)
FAST = MappingProxyType({"5m": 20.0, "30m": 20.0, "1h": 20.0, "6h": 20.0, "3d": 20.0})
RAW, CURATED, CONNECTOR = "raw.shop.a", "curated.shop.b", "raw.shop.a/orders"


class Estates:
    """One metastore that is looked at a minute after a minute."""

    def __init__(self, metastore: Metastore) -> None:
        self.metastore, self.now = metastore, NOON
        self.engine: Engine = engine_over(metastore)

    def turn(self, *, lost: bool = False, old: bool = False, burning: dict[str, Any] | None = None) -> None:
        """A minute later; `burning` are objectives' subjects by id."""
        self.now += timedelta(minutes=1)
        operations = self.metastore.operations
        operations.objectives.record(
            objective(name, subject=subject, now=self.now) for name, subject in (burning or {}).items()
        )
        age = 9_000.0 if old else 1.0
        value = SliValueEntry(
            sli="freshness", subject=CURATED, partition="", measured_at=self.now, value=age, provenance="ledger",
            evidence={"allowed_seconds": 3_600},
        )  # fmt: skip
        operations.sli_values.append([value], sli="freshness", after=operations.sli_values.cursor("freshness"))
        standing = ConnectorStanding(
            dataset=RAW, source="orders", state="dead" if lost else "live", detail="", is_healthy=not lost,
            beat_at=NOON, expected_by=None, backlog=None, last_event_time=None,
        )  # fmt: skip
        facts = Facts(
            metastore=self.metastore,
            estate=self.engine.estate,
            now=self.now,
            outside=Outside(standings=lambda _now: (standing,)),
        )
        self.engine.take(rules.look(facts))

    @property
    def incidents(self) -> list[IncidentEntry]:
        """The first opened first."""
        return list(reversed(self.metastore.operations.incidents.recent()))


@pytest.fixture
def estates(metastore: Metastore) -> Estates:
    return Estates(metastore)


def objective(name: str, *, subject: str, now: datetime, is_critical: bool = True) -> ObjectiveEntry:
    return ObjectiveEntry(
        objective=name, sli=name.partition(".")[0], subject=subject, domain="" if "." not in subject else "shop",
        owner="Shop", is_critical=is_critical, target=0.999, window_seconds=604_800, state=ObjectiveState.SPENT,
        ratio=0.9, budget_left=-1.0, burn=dict(FAST), since=now, evaluated_at=now,
    )  # fmt: skip


def test_the_heartbeat_of_a_lost_connector_burns_on_in_its_incident(estates: Estates) -> None:
    estates.turn(lost=True)
    estates.turn()  # heard of again: mitigated
    assert [one.state for one in estates.incidents] == ["mitigated"]
    for _ in range(8):  # longer than a recovery takes
        estates.turn(burning={"connector_heartbeat.raw.shop.a/orders": CONNECTOR})
    (incident,) = estates.incidents
    assert (incident.cause, incident.alert, incident.state) == (CONNECTOR, "connector_lost", "open")
    joined = [
        one for one in estates.metastore.operations.incident_events.of(incident.incident_id) if one.kind == "joined"
    ]
    assert len(joined) == 1


def test_a_burn_about_one_connector_alone_is_that_connectors(estates: Estates) -> None:
    estates.turn(burning={"connector_heartbeat.raw.shop.a/orders": CONNECTOR})
    (incident,) = estates.incidents
    assert (incident.cause, incident.dataset, incident.alert) == (CONNECTOR, RAW, "slo_fast_burn")


def test_a_budget_below_burns_on_in_the_incident_that_hit_it(estates: Estates) -> None:
    for _ in range(3):
        estates.turn(lost=True, old=True)
    estates.turn()
    for _ in range(8):
        estates.turn(burning={"freshness.curated.shop.b": CURATED, "completeness.raw.shop.a": RAW})
    (incident,) = estates.incidents
    assert (incident.cause, incident.state) == (CONNECTOR, "open")


def test_a_dataset_that_nothing_else_hit_burns_in_an_incident_of_its_own(estates: Estates) -> None:
    estates.turn(lost=True)
    estates.turn(burning={"freshness.raw.shop.d": "raw.shop.d"})
    assert [one.cause for one in estates.incidents] == [CONNECTOR, "raw.shop.d"]


@pytest.mark.parametrize(
    ("is_critical", "told"), [(True, ("page", "slo_fast_burn")), (False, ("ticket", "slo_slow_burn"))]
)
@pytest.mark.parametrize("subject", ["platform", "shop", "served.shop.c"])
def test_an_objective_wakes_somebody_only_where_it_is_critical(
    subject: str, is_critical: bool, told: tuple[str, str], metastore: Metastore
) -> None:
    entry = objective(f"freshness.{subject}", subject=subject, now=NOON, is_critical=is_critical)
    metastore.operations.objectives.record([entry])
    estate = Estate(datasets={"served.shop.c": DatasetInfo(name="served.shop.c", domain="shop")}, upstream={})
    facts = Facts(metastore=metastore, estate=estate, now=NOON, outside=Outside())
    (symptom,) = rules.look(facts).symptoms
    assert (symptom.severity, symptom.alert) == told
