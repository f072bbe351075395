"""What happened once is over when something shows that it was mended, or when a person says so; never because it is old."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta

import pytest

from data_platform.clock import ManualClock
from data_platform.errors import ConfigurationError
from data_platform.incidents.engine import Engine
from data_platform.incidents.explaining import Explainer
from data_platform.incidents.messages import message_of
from data_platform.incidents.model import DatasetInfo, Estate
from data_platform.incidents.people import People
from data_platform.incidents.routing import Routes
from data_platform.incidents.rules.all import look
from data_platform.incidents.rules.facts import Facts, Outside
from data_platform.metastore.batches import BatchEntry, FileEntry
from data_platform.metastore.component_beats import ComponentBeat
from data_platform.metastore.engine import Metastore
from data_platform.metastore.incidents import IncidentEntry
from data_platform.metastore.objective_tables import SlotOutcome
from data_platform.metastore.partitions import PartitionEntry
from data_platform.metastore.run_slots import RunSlotEntry
from data_platform.metastore.runs import RunEntry
from data_platform.metastore.security_events import SecurityEvent
from data_platform.metastore.sli_values import SliValueEntry
from data_platform.metastore.tables import FileOutcome, PartitionState, RunState
from data_platform.observability.standings import ConnectorStanding

NOON = datetime(2026, 3, 20, 12, tzinfo=UTC)
RAW, DAILY = "raw.shop.orders", "curated.shop.days"
MINUTE, HOUR, DAY = timedelta(minutes=1), timedelta(hours=1), timedelta(days=1)
ROUTES = Routes.model_validate(
    {"teams": {"#shop": {"channels": ["h"]}}, "channels": {"h": {"webhook": "http://127.0.0.1:9"}}}
)


@dataclass
class Shop:
    """A metastore, and turns of the watch over it at any moment."""

    metastore: Metastore
    standings: list[ConnectorStanding] = field(default_factory=list)

    def __post_init__(self) -> None:
        raw = DatasetInfo(name=RAW, domain="shop", team="Shop", on_call="#shop")
        daily = replace(raw, name=DAILY, days_due=lambda due_at: (f"{due_at - DAY:%Y-%m-%d}",))
        infos = {RAW: raw, DAILY: daily}
        self.estate = Estate(datasets=infos, upstream={DAILY: (RAW,)}, on_call={"shop": "#shop"})
        explainer = Explainer(metastore=self.metastore, estate=self.estate, routes=ROUTES)
        self.engine = Engine(metastore=self.metastore, estate=self.estate, routes=ROUTES, explainer=explainer)

    def turn(self, *moments: datetime) -> list[str]:
        """The states of all incidents after turns at these moments, the oldest incident first; each one beats."""
        outside = Outside(standings=lambda _now: self.standings)
        for now in moments:
            facts = Facts(metastore=self.metastore, estate=self.estate, now=now, outside=outside)
            found = look(facts)
            assert not found.failed
            self.engine.take(found)
            beat = ComponentBeat(component="watch", instance="h:1", beat_at=now, expected_every_seconds=15)
            self.metastore.operations.component_beats.beat(beat)
        return [one.state.value for one in self.incidents()]

    def incidents(self) -> list[IncidentEntry]:
        return sorted(self.metastore.operations.incidents.recent(), key=lambda one: one.detected_at)

    def resolve(self, at: datetime) -> None:
        people = People(metastore=self.metastore, clock=ManualClock(at))
        going_on = [one for one in self.incidents() if not one.is_over]
        people.resolve(going_on[-1].incident_id, who="kim", reason="seen to")

    def breach(self, at: datetime) -> None:
        self.metastore.operations.security_events.append(SecurityEvent(at=at, kind="leaked_credential", subject="t:x"))

    def counted(self, at: datetime, *, here: int, of: int, day: str = "2026-03-19", by: str = "source") -> None:
        said = {"expected": of, "observed": here, "missing": of - here}
        value = SliValueEntry(
            sli="completeness", subject=RAW, partition=f"db/{day}", measured_at=at, value=here / of, provenance=by,
            evidence=said,
        )  # fmt: skip
        values = self.metastore.operations.sli_values
        assert values.append([value], sli="completeness", after=values.cursor("completeness"))

    def ran(self, at: datetime, error: str = "", *, days: tuple[str, str] | None = None) -> None:
        run = RunEntry(
            run_id=f"r{at:%d%H%M}", dataset=DAILY, started_at=at - MINUTE, ended_at=at, error=error,
            state=RunState.FAILED if error else RunState.SUCCEEDED,
            range_from=days[0] if days else None, range_to=days[1] if days else None,
        )  # fmt: skip
        self.metastore.runs.record([run])

    def file(self, at: datetime, number: int, *, name: str = "a.csv", is_read: bool = False, source: str = "s") -> None:
        batch = BatchEntry(
            dataset=RAW, source=source, number=number, batch_id=f"{source}/{number}", manifest_sha256="0",
            received_at=at, contract_version="1", source_rows=1, raw_rows=int(is_read), rejected_rows=int(not is_read),
            raw_version=number, rejected_version=number, recorded_at=at,
        )  # fmt: skip
        line = FileEntry(
            dataset=RAW, batch_id=f"{source}/{number}", position=0, name=name, sha256=str(number), source_rows=1,
            outcome=FileOutcome.READ if is_read else FileOutcome.REJECTED, reason="" if is_read else "WRONG_HEADER",
        )  # fmt: skip
        self.metastore.batches.record(batch, files=[line])

    def missed(self, due_at: datetime, dataset: str = DAILY) -> None:
        slot = RunSlotEntry(
            dataset=dataset, due_at=due_at, judged_at=due_at + MINUTE, outcome=SlotOutcome.MISSED, run_id=None,
            partitions_due=1, partitions_met=0, detail="no run by the deadline",
        )  # fmt: skip
        self.metastore.operations.run_slots.record([slot])

    def published(self, day: str, at: datetime) -> None:
        line = PartitionEntry(
            dataset=DAILY, partition=day, raw_dataset=RAW, raw_version=1, table_version=1, run_id=f"p{at:%d%H}",
            state=PartitionState.PUBLISHED, raw_rows=1, curated=1, recorded_at=at,
        )  # fmt: skip
        self.metastore.partitions.record([line])


@pytest.fixture
def shop(metastore: Metastore) -> Shop:
    return Shop(metastore)


def test_a_breach_is_open_until_a_person_resolves_it_however_old_it_is(shop: Shop) -> None:
    shop.breach(NOON)
    assert shop.turn(NOON, NOON + 8 * DAY, NOON + 100 * DAY) == ["open"]
    shop.metastore.prune(NOON + 90 * DAY)
    assert shop.turn(NOON + 101 * DAY) == ["open"]
    shop.resolve(NOON + 102 * DAY)
    assert shop.turn(NOON + 102 * DAY + MINUTE, NOON + 103 * DAY) == ["resolved"]


def test_a_person_who_resolved_a_breach_is_asked_again_only_about_a_new_one(shop: Shop) -> None:
    shop.breach(NOON)
    shop.turn(NOON)
    shop.resolve(NOON + MINUTE)
    assert shop.turn(NOON + 2 * MINUTE, NOON + HOUR, NOON + 13 * DAY) == ["resolved"]
    shop.breach(NOON - HOUR)  # told late, with the time at which it happened
    assert shop.turn(NOON + 13 * DAY + MINUTE) == ["resolved", "open"]


def test_rows_that_a_source_has_and_we_have_not_page_until_they_are_counted_again_and_here(shop: Shop) -> None:
    shop.counted(NOON, here=900, of=1000)
    assert shop.turn(NOON, NOON + 8 * DAY, NOON + 60 * DAY) == ["open"]
    shop.counted(NOON + 61 * DAY, here=950, of=1000)
    assert shop.turn(NOON + 61 * DAY, NOON + 61 * DAY + HOUR) == ["open"]
    shop.counted(NOON + 62 * DAY, here=1000, of=1000)
    assert shop.turn(NOON + 62 * DAY, NOON + 62 * DAY + HOUR) == ["resolved"]


def test_one_day_that_is_complete_again_does_not_mend_another(shop: Shop) -> None:
    shop.counted(NOON, here=900, of=1000)
    shop.turn(NOON)
    shop.counted(NOON + HOUR, here=1, of=10, day="2026-03-18")
    shop.turn(NOON + HOUR)
    shop.counted(NOON + 2 * HOUR, here=1000, of=1000)
    assert shop.turn(NOON + 2 * HOUR, NOON + 20 * DAY) == ["open"]


def test_what_a_person_settled_comes_back_when_the_source_has_more_and_not_when_less_is_missing(shop: Shop) -> None:
    shop.counted(NOON, here=900, of=1000)
    shop.turn(NOON)
    shop.resolve(NOON + MINUTE)
    shop.counted(NOON + HOUR, here=910, of=1000)
    assert shop.turn(NOON + HOUR) == ["resolved"]
    shop.counted(NOON + 2 * HOUR, here=910, of=1100)
    assert shop.turn(NOON + 2 * HOUR) == ["resolved", "open"]


def test_an_end_by_hand_needs_a_reason(shop: Shop) -> None:
    shop.breach(NOON)
    shop.turn(NOON)
    people = People(metastore=shop.metastore, clock=ManualClock(NOON))
    with pytest.raises(ConfigurationError, match="why"):
        people.resolve(shop.incidents()[0].incident_id, who="kim", reason=" ")


@pytest.mark.parametrize(
    ("after", "state"),
    [
        (("SourceUnavailable: no answer", None), "open"),  # another failure
        (("", ("2026-03-20", "2026-03-20")), "open"),  # other days
        (("", ("2026-03-18", "2026-03-20")), "resolved"),
        (("", None), "resolved"),  # the whole table
    ],
)
def test_a_run_that_lost_rows_is_made_good_by_one_over_the_same_days(
    after: tuple[str, tuple[str, str] | None], state: str, shop: Shop
) -> None:
    shop.ran(NOON, "ConservationBroken: 3 rows", days=("2026-03-18", "2026-03-19"))
    assert shop.turn(NOON) == ["open"]
    shop.ran(NOON + HOUR, after[0], days=after[1])
    assert shop.turn(NOON + HOUR, NOON + 2 * HOUR)[0] == state
    (incident,) = shop.incidents()
    assert (incident.alert, incident.severity) == ("data_loss", "page")


def test_a_run_that_loses_rows_at_every_retry_is_one_proof_and_its_success_mends_it_however_long_it_took(
    shop: Shop,
) -> None:
    days = ("2026-03-18", "2026-03-19")
    for number in range(40):  # more than the newest runs that a turn looks at
        shop.ran(NOON + number * MINUTE, "DamagedTable: a file is gone", days=days)
        assert shop.turn(NOON + number * MINUTE) == ["open"]
    (incident,) = shop.incidents()
    symptoms = shop.metastore.operations.symptoms.of([incident.incident_id])
    assert [len(one.marks) for one in symptoms if one.alert == "data_loss"] == [1]
    shop.ran(NOON + 40 * MINUTE)
    assert shop.turn(NOON + 40 * MINUTE, NOON + 2 * HOUR) == ["resolved"]


def test_planned_silence_of_a_connector_mends_no_gap_at_its_source(shop: Shop) -> None:
    def standing(state: str, *, detail: str = "", is_healthy: bool = False) -> ConnectorStanding:
        return ConnectorStanding(
            dataset=RAW, source="db", state=state, detail=detail, is_healthy=is_healthy, beat_at=NOON
        )

    shop.standings = [standing("failed", detail="SourceGap: log before 0/5A00 is gone")]
    shop.turn(NOON)
    shop.standings = [standing("maintenance", is_healthy=True)]
    assert shop.turn(NOON + HOUR, NOON + 2 * HOUR) == ["open"]
    shop.standings = [standing("live", is_healthy=True)]
    assert shop.turn(NOON + 3 * HOUR, NOON + 4 * HOUR) == ["resolved"]


def test_a_gap_that_a_connector_tells_with_every_beat_is_one_proof_and_comes_back_after_it_was_resolved(
    shop: Shop,
) -> None:
    def beats(*moments: datetime) -> list[str]:
        for at in moments:
            shop.standings = [
                ConnectorStanding(
                    dataset=RAW, source="db", state="failed", detail="SourceGap: gone", is_healthy=False, beat_at=at
                )
            ]
            shop.turn(at)
        return [one.state.value for one in shop.incidents()]

    assert beats(*(NOON + n * MINUTE for n in range(30))) == ["open"]
    (incident,) = shop.incidents()
    symptoms = shop.metastore.operations.symptoms.of([incident.incident_id])
    assert [len(one.marks) for one in symptoms if one.alert == "data_loss"] == [1]
    shop.resolve(NOON + 29 * MINUTE)
    assert beats(NOON + 29 * MINUTE) == ["resolved"]
    assert beats(NOON + 30 * MINUTE)[-1] == "open"


def test_a_file_is_mended_by_a_later_one_of_its_name_from_its_source_that_can_be_read(shop: Shop) -> None:
    shop.file(NOON, 1)
    assert shop.turn(NOON, NOON + MINUTE, NOON + 2 * DAY) == ["open"]
    shop.file(NOON + 2 * DAY, 2, name="b.csv", is_read=True)
    shop.file(NOON + 2 * DAY, 7, is_read=True, source="other")
    assert shop.turn(NOON + 3 * DAY, NOON + 4 * DAY) == ["open"]
    shop.file(NOON + 4 * DAY, 3, is_read=True)
    assert shop.turn(NOON + 4 * DAY + HOUR, NOON + 4 * DAY + 2 * HOUR) == ["resolved"]


def test_a_ticket_that_nobody_mended_is_closed_by_age_and_says_so_to_who_was_told(shop: Shop) -> None:
    shop.file(NOON, 1)
    shop.turn(NOON, NOON + MINUTE, NOON + 13 * DAY)
    assert shop.turn(NOON + 15 * DAY, NOON + 15 * DAY + HOUR) == ["resolved"]
    (incident,) = shop.incidents()
    history = shop.metastore.operations.incident_events.of(incident.incident_id)
    assert [(one.kind, one.detail) for one in history][-3:] == [
        ("aged", f"files_rejected of {RAW}: closed by age, not mended"),
        ("mitigated", ""),
        ("resolved", "closed by age, not mended"),
    ]
    last = shop.metastore.operations.notifications.of([incident.incident_id])[-1]
    message = message_of(shop.metastore, last, str)
    assert (last.kind, message.body["ended"]) == ("resolved", "closed by age, not mended")
    assert "closed by age, not mended" in message.text
    shop.file(NOON + 16 * DAY, 2)
    assert shop.turn(NOON + 16 * DAY, NOON + 16 * DAY + MINUTE) == ["resolved", "open"]


def test_a_day_that_was_missed_is_made_good_by_that_day_and_not_by_the_next(shop: Shop) -> None:
    shop.missed(NOON)  # the nineteenth
    assert shop.turn(NOON + 2 * MINUTE) == ["open"]
    shop.ran(NOON + DAY, days=("2026-03-20", "2026-03-20"))
    shop.published("2026-03-20", NOON + DAY)
    assert shop.turn(NOON + DAY, NOON + 2 * DAY) == ["open"]
    shop.published("2026-03-19", NOON + 2 * DAY)
    assert shop.turn(NOON + 2 * DAY + HOUR, NOON + 3 * DAY) == ["resolved"]


def test_a_source_that_was_not_heard_of_is_made_good_when_its_connector_looked_and_found_nothing(shop: Shop) -> None:
    shop.missed(NOON, RAW)
    assert shop.turn(NOON + 2 * MINUTE) == ["open"]
    shop.standings = [
        ConnectorStanding(
            dataset=RAW, source="s", state="resting", detail="", is_healthy=True, beat_at=NOON + 3 * MINUTE
        )
    ]
    assert shop.turn(NOON + 4 * MINUTE, NOON + HOUR) == ["resolved"]


def test_what_was_lost_while_nobody_watched_is_found_by_the_next_watch(shop: Shop) -> None:
    shop.turn(NOON)
    shop.breach(NOON + DAY)
    shop.counted(NOON + DAY, here=900, of=1000)
    assert shop.turn(NOON + 40 * DAY) == ["open", "open"]


def test_what_was_lost_before_anybody_watched_is_found_by_the_first_watch(shop: Shop) -> None:
    shop.breach(NOON)
    shop.file(NOON, 1)  # a ticket about this would be closed by age
    assert shop.turn(NOON + 40 * DAY, NOON + 40 * DAY + HOUR) == ["open"]


def test_evidence_of_one_dataset_that_is_held_brings_back_nothing_old_of_another(shop: Shop) -> None:
    shop.counted(NOON, here=900, of=1000)
    shop.ran(NOON, "ConservationBroken: 3 rows", days=("2026-03-18", "2026-03-19"))
    assert shop.turn(NOON) == ["open"]  # the table below follows from what it reads
    shop.resolve(NOON + MINUTE)
    shop.breach(NOON + DAY)
    every_ten_days = [NOON + days * DAY for days in (1, 10, 20, 30, 40)]
    assert shop.turn(*every_ten_days) == ["resolved", "open"]
