"""What a run has used over a dataset and has not been written yet. Who fills it, and when it is written: `metering`."""

from __future__ import annotations

import threading
from contextvars import ContextVar
from dataclasses import dataclass, replace
from datetime import datetime

_COUNTING = threading.Lock()  # a count must not fall between a usage's reading and its reset
_PARTS = ("wall_seconds", "cpu_seconds", "memory_byte_seconds", "bytes_read", "bytes_written", "logical_bytes_in")


@dataclass(slots=True, kw_only=True, eq=False)
class Usage:
    """Counters of one run over one dataset.

    Attributes:
        memory_byte_seconds: resident memory over time, shared among the runs that the process had at once.
        peak_memory_bytes: the most that the whole process held meanwhile, whoever held it.
        bytes_read: of the files that the run had to look at.
        bytes_written: of data files, also of those that were thrown away afterwards.
        logical_bytes_in: bytes that came in to be worked on.
    """

    run_id: str
    dataset: str
    started_at: datetime
    wall_seconds: float = 0.0
    cpu_seconds: float = 0.0
    memory_byte_seconds: float = 0.0
    peak_memory_bytes: int = 0
    bytes_read: int = 0
    bytes_written: int = 0
    logical_bytes_in: int = 0

    @property
    def key(self) -> tuple[str, str]:
        """What its line is called by."""
        return (self.run_id, self.dataset)

    @property
    def has_moved_bytes(self) -> bool:
        """Whether it did more than look whether there is something to do."""
        return bool(self.bytes_read or self.bytes_written or self.logical_bytes_in)

    def take(self) -> Usage:
        """What stands on the counters, which begin again at zero."""
        with _COUNTING:
            taken = replace(self)
            for name in (*_PARTS, "peak_memory_bytes"):
                setattr(self, name, 0)
        return taken

    def add(self, other: Usage) -> None:
        """Counts what another one counted."""
        self.started_at = min(self.started_at, other.started_at)
        self.peak_memory_bytes = max(self.peak_memory_bytes, other.peak_memory_bytes)
        for name in _PARTS:
            setattr(self, name, getattr(self, name) + getattr(other, name))


_CURRENT: ContextVar[Usage | None] = ContextVar("metered_usage", default=None)


def count(*, read: int = 0, written: int = 0, logical_in: int = 0) -> None:
    """Counts bytes for the run that is metered in this context; where none is, nobody is charged."""
    usage = _CURRENT.get()
    if usage is None:
        return
    with _COUNTING:
        usage.bytes_read += read
        usage.bytes_written += written
        usage.logical_bytes_in += logical_in


def current() -> Usage | None:
    """What this context is counted for."""
    return _CURRENT.get()


def make_current(usage: Usage | None) -> None:
    """Has this context counted for `usage` from here on."""
    _CURRENT.set(usage)
