"""M12, connector heartbeat: the seconds in which a source instance was healthy.

Silence inside a declared maintenance window counts for nothing, neither good nor bad: a rolling restart is declared,
not hidden behind a longer timeout.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime

from data_platform.metastore.sli_values import SliValueEntry
from data_platform.observability.slis.moment import Moment
from data_platform.observability.slis.timed import Judgement, Observed, timed
from data_platform.observability.standings import ConnectorStanding

NAME = "connector_heartbeat"
_EXEMPT = ("maintenance", "never run")


def measure(moment: Moment) -> Iterable[SliValueEntry]:
    """A value for every source instance: seconds since its newest beat."""
    observed = {(one.dataset, one.source): _observed(one, moment.now) for one in moment.standings}
    return timed(moment, NAME, observed)


def _observed(standing: ConnectorStanding, now: datetime) -> Observed:
    if standing.state in _EXEMPT:
        judgement = Judgement.EXEMPT
    elif standing.state == "unreadable":
        judgement = Judgement.UNKNOWN
    else:
        judgement = Judgement.GOOD if standing.is_healthy else Judgement.BAD
    age = None if standing.beat_at is None else max(0.0, (now - standing.beat_at).total_seconds())
    return Observed(
        judgement=judgement,
        value=age,
        provenance="heartbeat",
        evidence={"standing": standing.state, "detail": standing.detail, "backlog": standing.backlog},
    )
