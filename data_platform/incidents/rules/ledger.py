"""What counts say: rows without a fate, rows that a source has and we have not, files that could not be read.

What was found once stays until it is mended (`proofs`) or a person has seen to it: no page ends because it grew old.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from data_platform.incidents.model import REMEMBERED, Alert, Symptom
from data_platform.incidents.rules import proofs
from data_platform.incidents.rules.facts import Facts
from data_platform.incidents.rules.proofs import Mends, Proof
from data_platform.metastore.failing_facts import RejectedFiles
from data_platform.metastore.symptoms import SymptomEntry

ALERTS = (Alert.DATA_LOSS, Alert.FILES_REJECTED, Alert.INCOMPLETE)
_FILES_EXPLAIN = timedelta(hours=1)  # how long a file that could not be read may be why something else fails
_GUESS_EXPLAINS = timedelta(days=1)


@dataclass(slots=True)
class _Case:
    """What is proven of one dataset."""

    proofs: list[Proof] = field(default_factory=list)
    held: SymptomEntry | None = None
    marks: dict[str, int] = field(default_factory=dict)

    @property
    def at(self) -> datetime:
        times = [one.at for one in self.proofs]
        return max([*times, self.held.began_at] if self.held else times)

    @property
    def evidence(self) -> Mapping[str, object]:
        if not self.proofs:
            return self.held.evidence if self.held else {}
        newest = max(self.proofs, key=lambda one: one.at)
        return {**newest.evidence, **({"proofs": len(self.marks)} if len(self.marks) > 1 else {})}


def symptoms(facts: Facts) -> Iterator[Symptom]:
    """Proven loss pages; what is only guessed to be missing is a ticket."""
    yield from _loss(facts)
    yield from _files(facts)


def _loss(facts: Facts) -> Iterator[Symptom]:
    alerts = (Alert.DATA_LOSS, Alert.INCOMPLETE)
    newest = proofs.newest_counts(facts, since=min(facts.since_of(alert) for alert in alerts))
    ledgers = list(proofs.of_ledgers(facts))
    proven = [*proofs.of_runs(facts), *proofs.of_sources(facts), *ledgers]
    guessed: list[Proof] = []
    for proof, is_guess in proofs.of_counts(newest):
        (guessed if is_guess else proven).append(proof)
    mends = Mends(facts=facts, newest=newest, open_ledgers=frozenset(one.mark for one in ledgers))
    lost = _cases(facts, Alert.DATA_LOSS, proven, mends)
    for dataset, case in lost.items():
        yield facts.page(
            Alert.DATA_LOSS, dataset, since=case.at, dataset=dataset, marks=case.marks, evidence=case.evidence
        )
    for dataset, case in _cases(facts, Alert.INCOMPLETE, guessed, mends).items():
        if dataset not in lost:
            age = facts.now - case.at
            yield facts.ticket(
                Alert.INCOMPLETE,
                dataset,
                since=case.at,
                dataset=dataset,
                marks=case.marks,
                is_old=age > _GUESS_EXPLAINS,
                is_aged=age > REMEMBERED,
                evidence=case.evidence,
            )


def _cases(facts: Facts, alert: Alert, found: list[Proof], mends: Mends) -> Mapping[str, _Case]:
    """What is new of each dataset, and what was told and is not mended."""
    cases: dict[str, _Case] = {}
    held = facts.held_of(alert)
    for proof in found:
        is_told = proof.dataset in held and proof.mark in held[proof.dataset].marks
        if is_told or proof.at >= facts.since:
            case = cases.setdefault(proof.dataset, _Case())
            case.proofs.append(proof)
            case.marks[proof.mark] = max(proof.size, case.marks.get(proof.mark, proof.size))
    for dataset, entry in held.items():
        known = {one.mark for one in found if one.dataset == dataset}
        left = {m: n for m, n in entry.marks.items() if m not in known and not mends.is_mended(dataset, m)}
        if left:
            case = cases.setdefault(dataset, _Case())
            case.held = entry
            case.marks |= left
    return cases


def _files(facts: Facts) -> Iterator[Symptom]:
    held = facts.held_of(Alert.FILES_REJECTED)
    of_dataset: dict[str, list[RejectedFiles]] = {}
    for one in facts.metastore.operations.failing_facts.rejected_files(since=facts.since_of(Alert.FILES_REJECTED)):
        if one.at >= facts.since or one.dataset in held:
            of_dataset.setdefault(one.dataset, []).append(one)
    for dataset, found in of_dataset.items():
        newest = max(one.at for one in found)
        reasons: dict[str, int] = {}
        marks: dict[str, int] = {}
        for one in found:
            reasons[one.reason] = reasons.get(one.reason, 0) + one.count
            marks[one.source] = max(one.number, marks.get(one.source, one.number))
        yield facts.ticket(
            Alert.FILES_REJECTED,
            dataset,
            since=newest,
            dataset=dataset,
            marks=marks,
            is_old=facts.now - newest > _FILES_EXPLAIN,
            is_aged=facts.now - newest > REMEMBERED,
            evidence={"files": sum(reasons.values()), "reasons": reasons},
        )
