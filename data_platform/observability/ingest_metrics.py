"""Ingestion in Prometheus' terms: records, errors, latencies, batch sizes and backlogs, by dataset and source.

Every number is counted from the ledger, so that it survives restarts and crashed processes, and what was counted
survives pruning. Counters fall only where a dataset is gone.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime

from data_platform.metastore.engine import Metastore
from data_platform.observability.exposition import Family, Form, Kind, Observations
from data_platform.observability.kept_log import KeptLog
from data_platform.observability.ledger_history import BATCH_RECORDS, LATENCY_SECONDS, LedgerHistory, Source
from data_platform.observability.ledger_rollup import restored

_SOURCE = ("dataset", "source")


def _gauge(name: str, help_: str) -> Family:
    return Family(name=name, kind=Kind.GAUGE, help=help_, labels=_SOURCE, per="source")


def _counter(name: str, help_: str) -> Family:
    return Family(name=name, kind=Kind.COUNTER, help=help_, labels=_SOURCE, per="source")


BATCHES = _counter("ingest_batches_total", "Batches committed.")
RECORDS = _counter("ingest_records_total", "Records taken from the source.")
ROWS = _counter("ingest_rows_total", "Rows committed to raw.")
ERRORS = Family(
    name="ingest_errors_total",
    kind=Kind.COUNTER,
    help="Records, or files as one, that could not be read.",
    labels=(*_SOURCE, "reason"),
    per="source and reason that occurred",
)
LATENCY = Family(
    name="ingest_latency_seconds",
    kind=Kind.HISTOGRAM,
    help="From receiving a batch to raw, and to each dataset computed from it.",
    labels=(*_SOURCE, "stage"),
    per="source and stage (raw, and each dataset that reads it)",
)
SIZES = Family(
    name="ingest_batch_records", kind=Kind.HISTOGRAM, help="Records in a batch.", labels=_SOURCE, per="source"
)
BACKLOG = _gauge("ingest_backlog_records", "Records (files) the source still holds.")
BEAT = _gauge("ingest_heartbeat_age_seconds", "Since the newest beat.")
MOVED = _gauge("ingest_progress_age_seconds", "Since the position last changed.")
CREDENTIAL = _gauge("ingest_credential_age_seconds", "Since the credential changed.")
LOG_KNOWN = _gauge("ingest_source_log_known", "1 where the source said what it keeps.")
LOG_KEPT = _gauge("ingest_source_log_kept_bytes", "Log the source keeps for the slot.")
LOG_LIMIT = _gauge("ingest_source_log_limit_bytes", "The entry's limit for it.")
LOG_CEILING = _gauge("ingest_source_log_server_limit_bytes", "Where the source gives the log up; absent: never.")
LOG_ACTIVE = _gauge("ingest_source_log_active", "1 where a consumer is connected.")
LOG_LOST = _gauge("ingest_source_log_lost", "1 where the source gave up unread log.")
_LOGS = (LOG_KNOWN, LOG_KEPT, LOG_LIMIT, LOG_CEILING, LOG_ACTIVE, LOG_LOST)
FAMILIES = (BATCHES, RECORDS, ROWS, ERRORS, LATENCY, SIZES, BACKLOG, BEAT, MOVED, CREDENTIAL, *_LOGS)


class IngestMetrics:
    """A collector.

    Attributes:
        sources: those to report, with the datasets computed from each; a source without batches reports zeros.
        kept: of those that keep log for their consumer, what they say now; None from one that did not answer.
        history: what was read of the ledger already.
    """

    def __init__(
        self,
        metastore: Metastore,
        sources: Mapping[Source, Sequence[str]],
        now: datetime,
        *,
        kept: Mapping[Source, KeptLog | None],
        history: LedgerHistory | None = None,
    ) -> None:
        self._metastore = metastore
        self._sources = sources
        self._now = now
        self._kept = kept
        self._history = history

    def collect(self, form: Form) -> Iterator[tuple[Family, Iterable[str]]]:
        """Every family."""
        history = self._history
        if history is None:
            history, _ = restored(self._metastore, self._sources)
            history.refresh()
        yield from self._counts(history)
        yield from self._histograms(history, form)
        yield from self._gauges()
        yield from self._kept_logs()

    def _counts(self, history: LedgerHistory) -> Iterator[tuple[Family, Iterable[str]]]:
        landed = history.counted.landed
        counted = {source: landed.get(source, (0, 0, 0)) for source in self._sources}
        for place, family in enumerate((BATCHES, RECORDS, ROWS)):
            yield family, [family.line(source, counts[place]) for source, counts in counted.items()]
        yield ERRORS, [ERRORS.line(labels, lost) for labels, lost in sorted(history.counted.rejected.items())]

    def _histograms(self, history: LedgerHistory, form: Form) -> Iterator[tuple[Family, Iterable[str]]]:
        stages = [(*source, stage) for source, followers in self._sources.items() for stage in ("raw", *followers)]
        latency, sizes = history.counted.latency, history.counted.sizes
        yield LATENCY, [_text(LATENCY, latency.get(key), key, form) for key in stages]
        yield SIZES, [_text(SIZES, sizes.get(key), key, form) for key in self._sources]

    def _gauges(self) -> Iterator[tuple[Family, Iterable[str]]]:
        beats = {(row.dataset, row.source): row for row in self._metastore.operations.metric_facts.heartbeats()}
        found = [(source, beats[source]) for source in self._sources if source in beats]
        yield BACKLOG, [BACKLOG.line(key, beat.backlog) for key, beat in found if beat.backlog is not None]
        yield BEAT, [BEAT.line(key, (self._now - beat.beat_at).total_seconds()) for key, beat in found]
        yield MOVED, [MOVED.line(key, (self._now - beat.progressed_at).total_seconds()) for key, beat in found]
        ages = [(key, beat.credential_age_seconds) for key, beat in found]
        yield CREDENTIAL, [CREDENTIAL.line(key, age) for key, age in ages if age is not None]

    def _kept_logs(self) -> Iterator[tuple[Family, Iterable[str]]]:
        yield LOG_KNOWN, [LOG_KNOWN.line(source, found is not None) for source, found in self._kept.items()]
        kept = [(source, found) for source, found in self._kept.items() if found is not None]
        yield LOG_KEPT, [LOG_KEPT.line(key, log.retained_bytes) for key, log in kept if log.retained_bytes is not None]
        yield LOG_LIMIT, [LOG_LIMIT.line(key, log.limit_bytes) for key, log in kept]
        limits = [(key, log.server_limit_bytes) for key, log in kept]
        yield LOG_CEILING, [LOG_CEILING.line(key, limit) for key, limit in limits if limit is not None]
        yield LOG_ACTIVE, [LOG_ACTIVE.line(key, log.is_active) for key, log in kept]
        yield LOG_LOST, [LOG_LOST.line(key, log.is_lost) for key, log in kept]


def _text(family: Family, held: Observations | None, labels: Sequence[str], form: Form) -> str:
    if held is not None:
        return held.text(family, labels, form)
    return Observations.over(LATENCY_SECONDS if family is LATENCY else BATCH_RECORDS).text(family, labels, form)
