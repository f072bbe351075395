"""Plays every fault episode: facts into a real metastore, turns of the watch by a clock of its own, notifications to a
real webhook. The expectations were written by hand, before the engine.
"""

from __future__ import annotations

import shutil
from collections import Counter
from collections.abc import Iterator
from contextlib import nullcontext
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path

import pytest

from data_platform.clock import ManualClock
from data_platform.incidents.breakers import Breakers
from data_platform.incidents.delivery import Deliverer
from data_platform.incidents.engine import Engine
from data_platform.incidents.explaining import Explainer
from data_platform.incidents.model import DatasetInfo, Estate
from data_platform.incidents.people import People
from data_platform.incidents.routing import Routes
from data_platform.incidents.rules.facts import Outside
from data_platform.incidents.watch import Watch
from data_platform.metastore.engine import Metastore, open_metastore
from data_platform.metastore.incidents import IncidentEntry
from data_platform_tests.integration.incidents.episodes import Episode, Expected, load
from data_platform_tests.integration.incidents.webhooks import Received, webhook_server
from data_platform_tests.integration.incidents.world import World

ESTATE, EPISODES = load()
_FINE = timedelta(seconds=15)
_COARSE = timedelta(minutes=1)


@pytest.fixture(scope="module")
def webhook() -> Iterator[Received]:
    with webhook_server() as received:
        yield received


@pytest.fixture(scope="module")
def empty(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("metastore") / "metastore.db"
    opened = open_metastore(f"sqlite:///{path}")
    opened.migrate()
    opened.close()
    return path


@dataclass
class Outcome:
    """What came of an episode, beside what should have."""

    episode: Episode
    incidents: list[IncidentEntry]
    missed: list[str] = field(default_factory=list)
    repeated: list[str] = field(default_factory=list)
    wrong: list[str] = field(default_factory=list)


def play(episode: Episode, metastore: Metastore, webhook: Received) -> Outcome:
    webhook.bodies.clear()
    clock = ManualClock(ESTATE.starts_at)
    world = World(ESTATE, episode, metastore)
    watch = watch_over(world, metastore, clock, webhook.address)
    back = timedelta()
    steps = list(episode.timeline)
    for minute in _minutes(episode):
        now = ESTATE.starts_at + timedelta(minutes=minute)
        while steps and steps[0].at <= minute:
            step = steps.pop(0)
            at = ESTATE.starts_at + timedelta(minutes=step.at)
            if step.at * 60 % 15 or step.kind in ("heartbeat", "cursor_frozen"):
                world.go_to(at)  # what goes on until then has been written by then
            if step.kind == "clock":
                back += timedelta(seconds=step.facts["back_seconds"])
            if step.kind in ("ack", "resolve"):
                found = [one for one in metastore.operations.incidents.recent() if one.cause == step.facts["cause"]]
                clock.moment = at
                people, who = People(metastore=metastore, clock=clock), step.facts["who"]
                if step.kind == "ack":
                    people.acknowledge(found[0].incident_id, who=who)
                else:
                    people.resolve(found[0].incident_id, who=who, reason="seen to")
            world.happen(step, at)
        world.go_to(now - back)
        clock.moment = now - back
        if world.is_watched:
            tick = watch.tick()
            assert not tick.failed, tick.failed
    return _compare(episode, metastore, webhook)


def watch_over(world: World, metastore: Metastore, clock: ManualClock, address: str) -> Watch:
    datasets = {
        name: DatasetInfo(
            name=name,
            domain=dataset.domain,
            team=ESTATE.teams[dataset.domain],
            on_call=ESTATE.on_call[dataset.domain] or "",
            tier=dataset.tier,
        )
        for name, dataset in world.datasets.items()
    }
    estate = Estate(
        datasets=datasets,
        upstream={name: dataset.inputs for name, dataset in world.datasets.items()},
        on_call={domain: on_call or "" for domain, on_call in ESTATE.on_call.items()},
        teams=ESTATE.teams,
    )
    people = [on_call for on_call in ESTATE.on_call.values() if on_call]
    routes = Routes.model_validate(
        {
            "platform": {"name": ESTATE.platform, "channels": ["platform"]},
            "teams": {each: {"channels": [each]} for each in people},
            "channels": {each: {"webhook": address} for each in ["platform", *people]},
        }
    )
    explainer = Explainer(metastore=metastore, estate=estate, routes=routes)
    return Watch(
        metastore=metastore,
        clock=clock,
        engine=Engine(metastore=metastore, estate=estate, routes=routes, explainer=explainer),
        deliverer=Deliverer(metastore=metastore, routes=routes, breakers=Breakers(metastore=metastore, clock=clock)),
        outside=Outside(standings=lambda _now: world.standings(), free_disk=lambda: world.free_disk),
        routes=routes,
        lease=nullcontext,
    )


def _minutes(episode: Episode) -> Iterator[float]:
    """Every 15 s for two minutes after something happened, otherwise every minute; every half hour in the quiet."""
    quiet = [(s.at, s.at + s.facts["minutes"]) for s in episode.timeline if s.kind == "quiet"]
    begun = [step.at for step in episode.timeline if step.kind not in ("quiet", "schedules_stop")]
    now = timedelta()
    while now <= timedelta(minutes=episode.end):
        minute = now.total_seconds() / 60
        yield minute
        is_quiet = any(low <= minute < high for low, high in quiet)
        is_fine = any(at - 0.25 <= minute < at + 1.75 for at in begun)
        step = timedelta(minutes=30) if is_quiet and not is_fine else _FINE if is_fine else _COARSE
        ends = [timedelta(minutes=high) for low, high in quiet if low <= minute < high]
        now = min([now + step, *ends])


def _compare(episode: Episode, metastore: Metastore, webhook: Received) -> Outcome:
    found = sorted(metastore.operations.incidents.recent(), key=lambda one: one.detected_at)
    outcome = Outcome(episode, found)
    left = list(found)
    for expected in episode.expect:
        of_cause = [one for one in left if one.cause == expected.cause]
        match = next((one for one in of_cause if one.alert == expected.alert), next(iter(of_cause), None))
        if match is None:
            outcome.missed.append(f"{expected.severity} of {expected.cause}")
            continue
        left.remove(match)
        outcome.wrong += _differences(expected, match, metastore)
    outcome.repeated += [f"{one.severity} {one.alert} of {one.cause}" for one in left]
    sent = Counter((body["incident_id"], body["kind"], body["severity"], body["recipient"]) for body in webhook.bodies)
    outcome.repeated += [f"{key} was sent {count} times" for key, count in sent.items() if count > 1]
    queued = {
        (n.incident_id, n.kind, n.severity, n.recipient)
        for n in metastore.operations.notifications.of([i.incident_id for i in found])
    }
    outcome.missed += [f"{key} did not arrive" for key in queued - set(sent)]
    return outcome


def _differences(expected: Expected, found: IncidentEntry, metastore: Metastore) -> list[str]:
    store = metastore.operations
    notes = store.notifications.of([found.incident_id])
    opened = (found.detected_at - ESTATE.starts_at).total_seconds() / 60
    platform = [note.recipient for note in notes if note.kind == "escalated"]
    told = [note.recipient for note in notes if note.kind in ("opened", "raised")]
    ended = [note.recipient for note in notes if note.kind == "resolved"]
    to_be_told = set(told) | {note.recipient for note in notes if note.kind == "escalated"} if ended else set()
    if found.reopened:  # who was told of nothing since an end is not told of another one
        to_be_told &= set(ended)
    said = tuple(dict.fromkeys(f"{note.kind}@{note.severity}" for note in notes))
    pairs = {
        "alert": (expected.alert, found.alert),
        "severity": (expected.severity, found.severity.value),
        "state": (expected.state, found.state.value),
        "recipient": ({expected.recipient}, set(told)),
        "escalated to": ({ESTATE.platform} if platform else set(), set(platform)),
        "resolved told to": (to_be_told, set(ended)),
        "notifications": (expected.notifications, said),
        "reopened": (expected.reopened, found.reopened),
    }
    wrong = [f"{name}: {want} expected, {got} found" for name, (want, got) in pairs.items() if want != got]
    if not expected.opened_from <= opened <= expected.opened_by:
        wrong.append(f"opened at {opened}, expected from {expected.opened_from} to {expected.opened_by}")
    count = len(store.symptoms.of([found.incident_id]))
    if count < expected.symptoms_at_least:
        wrong.append(f"{count} symptoms, at least {expected.symptoms_at_least} expected")
    return wrong


@pytest.mark.parametrize("episode", EPISODES, ids=lambda episode: episode.id)
def test_an_episode_ends_as_the_table_says(episode: Episode, webhook: Received, empty: Path, tmp_path: Path) -> None:
    copy = tmp_path / "metastore.db"
    shutil.copy(empty, copy)
    metastore = open_metastore(f"sqlite:///{copy}")
    try:
        outcome = play(episode, metastore, webhook)
    finally:
        metastore.close()
    _OUTCOMES.append(outcome)
    assert (outcome.missed, outcome.repeated, outcome.wrong) == ([], [], []), episode.title


_OUTCOMES: list[Outcome] = []


def test_over_all_episodes_nothing_is_missed_and_nothing_repeated(capsys: pytest.CaptureFixture[str]) -> None:
    if len(_OUTCOMES) < len(EPISODES):
        pytest.skip("not every episode ran in this process")
    opened = sum(len(outcome.incidents) for outcome in _OUTCOMES)
    wanted = sum(len(outcome.episode.expect) for outcome in _OUTCOMES)
    missed = sum(len(outcome.missed) for outcome in _OUTCOMES)
    repeated = sum(len(outcome.repeated) for outcome in _OUTCOMES)
    noise = sum(len(outcome.incidents) - len(outcome.episode.expect) for outcome in _OUTCOMES) / max(opened, 1)
    with capsys.disabled():
        print(
            f"\n{len(_OUTCOMES)} episodes: {opened} incidents of {wanted} expected, {missed} missed, "
            f"{repeated} repeated, noise ratio {noise:.3f}"
        )
    assert (missed, repeated, noise) == (0, 0, 0)
