"""The one exposition of the whole platform, kept between scrapes so that each reads only what is new."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import datetime

from data_platform.metastore.engine import Metastore
from data_platform.observability.catalog_metrics import CatalogMetrics
from data_platform.observability.exposition import Form, exposition
from data_platform.observability.ingest_metrics import IngestMetrics
from data_platform.observability.ledger_history import LedgerHistory, Source
from data_platform.observability.prometheus.indicator_metrics import IndicatorMetrics
from data_platform.observability.prometheus.objective_metrics import ObjectiveMetrics
from data_platform.observability.prometheus.platform_metrics import PlatformMetrics
from data_platform.observability.prometheus.run_metrics import RunMetrics


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
        self._history = LedgerHistory(metastore, sources)
        self._platform = PlatformMetrics(metastore, now, version=version, disks=disks)
        self._runs = RunMetrics(metastore, self._history)
        self._indicators = IndicatorMetrics(metastore, now)
        self._objectives = ObjectiveMetrics(metastore)
        self._lock = threading.Lock()

    def text(self, form: Form = Form.TEXT) -> str:
        """All of it, in one of the two formats.

        Raises:
            RetryableError: the metastore did not answer.
        """
        now = self._now()
        with self._lock:
            self._history.refresh()
            ingest = IngestMetrics(self._metastore, self._sources, now, kept={}, history=self._history)
            catalog = CatalogMetrics(self._metastore, now)
            parts = (self._platform, self._runs, self._indicators, self._objectives, ingest, catalog)
            return exposition(*parts, form=form)


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
