"""The one exposition of the whole platform, kept between scrapes so that each reads only what is new.

What was counted is also kept in the metastore: a new process goes on from there, and counters outlive pruned history.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import datetime, timedelta

from data_platform.errors import RetryableError
from data_platform.metastore.engine import Metastore
from data_platform.metastore.metric_rollups import MetricRollup
from data_platform.observability.catalog_metrics import CatalogMetrics
from data_platform.observability.exposition import Form, exposition
from data_platform.observability.ingest_metrics import IngestMetrics
from data_platform.observability.ledger_history import Source
from data_platform.observability.ledger_rollup import NAME as LEDGER
from data_platform.observability.ledger_rollup import restored, written
from data_platform.observability.logs.logger import get_logger
from data_platform.observability.prometheus.indicator_metrics import IndicatorMetrics
from data_platform.observability.prometheus.objective_metrics import ObjectiveMetrics
from data_platform.observability.prometheus.platform_metrics import PlatformMetrics
from data_platform.observability.prometheus.run_metrics import RunMetrics

_INDICATORS = "indicators"
_KEPT_EVERY = timedelta(minutes=10)
_MANY = 10_000  # batches and runs that nobody should have to read twice
_log = get_logger(__name__)


class Metrics:
    """Everything that Prometheus may know. What sources say when they are asked is left to `ingest metrics`."""

    def __init__(
        self,
        metastore: Metastore,
        now: Callable[[], datetime],
        *,
        sources: Mapping[Source, Sequence[str]],
        version: str,
        disks: Callable[[], Iterable[tuple[str, float]]],
    ) -> None:
        """`sources` with the datasets that read each; `disks` gives the free share of places."""
        self._metastore = metastore
        self._now = now
        self._sources = sources
        self._platform = PlatformMetrics(metastore, now, version=version, disks=disks)
        self._indicators = IndicatorMetrics(metastore, now)
        self._objectives = ObjectiveMetrics(metastore)
        self._runs: RunMetrics | None = None
        self._kept_at: datetime | None = None
        self._unkept = 0
        self._lock = threading.Lock()

    def text(self, form: Form = Form.TEXT) -> str:
        """All of it, in one of the two formats.

        Raises:
            RetryableError: the metastore did not answer.
        """
        now = self._now()
        with self._lock:
            runs = self._refreshed()
            ingest = IngestMetrics(self._metastore, self._sources, now, kept={}, history=runs.history)
            catalog = CatalogMetrics(self._metastore, now)
            parts = (self._platform, runs, self._indicators, self._objectives, ingest, catalog)
            text = exposition(*parts, form=form)
            if self._kept_at is None or self._unkept >= _MANY or now - self._kept_at >= _KEPT_EVERY:
                try:
                    self._keep(runs, now)
                except RetryableError as error:  # the numbers are right all the same
                    _log.warning("what metrics were counted from could not be kept", error=str(error))
            return text

    def keep(self) -> None:
        """Counts what is there and keeps it; to be called before history is pruned.

        Raises:
            RetryableError: the metastore did not answer.
        """
        with self._lock:
            self._keep(self._refreshed(), self._now())

    def _refreshed(self) -> RunMetrics:
        if self._runs is None:
            history, self._kept_at = restored(self._metastore, self._sources)
            kept = self._metastore.operations.metric_rollups.of(_INDICATORS)
            if kept is not None:
                self._indicators.restore(kept.body)
            self._runs = RunMetrics(self._metastore, history)
        self._unkept += self._runs.history.refresh()
        return self._runs

    def _keep(self, runs: RunMetrics, now: datetime) -> None:
        rollups = self._metastore.operations.metric_rollups
        with self._metastore.transaction() as tx:
            rollups.keep(MetricRollup(name=LEDGER, kept_at=now, body=written(runs.history.counted)), tx=tx)
            rollups.keep(MetricRollup(name=_INDICATORS, kept_at=now, body=self._indicators.written()), tx=tx)
        self._kept_at, self._unkept = now, 0


def form_for(accept: str) -> Form:
    """The format that a scraper likes better by its Accept header; the plain text where it says nothing of both."""
    wanted = dict(_weighed(part) for part in accept.lower().split(","))
    plain = wanted.get("text/plain", wanted.get("text/*", wanted.get("*/*", 0.0)))
    open_metrics = wanted.get("application/openmetrics-text", 0.0)
    return Form.OPEN_METRICS if open_metrics > 0 and open_metrics >= plain else Form.TEXT


def _weighed(part: str) -> tuple[str, float]:
    """A media type with its weight (RFC 9110, 12.4.2); what cannot be read is not wanted."""
    media_type, *parameters = (word.strip() for word in part.split(";"))
    weight = next((word.removeprefix("q=") for word in parameters if word.startswith("q=")), "1")
    try:
        return media_type, float(weight)
    except ValueError:
        return media_type, 0.0
