"""The map of all connectors: each with its newest beat and what that means. One unreadable source hides no other."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from data_platform.connectors.kept_logs import Asked, kept_logs
from data_platform.connectors.kinds import Pace, pace_of
from data_platform.connectors.liveness import SILENCE, Diagnosis, Facts, State, diagnose
from data_platform.connectors.options import Expectations, read_options
from data_platform.connectors.protocol import Place
from data_platform.contracts.domain_files import ConnectorEntry
from data_platform.metastore.engine import Metastore
from data_platform.metastore.heartbeats import Heartbeat, MaintenanceWindow


@dataclass(frozen=True, slots=True)
class Standing:
    """How one source instance stands.

    Attributes:
        asked: what its source keeps for it; None where its kind makes a source keep nothing.
    """

    entry: ConnectorEntry
    beat: Heartbeat | None
    diagnosis: Diagnosis
    asked: Asked | None = None


def heartbeat_map(
    entries: Sequence[ConnectorEntry], metastore: Metastore, now: datetime, *, place: Place
) -> list[Standing]:
    """Every source instance, in the order given. Sources that keep log are asked how much, for seconds at most."""
    asked = kept_logs(entries, place)
    return [_standing(entry, metastore, now, asked.get((str(entry.dataset), entry.name))) for entry in entries]


def _standing(entry: ConnectorEntry, metastore: Metastore, now: datetime, asked: Asked | None) -> Standing:
    beat = None
    try:
        dataset = str(entry.dataset)
        options = read_options(Expectations, entry)
        beat = metastore.heartbeats.of(dataset, source=entry.name)
        recent = None
        if options.expect_every is not None:
            since = now - options.expect_every - options.grace
            recent = metastore.batches.rows_since(dataset, source=entry.name, since=since)
        facts = Facts(
            beat=beat,
            recent_rows=recent,
            is_stream=pace_of(entry) is Pace.STREAM,
            windows=[w for w in metastore.maintenance.windows(ending_after=now - SILENCE) if _covers(w, entry)],
            kept=asked.kept if asked else None,
        )
        return Standing(entry, beat, diagnose(facts, options, now), asked)
    except Exception as error:  # noqa: BLE001 - whatever is wrong with one source, the others are still watched
        return Standing(entry, beat, Diagnosis(State.UNREADABLE, f"{type(error).__name__}: {error}"), asked)


def _covers(window: MaintenanceWindow, entry: ConnectorEntry) -> bool:
    return window.dataset in ("", str(entry.dataset)) and window.source in ("", entry.name)
