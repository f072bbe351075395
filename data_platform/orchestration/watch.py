"""The sensor that watches everything: indicators, objectives, incidents, notifications. It starts no run.

`data-platform serve` and `data-platform watch` do the same without Dagster; of several, one has the turn. The queue of
runs is sampled here whoever has the turn; the other two do so while nobody does it here.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

import dagster as dg

from data_platform.metastore.instances import this_instance
from data_platform.orchestration.location import Location
from data_platform.orchestration.queue import sample_queue
from data_platform.orchestration.resources import SoundPlatforms

if TYPE_CHECKING:
    from data_platform.wiring.platform import Platform

WATCH = "watch"
_INTERVAL_SECONDS = 15


def watch(location: Location) -> dg.SensorDefinition:
    """One turn of the watch."""
    platforms = SoundPlatforms(location.settings)

    @dg.sensor(
        name=WATCH,
        minimum_interval_seconds=_INTERVAL_SECONDS,
        default_status=dg.DefaultSensorStatus.RUNNING,  # it starts nothing; asleep it would be silence about silence
        description="Measures, judges objectives, keeps incidents and tells those on call.",
    )
    def look(context: dg.SensorEvaluationContext) -> dg.SkipReason:
        platform: Platform
        with platforms.open() as platform:
            beats = import_module("data_platform.metastore.component_beats")
            beat = beats.ComponentBeat(
                component=beats.DAGSTER,
                instance=this_instance(),
                beat_at=platform.clock.now(),
                expected_every_seconds=float(_INTERVAL_SECONDS),
            )
            platform.metastore.operations.component_beats.beat(beat)
            tick = platform.watch.tick(every_seconds=float(_INTERVAL_SECONDS), is_urgent=False)
            # last: if it fails, this look has watched all the same
            sample_queue(context.instance, platform, every_seconds=_INTERVAL_SECONDS)
        if tick.is_skipped:
            return dg.SkipReason("another watch had its turn a moment ago")
        failed = "".join(f"; did not work: {stage} ({why})" for stage, why in tick.failed.items())
        return dg.SkipReason(f"{tick.symptoms} symptoms{failed}")

    return look
