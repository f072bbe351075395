"""F7, silent connector failure: three ways to bring nothing without an error, at once.

A stream whose process lives while its cursor is frozen, a source that no longer takes the credential, and a source that
succeeds with nothing. Each must be found within a minute of when it was expected, each with a diagnosis of its own.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from datetime import timedelta

from data_platform.cli.gamedays.course import RECOVERY, Course
from data_platform.cli.gamedays.evidence import Evidence, Stage
from data_platform.cli.gamedays.scene import Scene, open_scene
from data_platform.cli.gamedays.silent_sources import EXPECT_EVERY, Sources, write_sources
from data_platform.metastore.heartbeats import MaintenanceWindow

TITLE = "three connectors that fail in silence"
_WITHIN = EXPECT_EVERY + timedelta(seconds=60)
_DIAGNOSES = {"clicks": "stuck", "partner": "refused", "stock": "empty"}


def play() -> Evidence:
    """Plays the three failures at once, in real time: about three minutes."""
    with ExitStack() as stack:
        scene = stack.enter_context(open_scene())
        evidence = Evidence(name="F7", title=TITLE, clock=scene.clock)
        sources = stack.enter_context(write_sources(scene))
        _before(scene, sources, evidence)
        frozen = stack.enter_context(_injected(scene, sources, evidence))
        _detected(scene, sources, evidence)
        frozen.close()
        _mended(scene, sources, evidence)
    return evidence


def _before(scene: Scene, sources: Sources, evidence: Evidence) -> None:
    sources.send_click()
    sources.deliver_stock()
    is_taken = sources.poll_until_taken()
    scene.platform.watch.tick()
    found = sources.diagnoses()
    evidence.expect(
        Stage.BEFORE,
        "three sources at work, no incident",
        is_taken and not scene.incidents() and not set(found.values()) & set(_DIAGNOSES.values()),
        **found,
    )


@contextmanager
def _injected(scene: Scene, sources: Sources, evidence: Evidence) -> Iterator[ExitStack]:
    with ExitStack() as frozen:
        lease = "ingest/raw.gameday.clicks/clicks"
        frozen.enter_context(scene.platform.leases.hold(lease))
        sources.send_click()
        evidence.note(Stage.INJECTED, "clicks: another process holds its lease and hangs; the heart beats on")
        sources.bucket.is_open = False
        evidence.note(Stage.INJECTED, "partner: the bucket answers 403 to the credential")
        evidence.note(Stage.INJECTED, "stock: every run succeeds and brings nothing")
        yield frozen


def _detected(scene: Scene, sources: Sources, evidence: Evidence) -> None:
    began, seen = scene.clock.now(), dict[str, float]()
    # the one that beats on was last seen at work when it took its last click, at most a beat ago
    while (waited := scene.clock.now() - began) <= _WITHIN and len(seen) < len(_DIAGNOSES):
        sources.poll()
        scene.platform.watch.tick()
        for name in _DIAGNOSES:
            if any(incident.cause.endswith(f"/{name}") for incident in scene.incidents()):
                seen.setdefault(name, round(waited.total_seconds(), 1))
        sources.wait()
    found = sources.diagnoses()
    for name, state in _DIAGNOSES.items():
        evidence.expect(
            Stage.DETECTED,
            f"{name} is {state}",
            name in seen and found[name] == state,
            seconds=seen.get(name),
            expected_every_seconds=EXPECT_EVERY.total_seconds(),
            limit_seconds=_WITHIN.total_seconds(),
            diagnosis=found[name],
        )
    scene.platform.watch.tick()
    called = [call.body for call in scene.desk.calls]
    evidence.expect(
        Stage.ROUTED,
        "three incidents, three calls, none twice",
        len(scene.incidents()) == len(called) == len(_DIAGNOSES),
        incidents=len(scene.incidents()),
        calls=len(called),
        recipients=sorted({incident.recipient for incident in scene.incidents()}),
    )


def _mended(scene: Scene, sources: Sources, evidence: Evidence) -> None:
    sources.bucket.is_open = True
    sources.reset_breakers()
    sources.deliver_stock()
    is_taken = sources.poll_until_taken()
    found = sources.diagnoses_once(lambda states: not set(states) & set(_DIAGNOSES.values()))
    evidence.expect(
        Stage.MITIGATED,
        "the lease is free, the credential taken, the source sends",
        is_taken and not set(found.values()) & set(_DIAGNOSES.values()),
        **found,
    )
    now = scene.clock.now()
    scene.platform.metastore.maintenance.declare(
        MaintenanceWindow(
            dataset="", source="clicks", starts_at=now, ends_at=now + 2 * RECOVERY, who="gameday", reason="end of play"
        )
    )
    sources.stop()
    course = Course(scene=scene, evidence=evidence, served="")
    course.recover(sources.keep_stock_alive)
