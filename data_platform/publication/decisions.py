"""What a person decided about held rows. Decisions are appended; rows never move: the next run reads them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from enum import StrEnum

import pyarrow as pa
from tenacity import retry, retry_if_exception_type, stop_after_attempt, wait_random_exponential

from data_platform.clock import Clock
from data_platform.contracts.model import DatasetName
from data_platform.errors import CommitConflict
from data_platform.lakehouse.duck import Engine
from data_platform.lakehouse.staging import discard, stage
from data_platform.lakehouse.table_ref import TableRef, Zone
from data_platform.lakehouse.tables import Lake
from data_platform.publication.heads import Heads
from data_platform.publication.publish import new_file_name
from data_platform.publication.recording import Recorder
from data_platform.publication.shape import DECISIONS_TABLE, ensure_shape


class Decision(StrEnum):
    """What can be decided about a held row."""

    RELEASE = "release"  # a quarantined row is good after all
    ADMIT_LATE = "admit_late"  # a late row may amend its closed partition


@dataclass(frozen=True, slots=True, kw_only=True)
class HeldPlace:
    """Which held row: its place in raw and its event date."""

    batch_id: str
    record_no: int
    event_date: date


@dataclass(frozen=True, slots=True, kw_only=True)
class Decisions:
    """Appends decisions."""

    lake: Lake
    engine: Engine
    heads: Heads
    recorder: Recorder
    clock: Clock

    @retry(
        retry=retry_if_exception_type(CommitConflict),
        wait=wait_random_exponential(multiplier=0.05, max=2),
        stop=stop_after_attempt(8),
        reraise=True,
    )
    def decide(self, name: DatasetName, decision: Decision, rows: Sequence[HeldPlace], *, who: str, note: str) -> int:
        """Appends one decision about each row and returns the version of the decisions table."""
        table = self.lake.table(TableRef.of(name, Zone.DECISIONS))
        base = ensure_shape(table, DECISIONS_TABLE, self.heads.for_writing(table), recorder=self.recorder)
        count = len(rows)
        decided = pa.table(
            {
                "batch_id": [row.batch_id for row in rows],
                "record_no": [row.record_no for row in rows],
                "event_date": [row.event_date for row in rows],
                "decision": [decision.value] * count,
                "decided_by": [who] * count,
                "decided_at": [self.clock.now()] * count,
                "note": [note] * count,
            },
            schema=DECISIONS_TABLE,
        )
        with self.engine.session() as con:
            con.register("decided", decided)
            staged = stage(con, "SELECT * FROM decided", table=table, schema=base.schema, name=new_file_name)
        try:
            commit = table.commit(base, adds=staged)
        except CommitConflict:  # after any other error the file may be the head's
            discard(table, staged)
            raise
        self.recorder.acknowledge(commit)
        return commit.version
