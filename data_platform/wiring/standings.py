"""How the source instances stand, told in observability's words: it may not ask the connectors itself."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime

from data_platform.connectors.heartbeat_map import Standing
from data_platform.observability.standings import ConnectorStanding


class ConnectorStandings:
    """The standings at the moment that was asked for last: asking a source is dear, and several ask for one moment."""

    def __init__(self, standings_at: Callable[[datetime], Sequence[Standing]]) -> None:
        self._standings_at = standings_at
        self._known: dict[datetime, tuple[ConnectorStanding, ...]] = {}

    def __call__(self, now: datetime) -> tuple[ConnectorStanding, ...]:
        """How every source instance stands."""
        known = self._known
        if now not in known:
            known = self._known = {now: tuple(map(_told, self._standings_at(now)))}
        return known[now]


def _told(found: Standing) -> ConnectorStanding:
    beat = found.beat
    return ConnectorStanding(
        dataset=str(found.entry.dataset),
        source=found.entry.name,
        state=found.diagnosis.state.value,
        detail=found.diagnosis.detail,
        is_healthy=found.diagnosis.is_healthy,
        beat_at=beat.beat_at if beat else None,
        expected_by=beat.next_expected_at if beat else None,
        backlog=beat.backlog if beat else None,
        last_event_time=beat.last_event_time if beat else None,
    )
