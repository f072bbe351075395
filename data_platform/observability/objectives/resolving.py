"""The objectives of a project: written by hand in `domains/<domain>/objectives/`, and derived from contracts.

A document that promises what a contract promises too, under the same name, takes its place.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

from data_platform.contracts.domain_files import AS_THEY_ARE, Domain
from data_platform.contracts.domains import PLATFORM_DOMAIN, Project
from data_platform.contracts.model import DatasetName
from data_platform.contracts.places import Place, exact, nearest, shown_path
from data_platform.contracts.tiers import is_critical
from data_platform.errors import Fault, FaultyProject
from data_platform.observability.objectives.deriving import WAKES, derived
from data_platform.observability.objectives.durations import Duration
from data_platform.observability.objectives.model import (
    INDICATORS,
    Budgeting,
    Comparison,
    Objective,
    Slices,
    Threshold,
    document_name,
)
from data_platform.observability.objectives.openslo import SUFFIX, Document, parse_document, read_document
from data_platform.observability.objectives.openslo_slo import check_threshold, slice_window, start_time
from data_platform.observability.objectives.windows import Window

SOURCE_TYPE = "data_platform"
FOLDER = "objectives"
_USUAL = Window(Duration(30, "d"))
_REFERENCES = {
    "conditionRef": "AlertCondition",
    "targetRef": "AlertNotificationTarget",
    "alertPolicyRef": "AlertPolicy",
}


def objectives_of(project: Project) -> tuple[Objective, ...]:
    """Every objective, by id.

    Raises:
        FaultyProject: with every fault of every document.
    """
    found, faults = read_objectives(project)
    if faults:
        raise FaultyProject(faults)
    return found


def read_objectives(
    project: Project, *, instead: Mapping[Path, bytes] = AS_THEY_ARE
) -> tuple[tuple[Objective, ...], list[Fault]]:
    """What could be read, and every fault; `instead` has bytes that are read in place of those of a file."""
    by_name = {document_name(one.id): one for one in derived(project)}
    reading = _Reading(project, instead)
    for domain in project.domains:
        for path in sorted((domain.path / FOLDER).glob("*")):
            if path.is_file() and not path.name.endswith(SUFFIX):
                message = "is not read: it is not named as an objective"
                reading.faults.append(Fault(shown_path(path), 0, message, f"rename it to <name>{SUFFIX}"))
            elif path.is_file():
                reading.take(path, domain)
    for one in reading.resolved():
        same = by_name.get(document_name(one.id))
        by_name[document_name(one.id)] = replace(one, id=same.id) if same else one
    return tuple(sorted(by_name.values(), key=lambda one: one.id)), sorted(set(reading.faults))


@dataclass(frozen=True, slots=True)
class _Subject:
    """What an indicator is about."""

    sli: str
    subject: str
    domain: str
    owner: str
    is_critical: bool


@dataclass(slots=True)
class _Reading:
    """The documents found so far, by kind and name."""

    project: Project
    instead: Mapping[Path, bytes]
    documents: dict[tuple[str, str], tuple[Document, Domain]] = field(default_factory=dict)
    faults: list[Fault] = field(default_factory=list)

    def take(self, path: Path, domain: Domain) -> None:
        """Reads one file."""
        kept = self.instead.get(path)
        document, faults = read_document(path) if kept is None else parse_document(kept, shown_path(path))
        self.faults += faults
        if document is None:
            return
        known = self.documents.setdefault((document.kind, document.name), (document, domain))[0]
        if known is not document:
            where = document.top.into("metadata")
            where.into("name").fault(
                f"{document.kind} {document.name} is in {known.top.file.path} already", "rename one"
            )
            self.faults += where.file.faults

    def resolved(self) -> Iterator[Objective]:
        """The objectives of every SLO whose references lead somewhere."""
        for (kind, _), (document, domain) in sorted(self.documents.items(), key=lambda item: item[0]):
            before = len(document.top.file.faults)
            self._check_references(document.spec)
            found = list(self._slo(document, domain)) if kind == "SLO" else []
            if kind == "SLI":
                self._subject(document.spec)
            self.faults += document.top.file.faults[before:]
            if len(document.top.file.faults) == before:
                yield from found

    def _slo(self, document: Document, domain: Domain) -> Iterator[Objective]:
        spec = document.spec
        objectives = list(spec.items("objectives"))
        for number, one in enumerate(objectives, 1):
            indicator = self._indicator(one if one.has("indicator") or one.has("indicatorRef") else spec)
            subject = self._subject(indicator) if indicator is not None else None
            if indicator is not None and indicator.has("thresholdMetric"):
                check_threshold(one)
                if len(objectives) > 1 and not one.has("indicator") and not one.has("indicatorRef"):
                    one.fault("a thresholdMetric has one objective only", "keep one of them")
            if subject is None or one.file.faults:
                continue
            name = document.name if len(objectives) == 1 else f"{document.name}.{number}"
            yield Objective(
                id=name,
                sli=subject.sli,
                subject=subject.subject,
                domain=subject.domain or (domain.name if subject.subject != PLATFORM_DOMAIN else ""),
                owner=subject.owner,
                is_critical=subject.is_critical,
                target=_target(one),
                window=_window(spec),
                method=Budgeting(spec.text("budgetingMethod")),
                slices=_slices(one, spec.text("budgetingMethod")),
                threshold=_threshold(one) if indicator is not None and indicator.has("thresholdMetric") else None,
                title=one.text("displayName") or document.top.into("metadata").text("displayName"),
                description=spec.text("description"),
                origin=f"{one.file.path}:{one.line}",
            )

    def _indicator(self, place: Place) -> Place | None:
        """The spec of the SLI that stands here or is named here."""
        if not place.has("indicatorRef"):
            return place.into("indicator").into("spec")
        name = place.text("indicatorRef")
        if ("SLI", name) in self.documents:
            return self.documents["SLI", name][0].spec
        known = [other for kind, other in self.documents if kind == "SLI"]
        place.into("indicatorRef").fault(f"there is no SLI {name!r}", nearest(name, known))
        return None

    def _check_references(self, place: Place) -> None:
        if isinstance(place.value, list):
            for index in range(len(place.value)):
                self._check_references(place.into(index))
        for key in place.value if isinstance(place.value, dict) else ():
            kind, name = _REFERENCES.get(key), place.get(key)
            if kind and (kind, name) not in self.documents:
                known = [other for other_kind, other in self.documents if other_kind == kind]
                place.into(key).fault(f"there is no {kind} {name!r}", nearest(str(name), known))
            elif not kind and key != "connectionDetails":
                self._check_references(place.into(key))

    def _subject(self, indicator: Place) -> _Subject | None:
        """What an SLI of this platform measures; all its metrics must say the same."""
        ratio = indicator.into("ratioMetric")
        metrics = (
            [indicator.into("thresholdMetric")]
            if indicator.has("thresholdMetric")
            else [ratio.into(key) for key in ("good", "bad", "total", "raw") if ratio.has(key)]
        )
        found = [self._asked(metric.into("metricSource")) for metric in metrics]
        if len(set(found)) > 1:
            ratio.fault("the metrics of one ratio ask for different things", "name one sli and one subject in all")
            return None
        return found[0] if found else None

    def _asked(self, source: Place) -> _Subject | None:
        if source.get("type") != SOURCE_TYPE:
            message = f"metrics come from {source.get('type')!r}, which this platform does not ask"
            source.missing("type", message, f"write type: {SOURCE_TYPE}")
            return None
        spec = source.into("spec")
        spec.refuse_unknown(("sli", "dataset", "source", "domain", "platform"), "a metricSource of this platform")
        sli = spec.text("sli")
        if sli not in INDICATORS:
            spec.missing("sli", f"there is no indicator {sli!r}", nearest(sli, INDICATORS))
            return None
        named = [key for key in ("dataset", "domain", "platform") if spec.has(key)]
        if len(named) != 1:
            spec.fault("it names not exactly one of dataset, domain and platform", "name what the indicator is about")
            return None
        return getattr(self, f"_of_{named[0]}")(spec, sli)  # type: ignore[no-any-return]

    def _of_dataset(self, spec: Place, sli: str) -> _Subject | None:
        try:
            name = DatasetName.parse(spec.text("dataset"))
            contract = self.project.datasets[name].contract
        except (ValueError, KeyError):
            known = map(str, self.project.datasets)
            spec.into("dataset").fault(
                f"there is no dataset {spec.get('dataset')!r}", nearest(str(spec.get("dataset")), known)
            )
            return None
        subject = str(name)
        if spec.has("source"):
            sources = [entry.name for entry in self.project.connectors_of(name)]
            if spec.get("source") not in sources:
                _no_such(spec, "source", sources)
                return None
            subject = f"{name}/{spec.get('source')}"
        elif sli == "connector_heartbeat":
            spec.missing("source", "a heartbeat is one connector's", "add source: <name of the entry>")
        return _Subject(sli, subject, name.domain, contract.owner.team, is_critical(contract.tier))

    def _of_domain(self, spec: Place, sli: str) -> _Subject | None:
        found = next((one for one in self.project.domains if one.name == spec.get("domain")), None)
        if found is None:
            known = [one.name for one in self.project.domains]
            spec.into("domain").fault(
                f"there is no domain {spec.get('domain')!r}", nearest(str(spec.get("domain")), known)
            )
            return None
        return _Subject(sli, found.name, found.name, found.team, sli in WAKES)

    def _of_platform(self, spec: Place, sli: str) -> _Subject | None:
        if spec.get("platform") is not True:
            spec.into("platform").fault("platform is not true", "write platform: true, or name a dataset")
        return _Subject(sli, PLATFORM_DOMAIN, "", PLATFORM_DOMAIN, sli in WAKES)


def _target(one: Place) -> float:
    target, percent = exact(one.get("target")), exact(one.get("targetPercent"))
    return float(target if target is not None else (percent or 0) / 100)


def _window(spec: Place) -> Window:
    window = next(iter(spec.items("timeWindow")), None)
    duration = Duration.parse(window.get("duration")) if window is not None else None
    if window is None or duration is None:
        return _USUAL
    calendar = window.into("calendar")
    return Window(duration, start_time(calendar.get("startTime")), calendar.text("timeZone") or "UTC")


def _slices(one: Place, method: str) -> Slices | None:
    window = slice_window(one.get("timeSliceWindow"))
    if method == Budgeting.OCCURRENCES or window is None:
        return None
    target = exact(one.get("timeSliceTarget"))
    return Slices(window=window, target=float(target or 1) if method == Budgeting.TIMESLICES else None)


def _threshold(one: Place) -> Threshold | None:
    value = exact(one.get("value"))
    return Threshold(op=Comparison(one.text("op")), value=float(value)) if value is not None else None


def _no_such(spec: Place, key: str, known: Iterable[str]) -> None:
    spec.into(key).fault(f"there is no {key} {spec.get(key)!r}", nearest(str(spec.get(key)), known))
