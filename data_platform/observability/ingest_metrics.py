"""Ingestion in Prometheus' terms: records, errors, latencies, batch sizes and backlogs, by dataset and source.

Every number is read from the ledger when it is asked for, so that it survives restarts and crashed processes. Counters
fall only where history was pruned or a dataset is gone.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from typing import TypeAlias

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily, Metric
from prometheus_client.registry import Collector

from data_platform.metastore.batches import BatchEntry
from data_platform.metastore.engine import Metastore
from data_platform.observability.kept_log import KeptLog

Source: TypeAlias = tuple[str, str]  # dataset, source

_LATENCY_SECONDS = (0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 120.0, 300.0, 900.0, 3600.0)
_BATCH_RECORDS = (1.0, 10.0, 100.0, 1_000.0, 10_000.0, 100_000.0, 1_000_000.0, 10_000_000.0)
_BEGINNING = datetime.min.replace(tzinfo=UTC)


class IngestMetrics(Collector):
    """A collector for a Prometheus registry.

    Attributes:
        sources: those to report, with the datasets computed from each; a source without batches reports zeros.
        kept: of those that keep log for their consumer, what they say now; None from one that did not answer.
    """

    def __init__(
        self,
        metastore: Metastore,
        sources: Mapping[Source, Sequence[str]],
        now: datetime,
        *,
        kept: Mapping[Source, KeptLog | None],
    ) -> None:
        self._metastore = metastore
        self._sources = sources
        self._now = now
        self._kept = kept

    def collect(self) -> Iterator[Metric]:
        """Every family, with the labels `dataset` and `source`."""
        yield from self._counts()
        yield from self._histograms()
        yield from self._gauges()
        yield from self._kept_logs()

    def _counts(self) -> Iterator[Metric]:
        totals, rejections = self._metastore.batches.totals(), self._metastore.batches.rejections()
        records = CounterMetricFamily("ingest_records", "Records taken from the source.", labels=("dataset", "source"))
        rows = CounterMetricFamily("ingest_rows", "Rows committed to raw.", labels=("dataset", "source"))
        batches = CounterMetricFamily("ingest_batches", "Batches committed.", labels=("dataset", "source"))
        errors = CounterMetricFamily(
            "ingest_errors", "Records, or files as one, that could not be read.", labels=("dataset", "source", "reason")
        )
        for source in self._sources:
            count, taken, kept = totals.get(source, (0, 0, 0))
            batches.add_metric(source, count)
            records.add_metric(source, taken)
            rows.add_metric(source, kept)
        for (dataset, name, reason), lost in sorted(rejections.items()):
            errors.add_metric((dataset, name, reason), lost)
        yield from (batches, records, rows, errors)

    def _histograms(self) -> Iterator[Metric]:
        latency = HistogramMetricFamily(
            "ingest_latency_seconds",
            "From receiving a batch to raw, and to each dataset computed from it.",
            labels=("dataset", "source", "stage"),
        )
        sizes = HistogramMetricFamily("ingest_batch_records", "Records in a batch.", labels=("dataset", "source"))
        for (dataset, name), followers in self._sources.items():
            batches = self._metastore.batches.since(dataset, source=name, since=_BEGINNING)
            _add(sizes, (dataset, name), [float(b.source_rows) for b in batches], _BATCH_RECORDS)
            to_raw = [(b.recorded_at - b.received_at).total_seconds() for b in batches]
            _add(latency, (dataset, name, "raw"), to_raw, _LATENCY_SECONDS)
            for follower in followers:
                published = self._metastore.runs.readings(follower, of=dataset)
                _add(latency, (dataset, name, follower), list(_waits(batches, published)), _LATENCY_SECONDS)
        yield from (latency, sizes)

    def _gauges(self) -> Iterator[Metric]:
        labels = ("dataset", "source")
        backlog = GaugeMetricFamily("ingest_backlog_records", "Records (files) the source still holds.", labels=labels)
        beat = GaugeMetricFamily("ingest_heartbeat_age_seconds", "Since the newest beat.", labels=labels)
        moved = GaugeMetricFamily("ingest_progress_age_seconds", "Since the position last changed.", labels=labels)
        credential = GaugeMetricFamily("ingest_credential_age_seconds", "Since the credential changed.", labels=labels)
        for source in self._sources:
            found = self._metastore.heartbeats.of(source[0], source=source[1])
            if found is None:
                continue
            beat.add_metric(source, (self._now - found.beat_at).total_seconds())
            moved.add_metric(source, (self._now - found.progressed_at).total_seconds())
            if found.backlog is not None:
                backlog.add_metric(source, found.backlog)
            if found.credential_age_seconds is not None:
                credential.add_metric(source, found.credential_age_seconds)
        yield from (backlog, beat, moved, credential)

    def _kept_logs(self) -> Iterator[Metric]:
        labels = ("dataset", "source")
        known = GaugeMetricFamily("ingest_source_log_known", "1 where the source said what it keeps.", labels=labels)
        kept = GaugeMetricFamily("ingest_source_log_kept_bytes", "Log the source keeps for the slot.", labels=labels)
        limit = GaugeMetricFamily("ingest_source_log_limit_bytes", "The entry's limit for it.", labels=labels)
        ceiling = GaugeMetricFamily(
            "ingest_source_log_server_limit_bytes", "Where the source gives the log up; absent: never.", labels=labels
        )
        active = GaugeMetricFamily("ingest_source_log_active", "1 where a consumer is connected.", labels=labels)
        lost = GaugeMetricFamily("ingest_source_log_lost", "1 where the source gave up unread log.", labels=labels)
        for source, found in self._kept.items():
            known.add_metric(source, found is not None)
            if found is None:
                continue
            limit.add_metric(source, found.limit_bytes)
            active.add_metric(source, found.is_active)
            lost.add_metric(source, found.is_lost)
            if found.retained_bytes is not None:
                kept.add_metric(source, found.retained_bytes)
            if found.server_limit_bytes is not None:
                ceiling.add_metric(source, found.server_limit_bytes)
        yield from (known, kept, limit, ceiling, active, lost)


def _waits(batches: Iterable[BatchEntry], published: Sequence[tuple[int, datetime]]) -> Iterator[float]:
    """Seconds from each batch's receipt until a publish first read a raw version that holds it.

    Args:
        batches: of one source.
        published: raw version read and time of each publish of one dataset, in order of time.
    """
    for batch in batches:
        seen = next((at for version, at in published if version >= batch.raw_version), None)
        if seen is not None:
            yield max(0.0, (seen - batch.received_at).total_seconds())


def _add(
    family: HistogramMetricFamily, labels: Sequence[str], values: Sequence[float], bounds: Sequence[float]
) -> None:
    buckets = [(f"{bound:g}", float(sum(value <= bound for value in values))) for bound in bounds]
    family.add_metric(labels, [*buckets, ("+Inf", float(len(values)))], sum(values))
