"""F1, pipeline job failures: a source changes its schema, and a deploy brings a bug.

Both must stop before anything is published, consumers must go on reading the last good version, and each must become
one incident that reaches its owner once. The deploy is taken back; the source delivers its file again as agreed.
"""

from __future__ import annotations

from datetime import timedelta

from data_platform.cli.gamedays.course import Course
from data_platform.cli.gamedays.evidence import Evidence, Stage
from data_platform.cli.gamedays.scene import AGREED, DOMAIN, Scene, open_scene

TITLE = "a schema change upstream, then a deploy with a bug"
_SERVED = f"served.{DOMAIN}.daily_sales"
_CHANGED = AGREED.replace("amount", "total_amount")
_WITHIN = timedelta(seconds=60)


def play() -> Evidence:
    """Plays both failures, one after the other."""
    with open_scene() as scene:
        evidence = Evidence(name="F1", title=TITLE, clock=scene.clock)
        course = Course(scene=scene, evidence=evidence, served=_SERVED)
        course.begin()
        _schema_change(course, scene)
        _bad_deploy(course, scene)
    return evidence


def _schema_change(course: Course, scene: Scene) -> None:
    changed = scene.deliver_orders("_noon", count=2, columns=_CHANGED)
    course.note(Stage.INJECTED, "the source renamed a column of its file", file=changed.name)
    course.fail(expected_cause=f"raw.{DOMAIN}.orders", within=_WITHIN)
    changed.unlink()
    scene.deliver_orders("_noon", count=2)
    course.mend("the source delivered the file again, as agreed")


def _bad_deploy(course: Course, scene: Scene) -> None:
    query = scene.folder / "domains" / DOMAIN / "served" / "daily_sales.sql"
    good = query.read_text()
    query.write_text(good.replace("count(*)", "count(*) - count(*)"))
    scene.reopen()
    course.note(Stage.INJECTED, "a deploy changed the query so that it counts nothing", file=query.name)
    course.fail(expected_cause=_SERVED, within=_WITHIN)
    query.write_text(good)
    scene.reopen()
    course.mend("the deploy was taken back")
