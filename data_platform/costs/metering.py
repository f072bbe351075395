"""Meters what runs use while they are under way, and writes it down: a line for each run, dataset and day.

The process's CPU and memory are read where a run begins, where one ends, and four times a second between. What was used
since the last reading is shared equally among the runs under way, so nothing is counted twice and the parts add up to
the process; what is used while no run is under way is the platform's own. Metering never fails a run: what cannot be
written is written with the next line.
"""

from __future__ import annotations

import logging
import threading
import uuid
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from data_platform.clock import Clock
from data_platform.contracts.domains import PLATFORM_DOMAIN
from data_platform.costs.ownership import Ownership
from data_platform.costs.process import Gauges
from data_platform.costs.usage import Usage, current, make_current
from data_platform.errors import PlatformError
from data_platform.metastore.engine import Metastore
from data_platform.metastore.run_meters import RunMeterEntry
from data_platform.rounds import Rounds

SAMPLE_SECONDS = 0.25
KEEP_SECONDS = 30.0  # of a process that is killed, at most so much is lost
IDLE = f"{PLATFORM_DOMAIN}.idle"
_LOG = logging.getLogger(__name__)


@dataclass(slots=True, kw_only=True, eq=False)
class Meter:
    """The meter of one process; any number of threads may run under it.

    Attributes:
        ownership: of a dataset, asked when a line is written.
    """

    metastore: Metastore
    clock: Clock
    ownership: Callable[[str], Ownership]
    gauges: Gauges = field(default_factory=Gauges)
    _lock: threading.RLock = field(default_factory=threading.RLock)
    _writing: threading.Lock = field(default_factory=threading.Lock)
    _active: list[Usage] = field(default_factory=list)
    _ended: dict[tuple[str, str], Usage] = field(default_factory=dict)
    _idle: Usage = field(init=False)
    _wall: float = field(init=False)
    _cpu: float = field(init=False)
    _memory: int = field(init=False)
    _kept: float = field(init=False)
    _sampler: Rounds | None = None
    _has_metered: bool = False

    def __post_init__(self) -> None:
        self._idle = Usage(run_id=str(uuid.uuid4()), dataset=IDLE, started_at=self.clock.now())
        self._wall, self._cpu = self.gauges.wall_seconds(), self.gauges.cpu_seconds()
        self._memory, self._kept = self.gauges.memory_bytes(), self._wall

    @contextmanager
    def run(self, dataset: str, run_id: str) -> Iterator[Usage]:
        """Meters the block as a run over a dataset, however it ends. What is metered inside it is not counted twice."""
        outer, usage = current(), Usage(run_id=run_id, dataset=dataset, started_at=self.clock.now())
        paused = self._begin(usage, outer)
        make_current(usage)
        try:
            yield usage
        finally:
            make_current(outer)
            self._finish(usage, paused)

    @contextmanager
    def work(self, what: str) -> Iterator[Usage]:
        """Meters the block as the platform's own work: `scan`, `upkeep`, `query`, `warehouse`."""
        with self.run(f"{PLATFORM_DOMAIN}.{what}", self._idle.run_id) as usage:
            yield usage

    def sample(self) -> None:
        """Shares out what was used until now. Writes it down when that is due, and after the last run has ended.

        So writing holds up no run, and one write serves many short ones.
        """
        with self._lock:
            self._settle()
            is_due = self._is_left_over() or self._wall - self._kept >= KEEP_SECONDS
        is_refused = is_due and not self.keep()
        with self._lock:
            # what ended while that was written, the next sample writes; what was refused waits for the next run
            is_over = not self._active and (is_refused or not self._is_left_over())
            if is_over and self._sampler is not None:
                self._sampler.stop(within_seconds=0)
                self._sampler = None

    def _is_left_over(self) -> bool:
        """Whether the last run has ended and something that should be written soon is not."""
        return not self._active and any(usage.has_moved_bytes for usage in self._ended.values())

    def keep(self) -> bool:
        """Writes what was used since the last time; False where the metastore did not take it."""
        with self._writing:  # who comes second finds what the first could not write
            taken = self._take()
            try:
                self.metastore.operations.run_meters.add(self._lines(taken))
            except PlatformError as error:
                _LOG.warning("what runs used is not written yet: %s", error)
                with self._lock:
                    for usage in taken:
                        self._end(usage)
                return False
            return True

    def _take(self) -> tuple[Usage, ...]:
        with self._lock:
            self._settle()
            self._kept = self._wall
            for usage in (*self._active, self._idle):
                self._end(usage.take())
            taken, self._ended = self._ended, {}
        return tuple(taken.values())

    def close(self) -> None:
        """Writes what is left; of a process that metered no run, nothing."""
        with self._lock:
            sampler, self._sampler = self._sampler, None
        if sampler is not None:
            sampler.stop()
        if self._has_metered:
            self.keep()

    def _begin(self, usage: Usage, outer: Usage | None) -> list[Usage]:
        """Has a usage counted instead of the one around it, which is given back where it was counting."""
        with self._lock:
            self._settle()
            self._has_metered = True
            paused = [one for one in self._active if one is outer]
            self._active = [one for one in self._active if one is not outer] + [usage]
            if self._sampler is None:
                self._sampler = Rounds(self.sample, name="metering", every_seconds=SAMPLE_SECONDS)
                self._sampler.start()
            return paused

    def _finish(self, usage: Usage, paused: list[Usage]) -> None:
        with self._lock:
            self._settle()
            self._active = [one for one in self._active if one is not usage] + paused
            self._end(usage)

    def _settle(self) -> None:
        wall, cpu, memory = self.gauges.wall_seconds(), self.gauges.cpu_seconds(), self.gauges.memory_bytes()
        passed, worked = wall - self._wall, cpu - self._cpu
        held = passed * (self._memory + memory) / 2
        sharers = self._active or [self._idle]
        for usage in sharers:
            usage.wall_seconds += passed
            usage.cpu_seconds += worked / len(sharers)
            usage.memory_byte_seconds += held / len(sharers)
            usage.peak_memory_bytes = max(usage.peak_memory_bytes, memory, self._memory)
        self._wall, self._cpu, self._memory = wall, cpu, memory

    def _end(self, usage: Usage) -> None:
        if usage.key in self._ended:
            self._ended[usage.key].add(usage)
        else:
            self._ended[usage.key] = usage

    def _lines(self, usages: Iterable[Usage]) -> list[RunMeterEntry]:
        return [self._line(usage) for usage in usages if usage.wall_seconds or usage.cpu_seconds]

    def _line(self, usage: Usage) -> RunMeterEntry:
        now, owned = self.clock.now(), self.ownership(usage.dataset)
        return RunMeterEntry(
            run_id=usage.run_id,
            dataset=usage.dataset,
            metered_on=now.date(),
            started_at=usage.started_at,
            ended_at=now,
            owner=owned.owner,
            cost_centre=owned.cost_centre,
            tags=owned.tags,
            wall_seconds=usage.wall_seconds,
            cpu_seconds=usage.cpu_seconds,
            memory_byte_seconds=usage.memory_byte_seconds,
            peak_memory_bytes=usage.peak_memory_bytes,
            bytes_read=usage.bytes_read,
            bytes_written=usage.bytes_written,
            logical_bytes_in=usage.logical_bytes_in,
        )
