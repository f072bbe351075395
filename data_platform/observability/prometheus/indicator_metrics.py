"""The newest value of each indicator, by dataset. History and parts of a dataset are in the tables of indicators."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping
from datetime import datetime, timedelta

from data_platform.metastore.engine import Metastore
from data_platform.observability.exposition import Family, Form, Kind


def _family(sli: str, unit: str, help_: str) -> Family:
    return Family(name=f"sli_{sli}_{unit}", kind=Kind.GAUGE, help=help_, labels=("subject",), per="dataset or platform")


# What the parts of one subject come to: the worst of them.
INDICATORS: Mapping[str, tuple[Family, Callable[[Iterable[float]], float]]] = {
    "pipeline_success": (_family("pipeline_success", "ratio", "Runs last due that were met."), min),
    "freshness": (_family("freshness", "seconds", "Age of the newest complete event time that readers see."), max),
    "processing_lag": (_family("processing_lag", "seconds", "From a batch's receipt to its publish."), max),
    "completeness": (_family("completeness", "ratio", "Records that arrived, of those that the source had."), min),
    "validity": (_family("validity", "ratio", "New rows that kept every rule."), min),
    "duplication": (_family("duplication", "ratio", "New rows that had come before."), max),
    "task_age": (_family("task_age", "seconds", "How long runs wait before they start."), max),
}
FAMILIES = tuple(family for family, _ in INDICATORS.values())
FORGOTTEN_AFTER = timedelta(days=2)  # a value that nobody renewed is not shown as if it were one of today


class IndicatorMetrics:
    """A collector that is kept between scrapes: it reads only what was measured since the one before."""

    def __init__(self, metastore: Metastore, now: Callable[[], datetime]) -> None:
        self._facts = metastore.operations.metric_facts
        self._now = now
        self._until: datetime | None = None
        self._newest: dict[tuple[str, str, str], tuple[datetime, float | None]] = {}

    def written(self) -> str:
        """What is held, as text for `restore`."""
        held = [[*key, at.isoformat(), value] for key, (at, value) in self._newest.items()]
        return json.dumps({"until": self._until.isoformat() if self._until else None, "newest": held})

    def restore(self, text: str) -> None:
        """Goes on from what another process held."""
        body = json.loads(text)
        until = datetime.fromisoformat(body["until"]) if body["until"] else None
        if until is None or until <= self._now() - FORGOTTEN_AFTER:
            return
        self._until = until
        self._newest = {(sli, subject, partition): (datetime.fromisoformat(at), value)
                        for sli, subject, partition, at, value in body["newest"]}  # fmt: skip

    def collect(self, form: Form) -> Iterator[tuple[Family, Iterable[str]]]:  # noqa: ARG002  no exemplars here
        """Every family."""
        oldest = self._now() - FORGOTTEN_AFTER
        for row in self._facts.values(INDICATORS, since=self._until or oldest):
            self._newest[row.sli, row.subject, row.partition] = (row.measured_at, row.value)
            self._until = row.measured_at
        self._newest = {key: said for key, said in self._newest.items() if said[0] > oldest}
        values: dict[str, dict[str, list[float]]] = {sli: defaultdict(list) for sli in INDICATORS}
        for (sli, subject, _), (_, value) in self._newest.items():
            if value is not None:
                values[sli][subject].append(value)
        for sli, (family, worst) in INDICATORS.items():
            yield family, [family.line((subject,), worst(found)) for subject, found in sorted(values[sli].items())]
