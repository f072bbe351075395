"""The root cause of a symptom: the walk up the lineage to the first failing node. Pure: symptoms in, causes out."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

from data_platform.incidents.model import ALONE, FAILING, FILES, Alert, Estate, Symptom

_SCHEDULERS = ("dagster", "sensor:", "schedule:")


@dataclass(frozen=True, slots=True, kw_only=True)
class Cause:
    """What everything follows from.

    Attributes:
        key: the dataset, `<dataset>/<source>` or part of the platform.
        dataset, domain: empty where it belongs to none.
        strand: the alert, of those that have an incident of their own whatever else is wrong with the same thing.
    """

    key: str
    strand: str = ""
    dataset: str = ""
    domain: str = ""


@dataclass(slots=True)
class Causes:
    """The causes among the symptoms of one moment."""

    estate: Estate
    symptoms: Iterable[Symptom]
    _at: dict[str, list[Symptom]] = field(default_factory=dict)
    _present: set[str] = field(default_factory=set)
    _scheduler: Symptom | None = None
    _tops: dict[str, tuple[str, ...]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        for symptom in self.symptoms:
            self._present.add(symptom.subject)
            if symptom.alert not in ALONE:
                self._present.add(symptom.dataset)
            if symptom.dataset and symptom.alert in FAILING and not (symptom.is_harmless or symptom.is_old):
                self._at.setdefault(symptom.dataset, []).append(symptom)
            if symptom.alert is Alert.WATCH_SILENT and symptom.subject.startswith(_SCHEDULERS):
                is_first = self._scheduler is None or symptom.began_at < self._scheduler.began_at
                self._scheduler = symptom if is_first else self._scheduler

    def of(self, symptom: Symptom) -> tuple[Cause, ...]:
        """The causes of a symptom, the one that began first first; never none."""
        scheduler = self._scheduler
        if symptom.alert in ALONE or not symptom.dataset:
            return (self.alone(symptom),)
        tops = self._failing_tops(symptom.dataset)
        is_unstarted = symptom.waits_for_scheduler and scheduler is not None and symptom.began_at >= scheduler.began_at
        # what is old because something above it fails would be old with a scheduler, too
        is_own = symptom.alert is not Alert.FRESHNESS_BREACH or tops in ((), (symptom.dataset,))
        if is_unstarted and is_own and scheduler is not None:
            return (Cause(key=scheduler.subject),)
        return tuple(self._of_node(top) for top in tops) or (self.alone(symptom),)

    def alone(self, symptom: Symptom) -> Cause:
        """The cause of what follows from nothing else."""
        if symptom.dataset:
            is_of_files = symptom.subject.startswith(FILES)  # no old finding about the table may swallow it
            return Cause(
                key=symptom.connector or (symptom.subject if is_of_files else symptom.dataset),
                strand=strand_of(symptom.alert),
                dataset=symptom.dataset,
                domain=self.estate.domain_of(symptom.dataset),
            )
        about = symptom.evidence.get("about") if symptom.domain or symptom.alert is Alert.SLO_FAST_BURN else None
        key = str(about) if about else symptom.subject
        domain = symptom.domain or self.estate.domain_of(key) or (key if key in self.estate.on_call else "")
        return Cause(key=key, domain=domain, strand=strand_of(symptom.alert))

    def above(self, key: str, dataset: str) -> tuple[Cause, ...]:
        """What a cause that still fails follows from itself, as is found later; itself where nothing is above."""
        if dataset not in self._at or not self.is_failing(key):
            return ()
        tops = self._failing_tops(dataset)
        return tuple(self._of_node(top) for top in tops)

    def is_failing(self, key: str) -> bool:
        """Whether a cause itself is wrong at this moment."""
        return key in self._present

    def _of_node(self, dataset: str) -> Cause:
        lost = [one for one in self._at.get(dataset, ()) if one.alert is Alert.CONNECTOR_LOST]
        domain = self.estate.domain_of(dataset)
        if not lost:
            return Cause(key=dataset, dataset=dataset, domain=domain)
        first = min(lost, key=lambda one: (one.began_at, one.subject))
        return Cause(key=first.subject, dataset=dataset, domain=domain)

    def _failing_tops(self, dataset: str) -> tuple[str, ...]:
        """The most upstream failing datasets above one, or itself; in order of their beginning."""
        self._walk(dataset)
        began = {top: min(one.began_at for one in self._at[top]) for top in self._tops[dataset]}
        return tuple(sorted(began, key=lambda top: (began[top], top)))

    def _walk(self, start: str) -> None:
        # by hand rather than by recursion: chains of datasets may be longer than the stack
        waiting, seen = [(start, False)], set[str]()
        while waiting:
            dataset, is_below_done = waiting.pop()
            if dataset in self._tops:
                continue
            inputs = self.estate.upstream.get(dataset, ())
            if is_below_done:
                above = {top for one in inputs for top in self._tops.get(one, ())}
                self._tops[dataset] = tuple(sorted(above)) or ((dataset,) if dataset in self._at else ())
            elif dataset not in seen:  # datasets that read each other in a circle are asked once
                seen.add(dataset)
                waiting.append((dataset, True))
                waiting += [(one, False) for one in inputs if one not in self._tops]


def strand_of(alert: str) -> str:
    """The alert where it stands apart from everything else, otherwise nothing."""
    return str(alert) if alert in ALONE else ""
