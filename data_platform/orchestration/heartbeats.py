"""The sensor that watches the connectors, and the check on a raw asset that says what it saw.

What a beat, or its absence, means is judged in `connectors.liveness`.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from importlib import import_module
from typing import TYPE_CHECKING, Any

import dagster as dg

from data_platform.contracts.domains import Dataset
from data_platform.contracts.model import Layer
from data_platform.orchestration.checks import HEARTBEAT
from data_platform.orchestration.location import Location, asset_key
from data_platform.orchestration.resources import open_platform
from data_platform.orchestration.verdicts import Finding
from data_platform.quality.verdicts import Verdict

if TYPE_CHECKING:
    from data_platform.connectors.heartbeat_map import Standing
    from data_platform.wiring.platform import Platform

HEARTBEATS = "heartbeats"
_INTERVAL_SECONDS = 10  # with the 60 s of silence that a beat is allowed: told within 75 s of the last beat


def heartbeats(location: Location) -> dg.SensorDefinition:
    """Reports the check `heartbeat` of every raw dataset whose sources' states changed."""

    @dg.sensor(
        name=HEARTBEATS,
        minimum_interval_seconds=_INTERVAL_SECONDS,
        default_status=dg.DefaultSensorStatus.RUNNING,  # it starts nothing; asleep it would be silence about silence
        description="Watches every connector: dead, stuck, empty, refused, failed or hoarding becomes a failed check.",
    )
    def watch(context: dg.SensorEvaluationContext) -> dg.SensorResult:
        told: dict[str, Any] = json.loads(context.cursor or "{}")
        with open_platform(location) as platform:
            found = [(dataset, standings_of(dataset, platform)) for dataset in location.of_layer(Layer.RAW)]
        now = {str(dataset.name): _named(standings) for dataset, standings in found}
        changed = [
            (dataset, standings) for dataset, standings in found if told.get(str(dataset.name)) != _named(standings)
        ]
        return dg.SensorResult(
            asset_events=[evaluation(dataset, standings) for dataset, standings in changed], cursor=json.dumps(now)
        )

    return watch


def standings_of(dataset: Dataset, platform: Platform) -> Sequence[Standing]:
    """How the sources of a raw dataset stand now."""
    heartbeat_map = import_module("data_platform.connectors.heartbeat_map").heartbeat_map
    entries = platform.project.connectors_of(dataset.name)
    found: Sequence[Standing] = heartbeat_map(
        entries, platform.metastore, platform.clock.now(), place=platform.ingester.place
    )
    return found


def finding(standings: Sequence[Standing]) -> Finding:
    """The verdict over all sources of a dataset; one that has never run is no evidence."""
    unhealthy = [standing for standing in standings if not standing.diagnosis.is_healthy]
    heard = [standing for standing in standings if standing.beat is not None]
    verdict = Verdict.FAILED if unhealthy else Verdict.PASSED if heard else Verdict.NOT_APPLICABLE
    return Finding(
        verdict=verdict,
        rows_examined=len(standings),
        failing_rows=len(unhealthy),
        engine="heartbeat",
        detail="; ".join(
            f"{s.entry.name} is {s.diagnosis.state}: {s.diagnosis.detail}" for s in unhealthy or standings
        ),
    )


def evaluation(dataset: Dataset, standings: Sequence[Standing]) -> dg.AssetCheckEvaluation:
    """The check as an event outside any run."""
    found = finding(standings)
    return dg.AssetCheckEvaluation(
        asset_key=asset_key(dataset.name),
        check_name=HEARTBEAT,
        passed=found.verdict is not Verdict.FAILED,
        severity=dg.AssetCheckSeverity.WARN,
        description=found.detail,
        metadata={
            "verdict": found.verdict.value,
            "sources": dg.MetadataValue.json([_shown(standing) for standing in standings]),
        },
    )


def _shown(standing: Standing) -> dict[str, object]:
    beat = standing.beat
    return {
        "source": standing.entry.name,
        "state": standing.diagnosis.state.value,
        "detail": standing.diagnosis.detail,
        "beat_at": beat.beat_at.isoformat() if beat else None,
        "progressed_at": beat.progressed_at.isoformat() if beat else None,
        "backlog": beat.backlog if beat else None,
        "source_keeps": str(standing.asked or ""),
    }


def _named(standings: Sequence[Standing]) -> dict[str, str]:
    return {standing.entry.name: standing.diagnosis.state.value for standing in standings}
