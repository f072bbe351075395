"""What this process has used so far, as the operating system tells. Who used it is decided in `metering`."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache

import psutil


def resident_bytes() -> int:
    """The memory that the process holds now, shared libraries included."""
    return int(_process(os.getpid()).memory_info().rss)


@cache  # finding it takes five times as long as asking it
def _process(pid: int) -> psutil.Process:
    return psutil.Process(pid)


@dataclass(frozen=True, slots=True, kw_only=True)
class Gauges:
    """Three readings of the process.

    Attributes:
        wall_seconds: never goes back.
        cpu_seconds: of all its threads, DuckDB's among them, in user and kernel mode; child processes are not in it.
        memory_bytes: resident now.
    """

    wall_seconds: Callable[[], float] = time.monotonic
    cpu_seconds: Callable[[], float] = time.process_time
    memory_bytes: Callable[[], int] = resident_bytes
