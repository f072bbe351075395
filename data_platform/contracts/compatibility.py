"""Two versions of a contract: every difference, what it does to readers and writers, and the version it needs.

*Readers* are queries and datasets that were right when they read the table under the old contract. *Writers* are the
deliveries of a raw dataset, or the query of another one, that were right under it. Nothing here reads files or knows
who the readers are; that is put together in `cli.contract_diff`.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

from data_platform.contracts.compatibility_columns import column_changes
from data_platform.contracts.compatibility_format import format_changes
from data_platform.contracts.compatibility_making import making_changes
from data_platform.contracts.compatibility_quality import quality_changes, reference_changes
from data_platform.contracts.compatibility_time import time_changes
from data_platform.contracts.compatibility_verdicts import (
    BREAKING,
    COMPATIBLE,
    NO_EFFECT,
    RISKY,
    Change,
    Effect,
    Step,
    Verdict,
)
from data_platform.contracts.model import Contract, DatasetName, Layer
from data_platform.contracts.versions import UNRELIED, step_made, step_needed

_PROSE = (
    ("description_changed", "description"),
    ("usage_changed", "usage"),
    ("limitations_changed", "limitations"),
    ("tags_changed", "tags"),
    ("support_changed", "support"),
    ("cost_tags_changed", "cost_tags"),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Comparison:
    """What became of one dataset's contract.

    Attributes:
        base, head: the contracts; None where there is none.
        needed: the version step that the changes need.
        made: the step that was made; None where the version went backwards.
    """

    base: Contract | None
    head: Contract | None
    changes: tuple[Change, ...]
    needed: Step
    made: Step | None

    @property
    def name(self) -> DatasetName:
        """The dataset."""
        contract = self.head or self.base
        assert contract is not None
        return contract.name

    @property
    def verdict(self) -> Verdict:
        """The worst verdict of all changes."""
        return max((change.verdict for change in self.changes), key=lambda v: v.rank, default=COMPATIBLE)

    @property
    def lacks_version(self) -> bool:
        """Whether the version says less than the changes do."""
        return self.made is None or self.made.rank < self.needed.rank


def compare(base: Contract | None, head: Contract | None) -> Comparison:
    """Compares two versions of one dataset's contract; at least one has to be there."""
    if base is None or head is None:
        change = _come(head) if head is not None else _gone(base)
        needed = Step.NONE if head is not None else Step.MAJOR
        return Comparison(base=base, head=head, changes=(change,), needed=needed, made=Step.NONE)
    changes = tuple(_changes(base, head))
    return Comparison(
        base=base,
        head=head,
        changes=changes,
        needed=step_needed(base, changes),
        made=step_made(base.version, head.version),
    )


def _come(head: Contract) -> Change:
    effect = Effect(COMPATIBLE, COMPATIBLE, "nobody reads or fills it yet")
    return replace(_change("dataset_added", ("", head.version), effect), is_addition=True)


def _gone(base: Contract | None) -> Change:
    assert base is not None
    is_unrelied = base.status in UNRELIED
    writers = BREAKING if base.name.layer is Layer.RAW and not is_unrelied else COMPATIBLE
    effect = Effect(RISKY if is_unrelied else BREAKING, writers, "whoever reads it fails")
    return _change("dataset_removed", (f"{base.version} ({base.status})", ""), effect)


def _changes(base: Contract, head: Contract) -> Iterator[Change]:
    yield from column_changes(base, head)
    yield from making_changes(base, head)
    yield from format_changes(base, head)
    yield from time_changes(base, head)
    yield from reference_changes(base, head)
    yield from quality_changes(base, head)
    yield from _standing(base, head)
    for kind, attribute in _PROSE:
        was, now = getattr(base, attribute), getattr(head, attribute)
        if was != now:
            yield _change(kind, (_text(was), _text(now)), NO_EFFECT)


def _standing(base: Contract, head: Contract) -> Iterator[Change]:
    if base.status != head.status:
        yield _change("status_changed", (base.status, head.status), _status(base.status, head.status))
    if base.granularity != head.granularity:
        effect = Effect(RISKY, COMPATIBLE, "a row may stand for something else")
        yield _change("grain_changed", (base.granularity, head.granularity), effect if base.granularity else NO_EFFECT)
    if base.owner.team != head.owner.team:
        effect = Effect(COMPATIBLE, COMPATIBLE, "somebody else answers for it; both teams have to know")
        yield _change("owner_changed", (base.owner.team, head.owner.team), effect)
    if (base.owner.email, base.owner.members) != (head.owner.email, head.owner.members):
        said = (", ".join(base.owner.members), ", ".join(head.owner.members))
        yield _change("members_changed", said, NO_EFFECT)
    if base.tier != head.tier:
        effect = Effect(RISKY, COMPATIBLE, "other objectives hold")
        yield _change("tier_changed", (base.tier, head.tier), effect)
    if base.deprecation != head.deprecation:
        yield _change("deprecation_changed", (_sunset(base), _sunset(head)), _deprecation(base, head))


def _status(was: str, now: str) -> Effect:
    if now == "retired":
        return Effect(BREAKING, BREAKING, "it is no longer filled or served")
    if now == "deprecated":
        return Effect(RISKY, COMPATIBLE, "readers have to move before its sunset")
    if now in UNRELIED and was not in UNRELIED:
        return Effect(RISKY, COMPATIBLE, "what was promised is a draft again")
    return Effect(COMPATIBLE, COMPATIBLE, "more is promised than before")


def _deprecation(base: Contract, head: Contract) -> Effect:
    was, now = base.deprecation, head.deprecation
    if was is not None and now is not None and now.sunset < was.sunset:
        return Effect(BREAKING, COMPATIBLE, "the sunset comes earlier than readers were told")
    if was is None:
        return Effect(RISKY, COMPATIBLE, "readers have to move before its sunset")
    return NO_EFFECT


def _sunset(contract: Contract) -> str:
    said = contract.deprecation
    if said is None:
        return ""
    return f"sunset {said.sunset}" + (f", replaced by {said.replacement}" if said.replacement else "")


def _change(kind: str, said: tuple[str, str], effect: Effect) -> Change:
    return Change(
        kind=kind,
        subject="",
        before=said[0],
        after=said[1],
        readers=effect.readers,
        writers=effect.writers,
        reason=effect.reason,
    )


def _text(value: object) -> str:
    if isinstance(value, tuple):
        return ", ".join("=".join(part) if isinstance(part, tuple) else str(part) for part in value)
    return str(value)
