"""The map of all connectors: each with its newest beat and what that means. One unreadable source hides no other."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property

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
    asked, heard = kept_logs(entries, place), _Heard(metastore, now)
    return [_standing(entry, heard, asked.get((str(entry.dataset), entry.name))) for entry in entries]


@dataclass(frozen=True)
class _Heard:
    """What the metastore knows of all sources, read once for all of them when it is first needed."""

    metastore: Metastore
    now: datetime

    @cached_property
    def beats(self) -> Mapping[tuple[str, str], Heartbeat]:
        """The newest beats by dataset and source."""
        return {(beat.dataset, beat.source): beat for beat in self.metastore.heartbeats.all()}

    @cached_property
    def windows(self) -> Sequence[MaintenanceWindow]:
        """Those that are not long over."""
        return self.metastore.maintenance.windows(ending_after=self.now - SILENCE)


def _standing(entry: ConnectorEntry, heard: _Heard, asked: Asked | None) -> Standing:
    beat, now = None, heard.now
    try:
        dataset = str(entry.dataset)
        options = read_options(Expectations, entry)
        beat = heard.beats.get((dataset, entry.name))
        recent = None
        if options.expect_every is not None:
            since = now - options.expect_every - options.grace
            recent = heard.metastore.batches.rows_since(dataset, source=entry.name, since=since)
        facts = Facts(
            beat=beat,
            recent_rows=recent,
            is_stream=pace_of(entry) is Pace.STREAM,
            windows=[window for window in heard.windows if _covers(window, entry)],
            kept=asked.kept if asked else None,
        )
        return Standing(entry, beat, diagnose(facts, options, now), asked)
    except Exception as error:  # noqa: BLE001 - whatever is wrong with one source, the others are still watched
        return Standing(entry, beat, Diagnosis(State.UNREADABLE, f"{type(error).__name__}: {error}"), asked)


def _covers(window: MaintenanceWindow, entry: ConnectorEntry) -> bool:
    return window.dataset in ("", str(entry.dataset)) and window.source in ("", entry.name)
