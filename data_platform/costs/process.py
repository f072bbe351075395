"""What this process has used so far, as the operating system tells. Who used it is decided in `metering`."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass

import psutil


def resident_bytes() -> int:
    """The memory that the process holds now, shared libraries included."""
    return int(psutil.Process().memory_info().rss)


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
