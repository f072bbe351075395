"""Commits landed batches to rejected and raw, in the order of their manifests (ARCHITECTURE, landing log and raw).

From the manifest on, everything is a pure function of manifest and bytes, so finishing a batch after a crash is the
same call. The raw commit is the commit point; rejected rows count only for batches that raw holds.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, replace

from duckdb import DuckDBPyConnection

from data_platform.clock import Clock
from data_platform.contracts.model import Contract, Delivery
from data_platform.contracts.schema import raw_schema
from data_platform.costs.usage import count
from data_platform.errors import CommitConflict, ConservationBroken, FatalError
from data_platform.formats.reading import open_reader
from data_platform.formats.rejected import FileRejected, Reason
from data_platform.lakehouse.duck import Engine
from data_platform.lakehouse.landing import LandedObject, LandingLog, Manifest
from data_platform.lakehouse.object_store import ObjectStore
from data_platform.lakehouse.snapshots import Snapshot
from data_platform.lakehouse.staging import discard
from data_platform.lakehouse.table_ref import TableRef, Zone
from data_platform.lakehouse.tables import Lake, Table
from data_platform.observability.logs.logger import RUNS, get_logger
from data_platform.publication.batch_times import event_dates, newest_by_partition, staged_rows
from data_platform.publication.candidate import Change, Run
from data_platform.publication.heads import Heads
from data_platform.publication.publish import new_file_name
from data_platform.publication.raw_staging import RawStaging
from data_platform.publication.receipt import BatchCount, CheckCount, FileCount, Receipt
from data_platform.publication.recording import Recorder
from data_platform.publication.scale_watch import known_scales, watch_scales
from data_platform.publication.shape import REJECTED_TABLE, ensure_shape, require_shape

_LOG = get_logger(RUNS)


@dataclass(frozen=True, slots=True, kw_only=True)
class BatchCommitter:
    """Finishes manifests: reads their objects, commits rejected then raw, records the ledger."""

    store: ObjectStore
    lake: Lake
    engine: Engine
    heads: Heads
    recorder: Recorder
    clock: Clock

    def commit(self, contract: Contract, landing: LandingLog, manifest: Manifest, run: Run) -> BatchCount | None:
        """Commits one manifest; None where raw already holds it.

        Raises:
            FatalError: a manifest before this one has not been committed.
            ConservationBroken: source records do not equal raw plus rejected; nothing was committed.
            CommitConflict: another writer committed first; call again.
        """
        raw, rejected = self._tables(contract)
        raw_base = self.heads.for_writing(raw)
        done = raw_base.transaction(manifest.source) or 0
        if manifest.n <= done:
            return None
        if manifest.n > done + 1:
            raise FatalError(
                f"{contract.name}: batch {manifest.batch_id} cannot be committed before batch {done + 1}; "
                "run `data-platform doctor --repair`"
            )
        raw_base = ensure_shape(raw, raw_schema(contract), raw_base, recorder=self.recorder)
        rejected_base = ensure_shape(rejected, REJECTED_TABLE, self.heads.for_writing(rejected), recorder=self.recorder)
        with self.engine.session(preserve_order=True) as con:
            staging = RawStaging(con, contract, manifest, raw, rejected, new_file_name, raw_base.schema)
            try:
                files = self._read(contract, landing, manifest, staging)
                batch = self._count(con, contract, manifest, staging, files)
                scales = watch_scales(con, contract, manifest.source, staged=staged_rows(staging))
                known = known_scales(
                    contract, manifest.source, manifest.n - 1, raw=raw, metastore=self.recorder.metastore
                )
                watched = scales.against(known)
            except BaseException:
                staging.abandon()
                raise
            batch = replace(batch, scales=watched.memory)
            return self._publish(contract, manifest, run, staging, (batch, watched.check), (raw_base, rejected_base))

    def require_shape(self, contract: Contract) -> None:
        """Refuses a contract that the raw table cannot take, before a manifest names it for ever.

        Raises:
            ConfigurationError: a column has another type than in the table, or is gone.
        """
        base = self.heads.for_reading(self._tables(contract)[0])
        if base.version >= 0:
            require_shape(raw_schema(contract), base)

    def committed(self, contract: Contract, source: str) -> int:
        """The number of the source's last batch that raw holds; 0 before the first."""
        return self.heads.for_writing(self._tables(contract)[0]).transaction(source) or 0

    def _tables(self, contract: Contract) -> tuple[Table, Table]:
        name = contract.name
        return (
            self.lake.table(TableRef.of(name, Zone.RAW)),
            self.lake.table(TableRef.of(name, Zone.REJECTED)),
        )

    def _read(
        self, contract: Contract, landing: LandingLog, manifest: Manifest, staging: RawStaging
    ) -> list[FileCount]:
        reader = open_reader(contract)
        counts: list[FileCount] = []
        for position, landed in enumerate(manifest.objects):
            landing.verify(landed)
            count(read=landed.size_bytes)
            path = self.store.local_path(landed.key)
            try:
                _require_delivery_date(contract, landed)
                reading = reader.read(path or self.store.open(landed.key), name=landed.name)
                raw_rows = rejected_rows = 0
                for chunk in reading:
                    staging.add(chunk, landed)
                    raw_rows += chunk.records.num_rows
                    rejected_rows += chunk.rejected.num_rows
                staging.settle(raw_rows + rejected_rows)
                staging.logical_bytes += reading.logical_bytes
                counts.append(
                    FileCount(
                        position=position,
                        name=landed.name,
                        sha256=landed.sha256,
                        outcome="read",
                        source_rows=reading.source_rows,
                        raw_rows=raw_rows,
                        rejected_rows=rejected_rows,
                    )
                )
            except FileRejected as error:
                staging.reject(landed, reason=error.reason.value, detail=error.detail)
                staging.logical_bytes += landed.size_bytes
                counts.append(
                    FileCount(
                        position=position,
                        name=landed.name,
                        sha256=landed.sha256,
                        outcome="rejected",
                        reason=error.reason.value,
                        rejected_rows=1,
                    )
                )
        staging.finish()
        skipped = [
            FileCount(
                position=len(counts) + i,
                name=s.name,
                sha256=s.sha256,
                outcome="skipped",
                reason="DUPLICATE_FILE",
                first_batch=s.first_batch,
            )
            for i, s in enumerate(manifest.skipped)
        ]
        return counts + skipped

    def _count(
        self,
        con: DuckDBPyConnection,
        contract: Contract,
        manifest: Manifest,
        staging: RawStaging,
        files: list[FileCount],
    ) -> BatchCount:
        dates, newest = event_dates(con, contract, manifest, staging)
        partitions = newest_by_partition(con, contract, manifest, staging, files)
        batch = BatchCount(
            source=manifest.source,
            n=manifest.n,
            manifest_sha256=manifest.sha256,
            received_at=manifest.received_at,
            rejected_version=-1,
            files=tuple(files),
            event_dates=dates,
            newest_event_time=newest,
            newest_by_partition=partitions,
            rejected_reasons=dict(staging.reasons),
        )
        # What was written is counted from the staged files, what was read by the reader's own count of the source.
        written = sum(dates.values())
        unread = sum(file.rows for file in staging.rejected_files)
        if written != batch.raw_rows or unread != batch.rejected_rows or batch.source_rows != written + unread:
            raise ConservationBroken(
                f"{contract.name}: batch {manifest.batch_id} holds {batch.source_rows} records, but {written} raw "
                f"and {unread} rejected rows were written; nothing was committed: please report this with the file"
            )
        return batch

    def _publish(
        self,
        contract: Contract,
        manifest: Manifest,
        run: Run,
        staging: RawStaging,
        counted: tuple[BatchCount, CheckCount],
        bases: tuple[Snapshot, Snapshot],
    ) -> BatchCount:
        raw_base, rejected_base = bases
        transactions = {manifest.source: manifest.n}
        rejected_version = rejected_base.version
        # As in `publish`: staged files are deleted only where a conflict says that no version names them.
        if (rejected_base.transaction(manifest.source) or 0) < manifest.n:
            try:
                side = staging.rejected.commit(rejected_base, adds=staging.rejected_files, transactions=transactions)
            except CommitConflict:
                staging.abandon()
                raise
            self.recorder.acknowledge(side, run_id=run.id)
            rejected_version = side.version
        else:
            discard(staging.rejected, staging.rejected_files)
        batch, scale = counted
        batch = replace(batch, rejected_version=rejected_version)
        main = Change(table=staging.raw, base=raw_base, adds=tuple(staging.raw_files))
        receipt = self._receipt(contract, run, batch, scale, main=main)
        try:
            commit = staging.raw.commit(
                raw_base, adds=staging.raw_files, transactions=transactions, metadata=receipt.metadata()
            )
        except CommitConflict:
            discard(staging.raw, staging.raw_files)
            raise
        assert receipt.batch is not None
        count(logical_in=staging.logical_bytes)
        self.recorder.record(commit, receipt)
        _LOG.info("a batch was committed", rows=batch.raw_rows, rejected=batch.rejected_rows, version=commit.version)
        return receipt.batch

    def _receipt(self, contract: Contract, run: Run, batch: BatchCount, scale: CheckCount, *, main: Change) -> Receipt:
        return Receipt(
            dataset=str(contract.name),
            run_id=run.id,
            materialization=contract.materialization.value,
            started_at=run.started_at,
            finished_at=self.clock.now(),
            contract_version=contract.version,
            contract_sha256=contract.sha256,
            code_version=run.code_version,
            fingerprint=hashlib.sha256(contract.sha256.encode()).hexdigest(),
            rows=main.base.rows + batch.raw_rows,
            batch=batch,
            checks=(_conservation(batch), _readable(batch), scale),
            job=run.job,
            traceparent=run.traceparent,
            written=main.written,
            total=main.total,
        )


def _require_delivery_date(contract: Contract, landed: LandedObject) -> None:
    if contract.delivery is Delivery.SNAPSHOT and landed.delivery_date is None:
        raise FileRejected(
            Reason.DELIVERY_DATE,
            "the file's name carries no delivery date, which a snapshot needs "
            f"(platform.delivery_date_pattern is {contract.delivery_date_pattern!r})",
        )


def _conservation(batch: BatchCount) -> CheckCount:
    residual = batch.source_rows - batch.raw_rows - batch.rejected_rows
    verdict = "failed" if residual else "passed" if batch.source_rows else "not_applicable"
    return CheckCount(
        rule="conservation",
        kind="conservation",
        reason="CONSERVATION",
        severity="block",
        verdict=verdict,
        rows_examined=batch.source_rows,
        failing_rows=abs(residual),
        engine="duckdb",
        detail=f"source {batch.source_rows} = raw {batch.raw_rows} + rejected {batch.rejected_rows}",
    )


def _readable(batch: BatchCount) -> CheckCount:
    verdict = "failed" if batch.rejected_rows else "passed" if batch.source_rows else "not_applicable"
    reasons = sorted({file.reason for file in batch.files if file.outcome == "rejected"})
    return CheckCount(
        rule="readable",
        kind="readable",
        reason="REJECTED",
        severity="warn",
        verdict=verdict,
        rows_examined=batch.source_rows,
        failing_rows=batch.rejected_rows,
        engine="duckdb",
        detail=f"files rejected whole: {', '.join(reasons)}" if reasons else "",
    )
