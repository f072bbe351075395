"""Runs a command as a whole process and reads off what it took: wall and CPU seconds, peak memory."""

from __future__ import annotations

import os
import subprocess
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import median

from data_platform.errors import FatalError


@dataclass(frozen=True, slots=True, kw_only=True)
class Measurement:
    """One run of one command. `peak_bytes` is the largest resident size of the process."""

    wall_seconds: float
    cpu_seconds: float
    peak_bytes: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Comparison:
    """A command against its alternative, run in turn."""

    name: str
    ours: tuple[Measurement, ...]
    theirs: tuple[Measurement, ...]

    @property
    def ratio(self) -> float:
        """Median over the pairs of our wall time divided by theirs."""
        pairs = zip(self.ours, self.theirs, strict=True)
        return median(mine.wall_seconds / other.wall_seconds for mine, other in pairs)


def measure(command: Sequence[str], *, environment: Mapping[str, str], log: Path) -> Measurement:
    """Runs a command to its end; what it prints goes to `log`.

    Raises:
        FatalError: the command failed; a figure of a failed run means nothing.
    """
    log.parent.mkdir(parents=True, exist_ok=True)
    began = time.monotonic()
    with log.open("wb") as output:
        process = subprocess.Popen(command, env={**os.environ, **environment}, stdout=output, stderr=subprocess.STDOUT)
        _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    wall = time.monotonic() - began
    if process.returncode != 0:
        tail = log.read_text(errors="replace")[-2000:]
        raise FatalError(f"{' '.join(command)} ended with {process.returncode}:\n{tail}")
    return Measurement(
        wall_seconds=wall, cpu_seconds=usage.ru_utime + usage.ru_stime, peak_bytes=usage.ru_maxrss * 1024
    )
