"""Measures every indicator from facts in the metastore. Incremental: what was counted is not counted again."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime

from data_platform.contracts.domains import PLATFORM_DOMAIN, Project
from data_platform.metastore.engine import Metastore
from data_platform.metastore.run_slots import RunSlotEntry
from data_platform.metastore.sli_values import SliValueEntry
from data_platform.observability.slis import pipeline_success
from data_platform.observability.slis.moment import (
    CADENCE,
    CONTRACTS,
    FIRST_LOOK,
    OVERLAP,
    UNSEEN,
    WATCHED,
    Moment,
)
from data_platform.observability.slis.registry import MEASURED
from data_platform.observability.standings import ConnectorStanding


@dataclass(frozen=True, slots=True, kw_only=True)
class Slis:
    """Measures.

    Attributes:
        upstream: asks for the datasets that each dataset reads.
        standings: asks how every connector stands at a moment.
    """

    metastore: Metastore
    project: Project
    upstream: Callable[[], Mapping[str, tuple[str, ...]]]
    standings: Callable[[datetime], Iterable[ConnectorStanding]]

    def measure(self, now: datetime) -> tuple[SliValueEntry, ...]:
        """Measures everything as of `now` and keeps it in one transaction; gives what was kept.

        Nothing is measured twice at one moment, nor when the clock went back, nor where somebody else was faster.
        """
        operations = self.metastore.operations
        before = operations.sli_values.cursor(WATCHED)
        if before is not None and now <= before:
            return ()
        standings = tuple(self.standings(now))
        with operations.sli_facts.reading() as tx:
            values = operations.sli_values
            contracts = next(iter(values.of(CONTRACTS, subject=PLATFORM_DOMAIN, limit=1, tx=tx)), None)
            moment = Moment(
                now=now,
                before=before,
                tx=tx,
                metastore=self.metastore,
                project=self.project,
                upstream=self.upstream(),
                standings=standings,
                watch=() if before is None else values.since(WATCHED, since=before - CADENCE - 2 * UNSEEN, tx=tx),
                ended=operations.sli_facts.ended(after=(before or now - FIRST_LOOK) - OVERLAP, upto=now, tx=tx),
                seen_contracts=contracts.evidence if contracts else {},
            )
            slots = pipeline_success.judge(moment)
            measured = [_watched(moment), *pipeline_success.values(moment, slots)]
            for measure in MEASURED:
                measured += measure(moment)
        return self._keep(measured, slots, before)

    def _keep(
        self, measured: list[SliValueEntry], slots: tuple[RunSlotEntry, ...], before: datetime | None
    ) -> tuple[SliValueEntry, ...]:
        operations = self.metastore.operations
        with self.metastore.transaction() as tx:
            if not operations.sli_values.append(measured, sli=WATCHED, after=before, tx=tx):
                return ()
            operations.run_slots.record(slots, tx=tx)
        return tuple(measured)


def _watched(moment: Moment) -> SliValueEntry:
    seconds = 0.0 if moment.before is None else (moment.now - moment.before).total_seconds()
    return SliValueEntry(
        sli=WATCHED,
        subject=PLATFORM_DOMAIN,
        measured_at=moment.now,
        value=seconds,
        good=seconds if moment.is_seamless else 0.0,
        unknown=0.0 if moment.is_seamless else seconds,
        provenance="watch",
    )
