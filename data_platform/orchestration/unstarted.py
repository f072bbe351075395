"""Runs that Dagster could not start: a file was faulty, or no process could be made. No step of theirs could note that
their datasets were not made.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import dagster as dg

from data_platform.contracts.model import Layer
from data_platform.errors import RetryableError
from data_platform.orchestration.location import Location, asset_key
from data_platform.publication.candidate import Run

if TYPE_CHECKING:
    from data_platform.wiring.platform import Platform


class NotStarted(RetryableError):
    """A run ended before its first step."""


def note_unstarted(
    location: Location, platform: Platform, run: Run, *, instance: dg.DagsterInstance, of: dg.DagsterRun
) -> int:
    """Notes the failure for each computed dataset of a failed run that never started; how many that are."""
    record = instance.get_run_record_by_id(of.run_id)
    if record is None or record.start_time is not None:
        return 0
    chosen = of.asset_selection or frozenset()
    names = [name for name in location.graph.order if name.layer is not Layer.RAW and asset_key(name) in chosen]
    error = NotStarted("the run could not be started; its page in Dagster says why, then run it again")
    for name in names:
        if platform.metastore.runs.get(run.id, dataset=str(name)) is None:
            platform.recorder.failed(str(name), run, error, is_blocked=False)
    return len(names)
