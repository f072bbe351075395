"""The heart of a connector under way: it beats at once, every 15 seconds and at the end, and says how far it has come.

What a beat, or its absence, means is judged in `liveness`.
"""

from __future__ import annotations

import threading
from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime, timedelta
from types import TracebackType

from data_platform.clock import Clock
from data_platform.connectors.kinds import Pace, pace_of
from data_platform.connectors.options import Expectations, read_options
from data_platform.contracts.domain_files import ConnectorEntry
from data_platform.errors import FatalError, PlatformError, SourceRefused
from data_platform.lakehouse.landing import Json
from data_platform.metastore.engine import Metastore
from data_platform.metastore.heartbeats import Heartbeat
from data_platform.metastore.instances import this_instance
from data_platform.metastore.tables import Phase
from data_platform.observability.logs.logger import get_logger
from data_platform.rounds import Rounds

BEAT_SECONDS = 15.0
_TELL_AFTER = timedelta(seconds=BEAT_SECONDS / 3)
_LOG = get_logger(__name__)


class Heart:
    """Beats for one source while the block lasts, from a thread of its own.

    A beat that cannot be written is logged and tried again with the next: the heart never stops the work.
    """

    def __init__(self, entry: ConnectorEntry, metastore: Metastore, clock: Clock) -> None:
        self._entry = entry
        self._metastore = metastore
        self._clock = clock
        self._lock = threading.Lock()
        self._rounds = Rounds(self._write, name=f"heart-{entry.name}", every_seconds=BEAT_SECONDS)

    def __enter__(self) -> Heart:
        now = self._told_at = self._clock.now()
        before = self._metastore.heartbeats.of(str(self._entry.dataset), source=self._entry.name)
        self._beat = Heartbeat(
            dataset=str(self._entry.dataset),
            source=self._entry.name,
            kind=self._entry.kind,
            instance=this_instance(),
            phase=Phase.RUNNING,
            started_at=now,
            beat_at=now,
            # Another run at the same position is no progress.
            progressed_at=before.progressed_at if before else now,
            turned_at=now,
            position=before.position if before else {},
            last_event_time=before.last_event_time if before else None,
            backlog=before.backlog if before else None,
        )
        self._write()
        self._rounds.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._rounds.stop()
        self.ended(error)

    @property
    def is_due(self) -> bool:
        """Whether it has not been told anything for a third of a beat."""
        return self._clock.now() - self._told_at >= _TELL_AFTER

    def progress(
        self,
        position: Mapping[str, Json],
        *,
        rows: int,
        backlog: int | None,
        newest: datetime | None,
        credential_age_seconds: float | None = None,
    ) -> None:
        """Notes what a turn of the loop brought; it also says that the source answered."""
        with self._lock:
            now = self._told_at = self._clock.now()
            moved = dict(position) != dict(self._beat.position)
            times = [time for time in (self._beat.last_event_time, newest) if time is not None]
            self._beat = replace(
                self._beat,
                phase=Phase.RUNNING,
                error="",
                position=dict(position),
                progressed_at=now if moved else self._beat.progressed_at,
                turned_at=now,
                rows=self._beat.rows + rows,
                backlog=backlog,
                last_event_time=max(times, default=None),
                credential_age_seconds=credential_age_seconds,
            )

    def troubled(self, error: PlatformError) -> None:
        """Says at once that the source did not answer or refused; the work goes on trying."""
        phase = Phase.REFUSED if isinstance(error, SourceRefused) else Phase.FAILED
        with self._lock:
            self._beat = replace(self._beat, phase=phase, error=_said(error), turned_at=self._clock.now())
        self._write()

    def ended(self, error: BaseException | None = None) -> None:
        """Beats for the last time."""
        is_stream = pace_of(self._entry) is Pace.STREAM
        phase = Phase.STOPPED if is_stream else Phase.ENDED
        if error is not None and not isinstance(error, (KeyboardInterrupt, SystemExit)):
            phase = Phase.REFUSED if isinstance(error, SourceRefused) else Phase.FAILED
        now = self._clock.now()
        every = read_options(Expectations, self._entry).expect_every
        expected = now if is_stream else now + every if every is not None else None
        with self._lock:
            self._beat = replace(
                self._beat,
                phase=phase,
                ended_at=now,
                next_expected_at=expected,
                error=_said(error) if error else "",
            )
        self._write()

    def _write(self) -> None:
        with self._lock:
            self._beat = replace(self._beat, beat_at=self._clock.now())
            try:
                self._metastore.heartbeats.beat(self._beat)
            except PlatformError as error:
                _LOG.warning("a heartbeat could not be written", source=self._entry.name, error=str(error))


def _said(error: BaseException) -> str:
    """The error in words; one that retrying cannot help begins with its class, by which alerts tell what is lost."""
    if isinstance(error, FatalError):
        return f"{type(error).__name__}: {error}"
    return str(error) if isinstance(error, PlatformError) else type(error).__name__
