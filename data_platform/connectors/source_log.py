"""One source's way from a poll to raw: land the bytes, append the manifest, commit, and finish what a crash left.

The landing log decides what has been taken: whoever loses the put of a manifest discards its poll and starts again from
the winner's end.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import date
from pathlib import Path

from tenacity import retry, retry_if_exception_type, stop_after_attempt, wait_random_exponential

from data_platform.clock import Clock
from data_platform.connectors.protocol import Delivery, IsKnown, Poll
from data_platform.contracts.days import DayRange
from data_platform.contracts.delivery_dates import delivery_date
from data_platform.contracts.model import Contract
from data_platform.contracts.model import Delivery as DeliveryKind
from data_platform.contracts.odcs import read_contract_text
from data_platform.costs.usage import count
from data_platform.errors import CommitConflict, FaultyProject, PlatformError, SourceUnavailable
from data_platform.formats.source_schema import source_schema
from data_platform.lakehouse.landing import (
    Identity,
    Json,
    LandedObject,
    LandingLog,
    Manifest,
    SchemaDifference,
    SkippedDelivery,
)
from data_platform.lakehouse.table_ref import TableRef, Zone
from data_platform.metastore.engine import Metastore
from data_platform.observability.tracing.tracer import UNTRACED, Tracer
from data_platform.publication.batches import BatchCommitter
from data_platform.publication.candidate import Run
from data_platform.publication.lease import Leases
from data_platform.publication.receipt import BatchCount
from data_platform.publication.recovery import Recovery

_LANDERS = 2


@dataclass(frozen=True, slots=True, kw_only=True)
class SourceLog:
    """The landing log of one source and everything that turns its manifests into rows.

    Attributes:
        contract: the contract in force, under which new batches are landed.
        source: the source's name in manifests.
    """

    contract: Contract
    source: str
    landing: LandingLog
    committer: BatchCommitter
    metastore: Metastore
    recovery: Recovery
    leases: Leases
    clock: Clock
    tracer: Tracer = UNTRACED

    def position(self, n: int) -> Mapping[str, Json]:
        """Where batch `n` ended; where everything begins for batch 0."""
        return self.landing.read(self.source, n).position_to if n else {}

    def finish(self, run: Run) -> tuple[BatchCount, ...]:
        """Records what the ledger lacks, then commits every manifest that raw does not hold yet."""
        name = self.contract.name
        first = self.committer.committed(self.contract, self.source) + 1
        # Told by what is remembered, not by what is caught up: another command may have caught up a lost metastore.
        known = self.metastore.deliveries.of(str(name), source=self.source)
        remembered = max((int(entry.batch_id.rpartition("/")[2]) for entry in known), default=0)
        for manifest in self.landing.manifests(self.source, remembered + 1 if remembered else 1):
            if manifest.identity is Identity.POSITION:
                break  # such a source is told apart by position alone, from its first batch on
            self._remember(manifest)
        self.recovery.catch_up(self.recovery.lake.table(TableRef.of(name, Zone.RAW)))
        finished = [self.commit(manifest, run) for manifest in self.landing.manifests(self.source, first)]
        return tuple(batch for batch in finished if batch is not None)

    def append(self, poll: Poll, *, after: int, version: str, identity: Identity) -> Manifest | None:
        """Lands a poll that started at the end of batch `after`; None where another process landed that batch first.

        Raises:
            SourceUnavailable: a delivery is gone, or no longer what was offered.
            ConfigurationError: the raw table cannot take the contract.
        """
        self.committer.require_shape(self.contract)
        try:
            manifest = self._manifest(poll, n=after + 1, version=version, identity=identity)
        finally:
            for delivery in poll.deliveries:
                if delivery.is_spooled:
                    delivery.path.unlink(missing_ok=True)
        count(written=sum(landed.size_bytes for landed in manifest.objects))
        return manifest if self.landing.append(manifest) else None

    @retry(
        retry=retry_if_exception_type(CommitConflict),
        wait=wait_random_exponential(multiplier=0.05, max=2),
        stop=stop_after_attempt(8),
        reraise=True,
    )
    def commit(self, manifest: Manifest, run: Run) -> BatchCount | None:
        """Commits a manifest to rejected and raw; None where raw holds it."""
        about = {"run_id": run.id, "dataset": str(self.contract.name), "batch": manifest.batch_id}
        with self.tracer.span("commit", parent=run.traceparent, **about) as span:
            # One run may commit several batches.
            run = replace(run, started_at=self.clock.now(), traceparent=span.traceparent)
            self._remember(manifest)  # first: from the manifest on, they are accounted for
            try:
                with self.leases.hold(f"ingest/{self.contract.name}"):
                    batch = self.committer.commit(self._contract_of(manifest), self.landing, manifest, run)
            except CommitConflict:
                raise  # tried again
            except BaseException as error:
                self._tell_failure(manifest, run, error)
                raise
            if batch is None:
                span.drop()
            else:
                span.set(rows=batch.raw_rows, rejected=batch.rejected_rows)
            return batch

    def _tell_failure(self, manifest: Manifest, run: Run, error: BaseException) -> None:
        """Tells the lineage, unless raw holds the batch: then its receipt will tell."""
        name = self.contract.name
        with suppress(PlatformError):  # trouble with telling must not hide the trouble itself
            if self.committer.committed(self.contract, self.source) < manifest.n:
                self.committer.recorder.batch_failed(str(name), run, (self.source, manifest.n), error)

    def is_known(self, identity: Identity) -> IsKnown:
        """Whether a delivery is accounted for; what is told by position is new wherever it stands."""
        if identity is Identity.POSITION:
            return lambda _name, _sha256: False
        known = self.metastore.batches.known_files(str(self.contract.name), source=self.source)
        return lambda name, sha256: (name, sha256) in known

    def _remember(self, manifest: Manifest) -> None:
        if manifest.identity is Identity.CONTENT:
            kind = self._contract_of(manifest).delivery
            self.recovery.remember(manifest, is_snapshot=kind is DeliveryKind.SNAPSHOT)

    def _manifest(self, poll: Poll, *, n: int, version: str, identity: Identity) -> Manifest:
        fresh: list[tuple[Delivery, date | None]] = []
        skipped: list[SkippedDelivery] = []
        arrived: dict[tuple[str, str], str] = {}
        for delivery in poll.deliveries:
            day = delivery_date(self.contract, delivery.name)
            same = (delivery.sha256, self._identity_date(day))
            first = (arrived.get(same) or self._first_batch(same)) if identity is Identity.CONTENT else None
            if first is not None:
                skipped.append(
                    SkippedDelivery(name=delivery.name, sha256=delivery.sha256, first_batch=first, delivery_date=day)
                )
                continue
            arrived[same] = f"{self.source}/{n}"
            fresh.append((delivery, day))
        dataset = str(self.contract.name)
        watermarks = self.metastore.event_dates.watermarks_of(dataset, source=self.source)
        return Manifest(
            dataset=dataset,
            source=self.source,
            n=n,
            objects=self._land_all(fresh),
            skipped=tuple(skipped),
            position_from=self.position(n - 1),
            position_to=poll.position_to,
            received_at=self.clock.now(),
            connector_version=version,
            contract_version=self.contract.version,
            contract_sha256=self.landing.keep_contract(Path(self.contract.path).read_bytes()),
            identity=identity,
            watermark_before=min(watermarks.values(), default=None),
            partition_watermarks=watermarks,
            published_event_dates=self._published(dataset),
        )

    def _land_all(self, fresh: Sequence[tuple[Delivery, date | None]]) -> tuple[LandedObject, ...]:
        """Lands deliveries, several at a time: digests and flushes leave the interpreter to others."""

        def land(one: tuple[Delivery, date | None]) -> LandedObject:
            delivery, day = one
            return self._with_schema(_land(self.landing, delivery, day), delivery)

        if len(fresh) < 2:
            return tuple(map(land, fresh))
        with ThreadPoolExecutor(_LANDERS, thread_name_prefix="landing") as pool:
            return tuple(pool.map(land, fresh))

    def _with_schema(self, landed: LandedObject, delivery: Delivery) -> LandedObject:
        """The object with the source's schema and how it differs from the contract, as far as can be told now."""
        try:
            shown = source_schema(delivery.path, self.contract)
        except OSError:
            return landed  # the bytes are landed; reading them will say what is wrong
        if shown is None:
            return replace(landed, source_schema=delivery.source_schema)
        difference = SchemaDifference(
            added=shown.added, removed=shown.removed, changed=shown.types_changed, is_reordered=shown.reordered
        )
        fields = delivery.source_schema or shown.fields
        return replace(landed, source_schema=fields, difference=difference if shown else None)

    def _published(self, dataset: str) -> tuple[tuple[date, date], ...]:
        days = [date.fromisoformat(day) for day in self.metastore.partitions.published_from(dataset)]
        return tuple((block.start, block.last) for block in DayRange.blocks(days))

    def _first_batch(self, identity: tuple[str, str]) -> str | None:
        sha256, day = identity
        found = self.metastore.deliveries.find(
            str(self.contract.name), source=self.source, sha256=sha256, delivery_date=day
        )
        return found.batch_id if found else None

    def _identity_date(self, day: date | None) -> str:
        is_snapshot = self.contract.delivery is DeliveryKind.SNAPSHOT
        return day.isoformat() if is_snapshot and day is not None else ""

    def _contract_of(self, manifest: Manifest) -> Contract:
        """The contract in force when the batch was landed, so that finishing it later reads it the same way."""
        if self.contract.sha256 == manifest.contract_sha256:
            return self.contract
        kept = read_contract_text(self.landing.contract(manifest.contract_sha256), Path(self.contract.path))
        if kept.contract is None:
            raise FaultyProject(kept.faults)
        return kept.contract


def _land(landing: LandingLog, delivery: Delivery, day: date | None) -> LandedObject:
    """Lands a delivery's bytes.

    Raises:
        SourceUnavailable: they are gone, or no longer those that were offered.
    """
    try:
        landed = landing.land(
            delivery.path, delivery.name, delivery_date=day, source_partition=delivery.source_partition
        )
    except FileNotFoundError as error:
        raise SourceUnavailable(f"{delivery.path} was offered and is gone; poll again") from error
    if landed.sha256 != delivery.sha256:
        raise SourceUnavailable(f"{delivery.path} changed while it was taken; poll again when it is written whole")
    return landed
