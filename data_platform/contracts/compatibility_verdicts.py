"""What a difference between two contracts means: verdicts, version steps, one change. How they are found is in
`compatibility`.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class Verdict(StrEnum):
    """What a change does to somebody for whom everything was right under the old contract."""

    COMPATIBLE = "compatible"  # stays right
    RISKY = "risky"  # depends on the data, or on what was relied upon: somebody has to look
    BREAKING = "breaking"  # is wrong now, or means something else

    @property
    def rank(self) -> int:
        """0, 1 or 2: the worse, the higher."""
        return _VERDICTS.index(self)


class Step(StrEnum):
    """A step from one semantic version to the next."""

    NONE = "none"
    PATCH = "patch"
    MINOR = "minor"
    MAJOR = "major"

    @property
    def rank(self) -> int:
        """From 0 for none to 3 for major."""
        return _STEPS.index(self)


_VERDICTS = list(Verdict)
_STEPS = list(Step)
COMPATIBLE, RISKY, BREAKING = Verdict.COMPATIBLE, Verdict.RISKY, Verdict.BREAKING


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """One difference between two contracts of a dataset.

    Attributes:
        kind: what changed, e.g. `column_removed`; the word that a waiver names.
        subject: the column, rule or field that it concerns; empty where it is the dataset itself.
        before, after: what was said and what is said now; empty where nothing was.
        readers: for queries and datasets that read the table.
        writers: for deliveries (raw) or the query (curated, served) that fill it.
        needs_new_table: the stored table cannot take the change: a run refuses it (`publication.shape`).
        is_addition: it gives something that was not there, as a minor version does.
        line: of the new contract, of the old one where the subject is gone; 0 where there is none.
    """

    kind: str
    subject: str
    readers: Verdict
    writers: Verdict
    reason: str
    before: str = ""
    after: str = ""
    needs_new_table: bool = False
    is_addition: bool = False
    line: int = 0

    @property
    def verdict(self) -> Verdict:
        """The worse of the two."""
        return max(self.readers, self.writers, key=lambda verdict: verdict.rank)

    @property
    def step(self) -> Step:
        """The version step that the change needs."""
        if self.verdict is BREAKING or self.needs_new_table:
            return Step.MAJOR
        return Step.MINOR if self.verdict is RISKY or self.is_addition else Step.PATCH

    @property
    def key(self) -> str:
        """`kind:subject`, or the kind alone."""
        return f"{self.kind}:{self.subject}" if self.subject else self.kind


@dataclass(frozen=True, slots=True)
class Effect:
    """The verdicts of a change with their reason, before it is known where the change stands."""

    readers: Verdict
    writers: Verdict
    reason: str


NO_EFFECT = Effect(COMPATIBLE, COMPATIBLE, "it changes no data")


def tightened(what: str) -> Effect:
    """A rule admits less: whoever fills the table may now be refused, whoever reads it is told more."""
    return Effect(COMPATIBLE, BREAKING, f"{what}: rows that were right are held back or stop the publish")


def loosened(what: str) -> Effect:
    """A rule admits more: readers may meet what they never met."""
    return Effect(RISKY, COMPATIBLE, f"{what}: readers may meet values that could not be there")


def both(one: Effect, other: Effect) -> Effect:
    """The worse verdict on either side, and both reasons."""
    readers = max(one.readers, other.readers, key=lambda verdict: verdict.rank)
    writers = max(one.writers, other.writers, key=lambda verdict: verdict.rank)
    return Effect(readers, writers, f"{one.reason}; {other.reason}")
