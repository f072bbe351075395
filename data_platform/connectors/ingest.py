"""The loop: finish what a crash left, poll, land, commit, acknowledge. Written once, for every kind.

What a poll becomes is in `source_log`; how often and by whom the loop is run is not known here.
"""

from __future__ import annotations

import socket
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass, field
from types import MappingProxyType

import psutil

from data_platform.clock import Clock
from data_platform.connectors.counting import note_loss, note_promises
from data_platform.connectors.full_disk import told_when_full
from data_platform.connectors.heartbeat import Heart
from data_platform.connectors.kinds import Pace, open_connector, pace_of
from data_platform.connectors.liveness import is_running
from data_platform.connectors.protocol import Connector, Place, Poll
from data_platform.connectors.source_log import SourceLog
from data_platform.connectors.spool_file import sweep
from data_platform.contracts.domain_files import ConnectorEntry
from data_platform.contracts.domains import Project
from data_platform.contracts.model import DatasetName
from data_platform.costs.metering import Meter
from data_platform.credentials import with_renewal
from data_platform.errors import SourceGap
from data_platform.lakehouse.landing import Identity, Json, LandingLog
from data_platform.lakehouse.object_store import ObjectStore
from data_platform.metastore.engine import Metastore
from data_platform.observability.tracing.spans import ActiveSpan, span
from data_platform.observability.tracing.tracer import UNTRACED, Tracer
from data_platform.publication.batches import BatchCommitter
from data_platform.publication.candidate import Run
from data_platform.publication.lease import Leases
from data_platform.publication.receipt import BatchCount
from data_platform.publication.recovery import Recovery

Guard = Callable[[str], AbstractContextManager[None]]  # lets a block run, or not, by the name of what it reaches


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """What one turn of the loop did.

    Attributes:
        batches: that raw holds now and did not before, finished ones of a crash included.
        position: of the source, after them.
        backlog: what the source still held after the poll; None where nobody asked.
        is_idle: whether the source had nothing new.
    """

    batches: tuple[BatchCount, ...]
    position: Mapping[str, Json]
    backlog: int | None
    is_idle: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class WayBack:
    """Where a source stands, where it would stand, and the number of the batch that would say so."""

    position_from: Mapping[str, Json]
    position_to: Mapping[str, Json]
    batch: int


@dataclass(slots=True, kw_only=True)
class Ingestion:
    """One source instance under way: its open connector, and the last batch as far as this process knows."""

    connector: Connector
    log: SourceLog
    leases: Leases
    meter: Meter
    tracer: Tracer = UNTRACED
    last: int = 0
    position: Mapping[str, Json] = field(default_factory=lambda: MappingProxyType({}))
    _is_settled: bool = False

    def step(self, run: Run) -> Step:
        """One turn: at most one poll, at most one new batch.

        Raises:
            SourceUnavailable, SourceRefused, SourceGap: see `protocol`; what was committed before stays.
            RetryableError: the disk is full.
        """
        with self._traced(run) as batch, self._alone(run):
            was_settled, self._is_settled = self._is_settled, False  # an error leaves it to be settled again
            batches = () if was_settled and not self._is_overtaken() else self._settle(run)
            with span("poll"):
                poll = self._poll()
            if poll is None:
                self._is_settled = True
                if not batches:
                    batch.drop()  # a source is asked all the time; only what it gives is worth a trace
                return Step(batches=batches, position=self.position, backlog=None, is_idle=True)
            batch.follow(reversed(poll.traceparents))
            batches += self._take(poll, run)
            batch.set(batch=",".join(f"{one.source}/{one.n}" for one in batches))
            return Step(batches=batches, position=self.position, backlog=poll.backlog, is_idle=False)

    def go_back(self, where: str, run: Run) -> Step:
        """Appends a batch without deliveries whose end is the place to read from once more."""
        with self._traced(run), self._alone(run):
            batches = self._settle(run)
            position = with_renewal(self.connector.credential, lambda: self.connector.position_at(where))
            batches += self._take(Poll(deliveries=(), position_to=position), run)
            return Step(batches=batches, position=self.position, backlog=None, is_idle=False)

    def way_back(self, where: str) -> WayBack:
        """What `go_back` would do; it changes nothing.

        Raises:
            ConfigurationError: `where` is no place of this source.
            SourceUnavailable, SourceRefused: the source has to be asked for the place.
        """
        last = self.log.landing.last_number(self.log.source)
        place = with_renewal(self.connector.credential, lambda: self.connector.position_at(where))
        return WayBack(position_from=self.log.position(last), position_to=place, batch=last + 1)

    def tell(self, heart: Heart, step: Step) -> None:
        """Notes the turn for the next beat. An idle one asks what the source still holds: a sign of being stuck."""
        backlog = step.backlog
        if step.is_idle:
            backlog = len(self.connector.peek(self.position, self.log.is_known(self.connector.identity)))
        times = [batch.newest_event_time for batch in step.batches if batch.newest_event_time is not None]
        credential = self.connector.credential
        heart.progress(
            step.position,
            rows=sum(batch.source_rows for batch in step.batches),
            backlog=backlog,
            newest=max(times, default=None),
            credential_age_seconds=credential.age_seconds if credential else None,
        )

    def _traced(self, run: Run) -> AbstractContextManager[ActiveSpan]:
        """The span of a turn: inside the run's where there is one, else the first of a trace of the batch's own."""
        about = {"dataset": str(self.log.contract.name), "source": self.log.source, "run_id": run.id}
        return self.tracer.span("batch", parent=run.traceparent, **about)

    @contextmanager
    def _alone(self, run: Run) -> Iterator[None]:
        """The source's lease, metered; a full disk inside is told as such."""
        lease = f"ingest/{self.log.contract.name}/{self.log.source}"
        with (
            told_when_full(f"connector {self.log.source}"),
            self.leases.hold(lease),
            self.meter.run(str(self.log.contract.name), run.id),
        ):
            yield

    def note_promises(self) -> None:
        """Notes how many records the source says there are; safe to call beside `step`."""
        note_promises(self.connector, self.log)

    def _settle(self, run: Run) -> tuple[BatchCount, ...]:
        # Read before finishing: a manifest that another process adds meanwhile takes the number after it.
        self.last = self.log.landing.last_number(self.log.source)
        self.position = self.log.position(self.last)
        return self.log.finish(run)

    def _is_overtaken(self) -> bool:
        return self.log.landing.has(self.log.source, self.last + 1)

    def _poll(self) -> Poll | None:
        is_known = self.log.is_known(self.connector.identity)
        try:
            return with_renewal(self.connector.credential, lambda: self.connector.poll(self.position, is_known))
        except SourceGap:
            note_loss(self.connector, self.log, after=self.last)
            raise

    def _take(self, poll: Poll, run: Run) -> tuple[BatchCount, ...]:
        connector = self.connector
        with span("land", deliveries=len(poll.deliveries)):
            manifest = self.log.append(poll, after=self.last, version=connector.version, identity=connector.identity)
        if manifest is None:
            return ()  # another process was first: the next turn starts from its end
        batch = self.log.commit(manifest, run)
        connector.acknowledge(manifest.position_to)
        self.last, self.position, self._is_settled = manifest.n, manifest.position_to, True
        return (batch,) if batch is not None else ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Ingester:
    """Runs connectors of a project."""

    project: Project
    store: ObjectStore
    committer: BatchCommitter
    leases: Leases
    metastore: Metastore
    recovery: Recovery
    place: Place
    clock: Clock
    meter: Meter
    tracer: Tracer = UNTRACED
    guard: Guard = lambda _name: nullcontext()

    @contextmanager
    def open(self, entry: ConnectorEntry) -> Iterator[Ingestion]:
        """An entry's connector with its landing log, closed at the end of the block."""
        sweep(self.place.spool)
        connector = open_connector(entry, self.place)
        try:
            log = self._log(entry.dataset, entry.name)
            yield Ingestion(connector=connector, log=log, leases=self.leases, meter=self.meter, tracer=self.tracer)
        finally:
            connector.close()

    def keeper(self, entry: ConnectorEntry) -> str | None:
        """The collector, as host and process id, that keeps a stream running now; None where nobody does."""
        if pace_of(entry) is not Pace.STREAM:
            return None
        beat = self.metastore.heartbeats.of(str(entry.dataset), source=entry.name)
        if beat is None or not is_running(beat, self.clock.now()) or _is_gone(beat.instance):
            return None
        return beat.instance

    def ingest(self, entry: ConnectorEntry, run: Run) -> tuple[BatchCount, ...]:
        """Ingests everything that a connector has to offer now, and beats while it does.

        A stream that a collector keeps is left to it: two readers of one stream only take it from each other.

        Raises:
            SourceUnavailable: the source did not answer; what was committed before stays.
            RetryableError: it failed so often that it is left alone for a while.
        """
        batches: tuple[BatchCount, ...] = ()
        if self.keeper(entry) is not None:
            return batches
        guarded = self.guard(f"connector/{entry.dataset}/{entry.name}")
        with guarded, Heart(entry, self.metastore, self.clock) as heart, self.open(entry) as ingestion:
            while True:
                step = ingestion.step(run)
                batches += step.batches
                ingestion.tell(heart, step)
                if step.is_idle:
                    ingestion.note_promises()
                    return batches

    def peek(self, entry: ConnectorEntry) -> tuple[str, ...]:
        """A mark of each delivery that looks new, and of a batch that a crash left uncommitted; none: nothing new."""
        log = self._log(entry.dataset, entry.name)
        landed = log.landing.last_number(entry.name)
        recorded = self.metastore.batches.last_number(str(entry.dataset), source=entry.name) or 0
        unfinished = (f"batch/{landed}",) if landed > recorded else ()
        connector = open_connector(entry, self.place)
        try:
            position = log.position(landed) if connector.identity is Identity.POSITION else {}
            return (*unfinished, *connector.peek(position, log.is_known(connector.identity)))
        finally:
            connector.close()

    def finish(self, dataset: DatasetName, source: str, run: Run) -> tuple[BatchCount, ...]:
        """Records what the ledger lacks, then commits every manifest of a source that raw does not hold yet."""
        with self.meter.run(str(dataset), run.id):
            return self._log(dataset, source).finish(run)

    def _log(self, dataset: DatasetName, source: str) -> SourceLog:
        return SourceLog(
            contract=self.project.dataset(dataset).contract,
            source=source,
            landing=LandingLog(self.store, dataset.domain, dataset.name),
            committer=self.committer,
            metastore=self.metastore,
            recovery=self.recovery,
            leases=self.leases,
            clock=self.clock,
            tracer=self.tracer,
        )


def _is_gone(instance: str) -> bool:
    """Whether a process of this host, as `host:pid`, is known to be dead: its last beat is not waited for then."""
    host, _, pid = instance.rpartition(":")
    return host == socket.gethostname() and not psutil.pid_exists(int(pid))
