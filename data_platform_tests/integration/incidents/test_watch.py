from __future__ import annotations

import threading
from contextlib import nullcontext
from datetime import UTC, datetime, timedelta

import pytest

from data_platform.clock import ManualClock
from data_platform.incidents.breakers import Breakers
from data_platform.incidents.delivery import Deliverer
from data_platform.incidents.engine import Engine
from data_platform.incidents.explaining import Explainer
from data_platform.incidents.model import Estate
from data_platform.incidents.routing import Routes
from data_platform.incidents.rules import all as rules
from data_platform.incidents.rules.facts import Facts, Outside
from data_platform.incidents.watch import Stage, Watch, Watchman, pinging
from data_platform.metastore.component_beats import ComponentBeat
from data_platform.metastore.engine import Metastore
from data_platform.metastore.security_events import SecurityEvent
from data_platform_tests.integration.incidents.webhooks import Received

NOON = datetime(2026, 3, 20, 12, tzinfo=UTC)


def watch_of(
    metastore: Metastore, clock: ManualClock, hook: Received, *, stages: dict[str, Stage] | None = None
) -> Watch:
    routes = Routes.model_validate({"platform": {"channels": ["h"]}, "channels": {"h": {"webhook": hook.address}}})
    estate = Estate(datasets={}, upstream={})
    explainer = Explainer(metastore=metastore, estate=estate, routes=routes)
    return Watch(
        metastore=metastore,
        clock=clock,
        engine=Engine(metastore=metastore, estate=estate, routes=routes, explainer=explainer),
        deliverer=Deliverer(metastore=metastore, routes=routes, breakers=Breakers(metastore=metastore, clock=clock)),
        outside=Outside(),
        routes=routes,
        lease=nullcontext,
        stages=stages or {},
        ping=pinging(hook.address),
    )


def breach(metastore: Metastore) -> None:
    metastore.operations.security_events.append(SecurityEvent(at=NOON, kind="leaked_credential", subject="token:x"))


def broken(_now: datetime) -> object:
    raise ZeroDivisionError("indicators")


def test_a_stage_that_fails_hides_nothing_and_is_told_itself(metastore: Metastore, hook: Received) -> None:
    clock = ManualClock(NOON)
    breach(metastore)
    watch = watch_of(metastore, clock, hook, stages={"indicators": broken})
    assert watch.tick().failed == {"indicators": "ZeroDivisionError"}
    clock.advance(timedelta(seconds=45))
    watch.tick()
    told = [(body["alert"], body["cause"]) for body in hook.bodies]
    assert told == [("security_breach", "token:x"), ("watch_silent", "watch/indicators")]


def test_a_family_of_rules_that_fails_neither_silences_nor_clears_anything(
    metastore: Metastore, hook: Received, monkeypatch: pytest.MonkeyPatch
) -> None:
    clock = ManualClock(NOON)
    breach(metastore)
    watch = watch_of(metastore, clock, hook)
    watch.tick()

    def fails(_facts: Facts) -> object:
        raise ZeroDivisionError

    _, alerts = rules.FAMILIES["security"]
    monkeypatch.setitem(rules.FAMILIES, "security", (fails, alerts))  # type: ignore[arg-type]
    clock.advance(timedelta(minutes=1))
    assert watch.tick().failed == {"rules/security": "ZeroDivisionError"}
    assert [one.state for one in metastore.operations.incidents.recent()] == ["open"]


def test_the_dead_mans_switch_is_called_only_after_a_good_turn(metastore: Metastore, hook: Received) -> None:
    clock = ManualClock(NOON)
    watch_of(metastore, clock, hook).tick()
    assert hook.calls == 1
    watch_of(metastore, clock, hook, stages={"objectives": broken}).tick()
    assert hook.calls == 1


def test_a_turn_that_another_process_just_had_is_left_out(metastore: Metastore, hook: Received) -> None:
    beat = ComponentBeat(component="watch", instance="other:1", beat_at=NOON, expected_every_seconds=15)
    metastore.operations.component_beats.beat(beat)
    clock = ManualClock(NOON + timedelta(seconds=3))
    assert watch_of(metastore, clock, hook).tick(is_urgent=False).is_skipped
    clock.advance(timedelta(seconds=10))
    assert not watch_of(metastore, clock, hook).tick(is_urgent=False).is_skipped


def test_two_watches_at_once_tell_nothing_twice(metastore: Metastore, hook: Received) -> None:
    breach(metastore)
    clock = ManualClock(NOON)
    watches = [watch_of(metastore, clock, hook) for _ in range(4)]
    threads = [threading.Thread(target=watch.tick) for watch in watches for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [body["kind"] for body in hook.bodies] == ["opened"]
    assert len(metastore.operations.incidents.recent()) == 1


def test_a_watchman_goes_round_until_the_block_ends(metastore: Metastore, hook: Received) -> None:
    breach(metastore)
    turned = threading.Event()
    watch = watch_of(metastore, ManualClock(NOON), hook, stages={"told": lambda _now: turned.set()})
    with Watchman(watch, every_seconds=0.05):
        assert turned.wait(20)
    assert [body["alert"] for body in hook.bodies] == ["security_breach"]
    beat = metastore.operations.component_beats.of("watch")
    assert beat is not None
    assert beat.detail == ""


def test_a_beat_of_a_clock_that_ran_ahead_neither_holds_a_turn_back_nor_hides_silence(
    metastore: Metastore, hook: Received
) -> None:
    beats = metastore.operations.component_beats
    ahead = NOON + timedelta(hours=5)
    beats.beat(ComponentBeat(component="watch", instance="other:1", beat_at=ahead, expected_every_seconds=15))
    before = beats.of("watch")
    assert before is not None
    assert before.is_silent(NOON)
    assert not watch_of(metastore, ManualClock(NOON), hook).tick(is_urgent=False).is_skipped
    after = beats.of("watch")
    assert after is not None
    assert (after.beat_at, after.is_silent(NOON)) == (NOON, False)


@pytest.mark.parametrize("both", [True, False])
def test_a_queue_that_nobody_looks_into_is_told_unless_all_of_dagster_is_silent(
    both: bool, metastore: Metastore, hook: Received
) -> None:
    clock, beats = ManualClock(NOON), metastore.operations.component_beats
    beats.beat(ComponentBeat(component="queue", instance="h:1", beat_at=NOON, expected_every_seconds=15))
    beats.beat(
        ComponentBeat(component="dagster", instance="h:1", beat_at=NOON, expected_every_seconds=15 if both else 900)
    )
    clock.advance(timedelta(minutes=5))
    watch_of(metastore, clock, hook).tick()
    incidents = [(one.alert, one.cause) for one in metastore.operations.incidents.recent()]
    assert incidents == [("watch_silent", "dagster" if both else "queue")]
