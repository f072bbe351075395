"""The sensor that sends lineage events from the outbox to where the settings say. What it calls is in `lineage`."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import dagster as dg

from data_platform.orchestration.location import Location
from data_platform.orchestration.resources import open_platform

if TYPE_CHECKING:
    from data_platform.lineage.turns import Round
    from data_platform.wiring.platform import Platform

LINEAGE = "lineage"
_INTERVAL_SECONDS = 10
_WITHIN_SECONDS = 8.0  # a tick is over before the next one is due, whatever backends do


def lineage(location: Location) -> dg.SensorDefinition:
    """Sends what waits; it starts no run."""

    @dg.sensor(
        name=LINEAGE,
        minimum_interval_seconds=_INTERVAL_SECONDS,
        default_status=dg.DefaultSensorStatus.RUNNING,  # it starts nothing; asleep, the catalog would grow old unseen
        description="Sends lineage events that wait in the outbox to every sink of DATA_PLATFORM_LINEAGE.",
    )
    def send() -> dg.SkipReason:
        platform: Platform
        with open_platform(location) as platform:
            platform.registration.tell()
            rounds = platform.delivery.once(within_seconds=_WITHIN_SECONDS)
        return dg.SkipReason(told(rounds))

    return send


def told(rounds: Sequence[Round]) -> str:
    """What a sending did, in one line."""
    return "; ".join(map(_told, rounds)) or "every sink has every event"


def _told(one: Round) -> str:
    if one.is_passed_over:
        return f"{one.sink}: not now"
    refused = f", {one.refused} refused" if one.refused else ""
    return f"{one.sink}: {one.delivered} sent{refused}" + (f"; {one.error}" if one.error else "")
