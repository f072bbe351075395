"""The loop: poll, land, manifest, commit, acknowledge. Before it polls, it finishes every manifest that a crash left.

Whoever loses the put of a manifest discards its poll and starts again from the winner's end.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import date
from pathlib import Path

from tenacity import retry, retry_if_exception_type, stop_after_attempt, wait_random_exponential

from data_platform.clock import Clock
from data_platform.connectors.protocol import Connector, Delivery, IsKnown, Place, Poll, open_connector
from data_platform.contracts.days import DayRange
from data_platform.contracts.delivery_dates import delivery_date
from data_platform.contracts.domain_files import ConnectorEntry
from data_platform.contracts.domains import Project
from data_platform.contracts.model import Contract, DatasetName
from data_platform.contracts.model import Delivery as DeliveryKind
from data_platform.contracts.odcs import read_contract_text
from data_platform.errors import CommitConflict, FaultyProject, SourceUnavailable
from data_platform.lakehouse.landing import Json, LandedObject, LandingLog, Manifest, SkippedDelivery
from data_platform.lakehouse.object_store import ObjectStore
from data_platform.lakehouse.table_ref import TableRef, Zone
from data_platform.metastore.engine import Metastore
from data_platform.publication.batches import BatchCommitter
from data_platform.publication.candidate import Run
from data_platform.publication.lease import Leases
from data_platform.publication.receipt import BatchCount
from data_platform.publication.recovery import Recovery


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

    def ingest(self, entry: ConnectorEntry, run: Run) -> tuple[BatchCount, ...]:
        """Ingests everything that a connector has to offer.

        Raises:
            SourceUnavailable: the source did not answer; what was committed before stays.
        """
        contract = self.project.dataset(entry.dataset).contract
        connector = open_connector(entry, self.place)
        landing = self._landing(entry.dataset)
        batches: tuple[BatchCount, ...] = ()
        with self.leases.hold(f"ingest/{entry.dataset}"):
            while True:
                # Read before finishing: a manifest that another process adds meanwhile takes the number after it.
                last = landing.last_number(entry.name)
                batches += self.finish(entry.dataset, entry.name, run)
                poll = self._poll(connector, entry, landing, last)
                if poll is None:
                    return batches
                self.committer.require_shape(contract)
                manifest = self._manifest(entry, contract, connector.version, landing, (last + 1, *poll))
                if landing.append(manifest):
                    batches += tuple(filter(None, [self._commit(entry.dataset, landing, manifest, run)]))
                    connector.acknowledge(manifest.position_to)

    def peek(self, entry: ConnectorEntry) -> tuple[str, ...]:
        """A mark of each delivery that looks new, and of a batch that a crash left uncommitted; none: nothing new."""
        landed = self._landing(entry.dataset).last_number(entry.name)
        recorded = self.metastore.batches.last_number(str(entry.dataset), source=entry.name) or 0
        unfinished = (f"batch/{landed}",) if landed > recorded else ()
        return (*unfinished, *open_connector(entry, self.place).peek(self._is_known(entry)))

    def finish(self, dataset: DatasetName, source: str, run: Run) -> tuple[BatchCount, ...]:
        """Records what the ledger lacks, then commits every manifest of a source that raw does not hold yet."""
        landing = self._landing(dataset)
        first = self.committer.committed(self.project.dataset(dataset).contract, source) + 1
        # Told by what is remembered, not by what is caught up: another command may have caught up a lost metastore.
        known = self.metastore.deliveries.of(str(dataset), source=source)
        remembered = max((int(entry.batch_id.rpartition("/")[2]) for entry in known), default=0)
        for manifest in landing.manifests(source, remembered + 1):
            self._remember(dataset, landing, manifest)
        self.recovery.catch_up(self.recovery.lake.table(TableRef(Zone.RAW, dataset.domain, dataset.name)))
        finished = [self._commit(dataset, landing, manifest, run) for manifest in landing.manifests(source, first)]
        return tuple(batch for batch in finished if batch is not None)

    def _poll(
        self, connector: Connector, entry: ConnectorEntry, landing: LandingLog, last: int
    ) -> tuple[Mapping[str, Json], Poll] | None:
        """The position after batch `last`, and what came after it."""
        position: Mapping[str, Json] = landing.read(entry.name, last).position_to if last else {}
        poll = connector.poll(position, self._is_known(entry))
        return None if poll is None else (position, poll)

    @retry(
        retry=retry_if_exception_type(CommitConflict),
        wait=wait_random_exponential(multiplier=0.05, max=2),
        stop=stop_after_attempt(8),
        reraise=True,
    )
    def _commit(self, dataset: DatasetName, landing: LandingLog, manifest: Manifest, run: Run) -> BatchCount | None:
        run = replace(run, started_at=self.clock.now())  # one run may commit several batches
        self._remember(dataset, landing, manifest)  # first: from the manifest on, they are accounted for
        return self.committer.commit(self._contract_of(dataset, landing, manifest), landing, manifest, run)

    def _remember(self, dataset: DatasetName, landing: LandingLog, manifest: Manifest) -> None:
        kind = self._contract_of(dataset, landing, manifest).delivery
        self.recovery.remember(manifest, is_snapshot=kind is DeliveryKind.SNAPSHOT)

    def _manifest(
        self,
        entry: ConnectorEntry,
        contract: Contract,
        version: str,
        landing: LandingLog,
        step: tuple[int, Mapping[str, Json], Poll],
    ) -> Manifest:
        n, position, poll = step
        objects: list[LandedObject] = []
        skipped: list[SkippedDelivery] = []
        arrived: dict[tuple[str, str], str] = {}
        for delivery in poll.deliveries:
            day = delivery_date(contract, delivery.name)
            identity = (delivery.sha256, _identity_date(contract, day))
            first = arrived.get(identity) or self._first_batch(entry, identity)
            if first is not None:
                skipped.append(
                    SkippedDelivery(name=delivery.name, sha256=delivery.sha256, first_batch=first, delivery_date=day)
                )
                continue
            arrived[identity] = f"{entry.name}/{n}"
            objects.append(_land(landing, delivery, day))
        dataset = str(entry.dataset)
        return Manifest(
            dataset=dataset,
            source=entry.name,
            n=n,
            objects=tuple(objects),
            skipped=tuple(skipped),
            position_from=position,
            position_to=poll.position_to,
            received_at=self.clock.now(),
            connector_version=version,
            contract_version=contract.version,
            contract_sha256=landing.keep_contract(Path(contract.path).read_bytes()),
            watermark_before=self.metastore.event_dates.watermark(dataset, source=entry.name),
            published_event_dates=self._published(dataset),
        )

    def _published(self, dataset: str) -> tuple[tuple[date, date], ...]:
        days = [date.fromisoformat(day) for day in self.metastore.partitions.published_from(dataset)]
        return tuple((block.start, block.last) for block in DayRange.blocks(days))

    def _is_known(self, entry: ConnectorEntry) -> IsKnown:
        known = self.metastore.batches.known_files(str(entry.dataset), source=entry.name)
        return lambda name, sha256: (name, sha256) in known

    def _first_batch(self, entry: ConnectorEntry, identity: tuple[str, str]) -> str | None:
        sha256, day = identity
        found = self.metastore.deliveries.find(str(entry.dataset), source=entry.name, sha256=sha256, delivery_date=day)
        return found.batch_id if found else None

    def _contract_of(self, dataset: DatasetName, landing: LandingLog, manifest: Manifest) -> Contract:
        """The contract in force when the batch was landed, so that finishing it later reads it the same way."""
        current = self.project.dataset(dataset).contract
        if current.sha256 == manifest.contract_sha256:
            return current
        kept = read_contract_text(landing.contract(manifest.contract_sha256), Path(current.path))
        if kept.contract is None:
            raise FaultyProject(kept.faults)
        return kept.contract

    def _landing(self, dataset: DatasetName) -> LandingLog:
        return LandingLog(self.store, dataset.domain, dataset.name)


def _land(landing: LandingLog, delivery: Delivery, day: date | None) -> LandedObject:
    """Lands a delivery's bytes.

    Raises:
        SourceUnavailable: they are gone, or no longer those that were offered.
    """
    try:
        landed = landing.land(delivery.path, delivery.name, delivery_date=day)
    except FileNotFoundError as error:
        raise SourceUnavailable(f"{delivery.path} was offered and is gone; poll again") from error
    if landed.sha256 != delivery.sha256:
        raise SourceUnavailable(f"{delivery.path} changed while it was taken; poll again when it is written whole")
    return landed


def _identity_date(contract: Contract, day: date | None) -> str:
    return day.isoformat() if contract.delivery is DeliveryKind.SNAPSHOT and day is not None else ""
