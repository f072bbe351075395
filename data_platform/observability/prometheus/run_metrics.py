"""Runs and checks in Prometheus' terms. A run's own story is in tables and traces; exemplars lead there."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator

from data_platform.metastore.engine import Metastore
from data_platform.observability.exposition import Family, Form, Kind
from data_platform.observability.ledger_history import Counted, LedgerHistory

RUNS = Family(
    name="runs_total", kind=Kind.COUNTER, help="Runs that ended.", labels=("dataset", "state"),
    per="dataset and state that occurred",
)  # fmt: skip
RUNNING = Family(
    name="runs_running", kind=Kind.GAUGE, help="Runs that have not ended.", labels=("dataset",),
    per="dataset that runs",
)  # fmt: skip
LAST_SUCCESS = Family(
    name="run_last_success_timestamp_seconds", kind=Kind.GAUGE, help="When the newest successful run ended.",
    labels=("dataset",), per="dataset",
)  # fmt: skip
DURATION = Family(
    name="run_duration_seconds", kind=Kind.HISTOGRAM, help="How long runs took, by the layer of their dataset.",
    labels=("layer", "state"), per="layer and state",
)  # fmt: skip
CHECKS = Family(
    name="checks", kind=Kind.GAUGE, help="Rules by the verdict that each got last.", labels=("domain", "verdict"),
    per="domain and verdict",
)  # fmt: skip
UNBALANCED = Family(
    name="ledger_unbalanced_batches", kind=Kind.GAUGE,
    help="Batches whose rows do not add up; anything but 0 is a loss.",
)  # fmt: skip
FAMILIES = (UNBALANCED, RUNS, RUNNING, LAST_SUCCESS, DURATION, CHECKS)


class RunMetrics:
    """A collector that is kept between scrapes: what did not change is not written again.

    Attributes:
        history: what is shown of the ledger.
    """

    def __init__(self, metastore: Metastore, history: LedgerHistory) -> None:
        self._facts = metastore.operations.metric_facts
        self.history = history
        self._revision = -1
        self._texts: list[tuple[Family, list[str]]] = []

    def collect(self, form: Form) -> Iterator[tuple[Family, Iterable[str]]]:
        """Every family."""
        counted = self.history.counted
        if self._revision != self.history.revision:
            self._texts = [(family, ["".join(lines)]) for family, lines in _families(counted)]
            self._revision = self.history.revision
        yield from self._texts
        yield RUNNING, [RUNNING.line((dataset,), count) for dataset, count in sorted(self._facts.running().items())]
        yield DURATION, [held.text(DURATION, key, form) for key, held in sorted(counted.durations.items())]


def _families(counted: Counted) -> Iterator[tuple[Family, Iterable[str]]]:
    yield UNBALANCED, [UNBALANCED.line((), counted.unbalanced)]
    yield RUNS, [RUNS.line(key, count) for key, count in sorted(counted.ended.items())]
    newest = sorted(counted.last_success.items())
    yield LAST_SUCCESS, [LAST_SUCCESS.line((dataset,), at.timestamp()) for dataset, at in newest]
    counts = Counter((dataset.split(".")[1], said) for (dataset, _), (_, said) in counted.verdicts.items())
    yield CHECKS, [CHECKS.line(key, count) for key, count in sorted(counts.items())]
