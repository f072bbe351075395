"""The file of web events that arrives after the first run: some inside the allowed lateness, some far outside it.

It is written beside the folder that the connector watches, and dropped into it when its time has come: lateness is
judged against the watermark that the same source had reached before.
"""

from __future__ import annotations

import shutil
from datetime import UTC, date, datetime, time, timedelta
from pathlib import Path
from random import Random

from data_platform.samples.planted import Defect, Drop, Fate, FileRecord
from data_platform.samples.rows import event_text
from data_platform.samples.traffic import visit
from data_platform.samples.writing import write_lines

_ON_TIME = 10
_NEXT_DAY = 6
_DATASET = "raw.commerce.web_events"


def write_late_drop(out: Path, *, first_day: date, after: date, late: int, rng: Random) -> tuple[FileRecord, Defect]:
    """Writes `web_events_late/` for the day `after` the last one.

    The watermark of the first poll is 23:59:30 of the last day. `late` events lie at least twelve hours before it on
    days already published; ten lie less than an hour before it; six belong to the day `after`.
    """
    file = f"web_events_late/web_events_{after}.ndjson"
    midnight = datetime.combine(after, time(), UTC)
    days = (after - first_day).days
    behind = [timedelta(hours=12 + 24 * rng.randrange(days) - rng.randrange(11), seconds=n) for n in range(late)]
    moments = [midnight - max(gap, timedelta(hours=12)) for gap in behind]
    moments += [midnight - timedelta(minutes=2 + 5 * n) for n in range(_ON_TIME)]
    moments += [midnight + timedelta(minutes=3 + 4 * n) for n in range(_NEXT_DAY)]
    events = [visit(moment.date(), f"S{after:%Y%m%d}-late-{n:05d}", moment, rng) for n, moment in enumerate(moments)]
    write_lines(out / file, map(event_text, events))
    fates: dict[str, int] = {Fate.CURATED: _ON_TIME + _NEXT_DAY, Fate.LATE: late}
    record = FileRecord(dataset=_DATASET, file=file, drop=Drop.LATE, source_rows=len(events), fates=fates)
    return record, Defect(dataset=_DATASET, file=file, kind="long_after", reason="", fate=Fate.LATE, rows=late)


def deliver_late_drop(source: Path) -> tuple[Path, ...]:
    """Copies the files of `web_events_late/` into `web_events/`, where the next poll finds them; returns the copies."""
    late = sorted((source / "web_events_late").glob("*.ndjson"))
    return tuple(Path(shutil.copy(path, source / "web_events" / path.name)) for path in late)
