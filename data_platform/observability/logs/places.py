"""Where log files are and what they are called, and how long they stay. Writing and reading them is in others."""

from __future__ import annotations

import os
import re
import shutil
import sys
from datetime import date
from pathlib import Path

FOLDER = "logs"
SUFFIX = ".jsonl"
_FOREIGN = re.compile(r"[^0-9A-Za-z_.-]")
_MOST_BYTES = 2 << 30  # of all files together


def file_name(run_id: str) -> str:
    """The name of a run's file, without its ending; without a run that of this process."""
    return _FOREIGN.sub("_", run_id)[:100] or f"{_FOREIGN.sub('_', Path(sys.argv[0]).name) or 'python'}-{os.getpid()}"


def prune_logs(home: Path, *, before: date, most_bytes: int = _MOST_BYTES) -> int:
    """Deletes the folders of days before `before`, and the oldest beyond `most_bytes`; how many there were."""
    days = sorted(path for path in (home / FOLDER).glob("????-??-??") if path.is_dir())
    sizes = {day: sum(file.stat().st_size for file in day.iterdir()) for day in days}
    total, gone = sum(sizes.values()), 0
    for day in days:
        if day.name >= before.isoformat() and total <= most_bytes:
            break
        shutil.rmtree(day, ignore_errors=True)
        total, gone = total - sizes[day], gone + 1
    return gone
