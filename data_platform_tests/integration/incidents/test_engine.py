"""Properties of the engine over a metastore: whatever the order, the repetition or the moment of a crash."""

from __future__ import annotations

import shutil
from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from data_platform.clock import ManualClock
from data_platform.incidents.causes import Causes
from data_platform.incidents.engine import Engine
from data_platform.incidents.explaining import Explainer
from data_platform.incidents.messages import message_of
from data_platform.incidents.model import Alert, DatasetInfo, Estate, Symptom
from data_platform.incidents.people import People
from data_platform.incidents.report import report
from data_platform.incidents.routing import Routes
from data_platform.incidents.rules.all import Found
from data_platform.metastore.engine import Metastore, open_metastore
from data_platform.metastore.incident_tables import IncidentSeverity, IncidentState
from data_platform.metastore.runs import RunEntry
from data_platform.metastore.symptoms import Symptoms
from data_platform.metastore.tables import RunState

NOON = datetime(2026, 3, 20, 12, tzinfo=UTC)
MANY = 500
NAMES = ["raw.shop.a", "curated.shop.b", "served.shop.c", "raw.shop.d", "served.shop.e"]
UPSTREAM: dict[str, tuple[str, ...]] = {
    "curated.shop.b": ("raw.shop.a",),
    "served.shop.c": ("curated.shop.b",),
    "served.shop.e": ("curated.shop.b", "raw.shop.d"),
}
ROUTES = Routes.model_validate(
    {"teams": {"#shop": {"channels": ["h"]}}, "channels": {"h": {"webhook": "http://127.0.0.1:9"}}}
)


def engine_over(
    metastore: Metastore,
    names: list[str] | None = None,
    up: dict[str, tuple[str, ...]] | None = None,
    *,
    routes: Routes = ROUTES,
) -> Engine:
    every = names or NAMES
    infos = {name: DatasetInfo(name=name, domain="shop", team="Shop", on_call="#shop", tier="gold") for name in every}
    estate = Estate(datasets=infos, upstream=up or UPSTREAM, on_call={"shop": "#shop"}, teams={"shop": "Shop"})
    explainer = Explainer(metastore=metastore, estate=estate, routes=routes)
    return Engine(metastore=metastore, estate=estate, routes=routes, explainer=explainer)


def failed(name: str, *, at: datetime = NOON, alert: Alert = Alert.RUN_FAILED, page: bool = False) -> Symptom:
    return Symptom(
        alert=alert,
        subject=name,
        severity=IncidentSeverity.PAGE if page else IncidentSeverity.TICKET,
        dataset=name,
        began_at=at,
        ready_at=at,
        marks={f"run:{name}:{at.isoformat()}": 0} if alert is Alert.RUN_FAILED else {},
        evidence={"error": "KeyError: x"},
    )


def found(*symptoms: Symptom, at: datetime = NOON) -> Found:
    return Found(symptoms=symptoms, unknown=frozenset(), failed={}, at=at)


def state_of(metastore: Metastore) -> tuple[object, ...]:
    store = metastore.operations
    incidents = store.incidents.recent()
    ids = [one.incident_id for one in incidents]
    return (
        [(one.cause, one.alert, one.severity, one.state, one.reopened) for one in incidents],
        sorted((s.incident_id, s.alert, s.subject, s.cleared_at) for s in store.symptoms.of(ids)),
        sorted((n.incident_id, n.kind, n.channel, n.severity) for n in store.notifications.of(ids)),
    )


def test_a_dataset_without_a_contract_any_more_is_not_mended_by_that(metastore: Metastore) -> None:
    engine_over(metastore).take(found(failed("served.shop.c"), failed("raw.shop.d")))
    smaller = engine_over(metastore, ["raw.shop.a", "curated.shop.b", "raw.shop.d"])
    smaller.take(found(at=NOON + timedelta(hours=1)))
    smaller.take(found(at=NOON + timedelta(hours=2)))
    states = {one.cause: one.state for one in metastore.operations.incidents.recent()}
    assert states == {"served.shop.c": IncidentState.OPEN, "raw.shop.d": IncidentState.RESOLVED}


def test_five_hundred_failing_descendants_are_one_page(metastore: Metastore) -> None:
    names = ["raw.shop.a", *(f"served.shop.r{n}" for n in range(MANY))]
    up = dict.fromkeys(names[1:], ("raw.shop.a",))
    engine = engine_over(metastore, names, up)
    lost = failed("raw.shop.a", alert=Alert.DATA_LOSS, page=True)
    engine.take(found(lost, *(failed(name) for name in names[1:])))
    (incident,) = metastore.operations.incidents.recent()
    notes = metastore.operations.notifications.of([incident.incident_id])
    assert [(note.kind, note.severity) for note in notes] == [("opened", "page")]
    assert len(metastore.operations.symptoms.of([incident.incident_id])) == MANY + 1
    assert incident.detail["blast_radius"]["count"] == MANY
    assert incident.detail["blast_radius"]["owners"] == ["Shop"]


@pytest.fixture(scope="module")
def template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("template") / "m.db"
    metastore = open_metastore(f"sqlite:///{path}")
    metastore.migrate()
    metastore.close()
    return path


@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    turns=st.lists(st.sets(st.sampled_from(NAMES)), min_size=1, max_size=6),
    repeats=st.lists(st.integers(1, 3), min_size=6, max_size=6),
    order=st.randoms(use_true_random=False),
)
def test_repeated_turns_and_any_order_of_symptoms_lead_to_the_same(
    turns: list[set[str]], repeats: list[int], order: object, template: Path, tmp_path_factory: pytest.TempPathFactory
) -> None:
    outcomes = []
    for is_repeated in (False, True):
        folder = tmp_path_factory.mktemp("m")
        shutil.copy(template, folder / "m.db")
        metastore = open_metastore(f"sqlite:///{folder}/m.db")
        engine = engine_over(metastore)
        for number, names in enumerate(turns):
            now = NOON + timedelta(minutes=2 * number)
            symptoms = [failed(name) for name in sorted(names)]
            for _ in range(repeats[number] if is_repeated else 1):
                order.shuffle(symptoms)  # type: ignore[attr-defined]
                engine.take(found(*symptoms, at=now))
        outcomes.append(state_of(metastore))
        ids = [one.incident_id for one in metastore.operations.incidents.recent()]
        keys = Counter(
            (n.incident_id, n.kind, n.channel, n.severity) for n in metastore.operations.notifications.of(ids)
        )
        assert all(count == 1 for count in keys.values())
        metastore.close()
    assert outcomes[0] == outcomes[1]


class Crash(BaseException):
    """The process is gone."""


@pytest.mark.parametrize("at_write", range(4))
def test_a_crash_between_any_two_writes_leaves_what_a_repeat_completes(
    at_write: int, metastore: Metastore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = open_metastore(f"sqlite:///{tmp_path}/whole.db")
    whole.migrate()
    symptoms = [failed("raw.shop.a"), failed("curated.shop.b"), failed("raw.shop.d")]
    engine_over(whole).take(found(*symptoms))
    store = metastore.operations
    writers = [
        (store.incidents, "put"),
        (store.symptoms, "put"),
        (store.incident_events, "append"),
        (store.notifications, "queue"),
    ]
    target, name = writers[at_write]

    def crash(*_: object, **__: object) -> None:
        raise Crash

    with monkeypatch.context() as patch:
        patch.setattr(target, name, crash)
        with pytest.raises(Crash):
            engine_over(metastore).take(found(*symptoms))
    assert state_of(metastore) == ([], [], [])
    engine_over(metastore).take(found(*symptoms))
    assert state_of(metastore) == state_of(whole)
    whole.close()


def test_a_person_who_resolved_something_that_happened_once_is_not_asked_again(metastore: Metastore) -> None:
    engine = engine_over(metastore)
    engine.take(found(failed("raw.shop.a")))
    (incident,) = metastore.operations.incidents.recent()
    people = People(metastore=metastore, clock=ManualClock(NOON + timedelta(minutes=3)))
    people.resolve(incident.incident_id, who="ann", reason="known")
    engine.take(found(failed("raw.shop.a"), at=NOON + timedelta(minutes=4)))
    assert [one.state for one in metastore.operations.incidents.recent()] == [IncidentState.RESOLVED]
    again = failed("raw.shop.a", at=NOON + timedelta(minutes=5))
    engine.take(found(again, at=NOON + timedelta(minutes=6)))
    (back,) = metastore.operations.incidents.recent()
    assert (back.state, back.reopened) == (IncidentState.OPEN, 1)


def test_a_condition_that_lasts_comes_back_after_a_person_resolved_it(metastore: Metastore) -> None:
    engine = engine_over(metastore)
    stale = failed("raw.shop.a", alert=Alert.FRESHNESS_BREACH)
    engine.take(found(stale))
    (incident,) = metastore.operations.incidents.recent()
    clock = ManualClock(NOON + timedelta(minutes=3))
    People(metastore=metastore, clock=clock).resolve(incident.incident_id, who="ann", reason="hm")
    engine.take(found(stale, at=NOON + timedelta(minutes=4)))
    (back,) = metastore.operations.incidents.recent()
    assert back.state is IncidentState.OPEN


def test_what_comes_back_after_it_was_escalated_is_escalated_again(metastore: Metastore) -> None:
    engine, store = engine_over(metastore), metastore.operations.notifications
    lost = failed("raw.shop.a", alert=Alert.DATA_LOSS, page=True)
    for minute in (*range(17), 40):  # nobody takes it; then it ends, and comes back
        engine.take(found(lost, at=NOON + timedelta(minutes=minute)))
        if minute == 16:
            for calm in (17, 23):
                engine.take(found(at=NOON + timedelta(minutes=calm)))
    (incident,) = metastore.operations.incidents.recent()
    (before,) = [one for one in store.of([incident.incident_id]) if one.kind == "escalated"]
    store.delivered(before, at=NOON)
    engine.take(found(lost, at=NOON + timedelta(minutes=56)))
    (again,) = [one for one in store.of([incident.incident_id]) if one.kind == "escalated"]
    assert (again.created_at, again.delivered_at) == (NOON + timedelta(minutes=56), None)
    assert message_of(metastore, again, str).key != message_of(metastore, replace(again, kind="opened"), str).key
    assert message_of(metastore, again, str).key.endswith("/1")


def test_what_could_not_be_judged_stays_as_it_was(metastore: Metastore) -> None:
    engine = engine_over(metastore)
    engine.take(found(failed("raw.shop.a")))
    blind = replace(found(at=NOON + timedelta(minutes=1)), unknown=frozenset({Alert.RUN_FAILED}))
    engine.take(blind)
    (incident,) = metastore.operations.incidents.recent()
    assert incident.state is IncidentState.OPEN


def test_times_are_kept_and_their_means_computed(metastore: Metastore) -> None:
    engine = engine_over(metastore)
    engine.take(found(failed("raw.shop.a", at=NOON - timedelta(seconds=40))))
    (incident,) = metastore.operations.incidents.recent()
    clock = ManualClock(NOON + timedelta(seconds=120))
    People(metastore=metastore, clock=clock).acknowledge(incident.incident_id, who="ann")
    engine.take(found(at=NOON + timedelta(seconds=600)))
    engine.take(found(at=NOON + timedelta(seconds=900)))
    told = report(metastore, since=NOON - timedelta(days=1), until=NOON + timedelta(days=1))
    assert (told.mttd_seconds, told.mtta_seconds, told.mttm_seconds, told.mttr_seconds) == (40, 120, 600, 900)
    assert (told.incidents, told.actionable, told.noise_ratio, told.never_acted_on) == (1, 1.0, 0.0, ())
    engine.take(found(failed("raw.shop.d", at=NOON + timedelta(hours=2)), at=NOON + timedelta(hours=2)))
    told = report(metastore, since=NOON - timedelta(days=1), until=NOON + timedelta(days=1))
    assert told.actionable == 0.5


def test_the_last_changes_of_code_and_contract_before_it_began_are_named(metastore: Metastore) -> None:
    for minute, code, contract in ((50, "a1", "1.0.0"), (40, "a1", "1.1.0"), (30, "b2", "1.1.0"), (-5, "c3", "2.0.0")):
        at = NOON - timedelta(minutes=minute)
        run = RunEntry(
            run_id=f"r{minute}", dataset="raw.shop.a", started_at=at, ended_at=at, state=RunState.SUCCEEDED,
            code_version=code, contract_version=contract,
        )  # fmt: skip
        metastore.runs.record([run])
    engine_over(metastore).take(found(failed("raw.shop.a")))
    (incident,) = metastore.operations.incidents.recent()
    named = [(change["what"], change["from"], change["to"]) for change in incident.detail["changes"]]
    assert named == [("contract", "1.0.0", "1.1.0"), ("code", "a1", "b2")]


def test_datasets_that_read_each_other_in_a_circle_do_not_hang_the_walk() -> None:
    up = {"a.b.c": ("a.b.d",), "a.b.d": ("a.b.c",)}
    estate = Estate(datasets={}, upstream=up)
    symptom = failed("a.b.c")
    assert Causes(estate, [symptom]).of(symptom)[0].key == "a.b.c"


@pytest.fixture(params=["sqlite", "postgresql"])
def either(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Metastore]:
    url = f"sqlite:///{tmp_path}/e.db"
    if request.param == "postgresql":
        url = str(request.getfixturevalue("new_postgres_database")())
    opened = open_metastore(url)
    opened.migrate()
    yield opened
    opened.close()


def test_the_whole_life_of_an_incident_is_the_same_on_both_databases(either: Metastore) -> None:
    engine = engine_over(either)
    engine.take(found(failed("raw.shop.a"), failed("served.shop.c")))
    engine.take(found(failed("raw.shop.a", alert=Alert.DATA_LOSS, page=True), at=NOON + timedelta(minutes=1)))
    engine.take(found(at=NOON + timedelta(minutes=2)))
    engine.take(found(at=NOON + timedelta(minutes=8)))
    (incident,) = either.operations.incidents.recent()
    assert incident.state is IncidentState.RESOLVED
    notes = either.operations.notifications.of([incident.incident_id])
    assert [f"{note.kind}@{note.severity}" for note in notes] == ["opened@ticket", "raised@page", "resolved@page"]
    kinds = [line.kind for line in either.operations.incident_events.of(incident.incident_id)]
    assert kinds == ["opened", "joined", "raised", "mitigated", "resolved"]
    assert either.operations.failing_facts.newest_runs(["raw.shop.a"], most=3) == ()
    assert either.operations.failing_facts.open_ledgers() == ()
    assert either.operations.failing_facts.blocked_partitions() == ()
    assert either.operations.failing_facts.rejected_files(since=NOON) == ()
    assert either.operations.failing_facts.missed_slots(since=NOON) == ()
    assert either.operations.failing_facts.failing_sinks(since=NOON) == ()
    assert isinstance(either.operations.symptoms, Symptoms)
    assert either.operations.symptoms.last_seen().keys() == {"run_failed", "data_loss"}
    assert either.prune(NOON + timedelta(days=400))["incidents"] == 1
    assert either.operations.symptoms.of([incident.incident_id]) == ()
