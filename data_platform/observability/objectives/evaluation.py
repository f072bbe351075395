"""Evaluates every objective: new values into buckets, buckets into standings, all of it in one transaction.

A repeated or interrupted evaluation changes nothing: the moment up to which an indicator's values are counted moves in
the transaction that counts them. Values stamped before that moment are not counted any more.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import TypeAlias

from data_platform.metastore.database import Transaction
from data_platform.metastore.engine import Metastore
from data_platform.metastore.objective_samples import ObjectiveSample, Sums
from data_platform.metastore.objectives import ObjectiveEntry
from data_platform.observability.objectives.burn import BURN_WINDOWS, Counts, judge
from data_platform.observability.objectives.counting import (
    Additions,
    Subjects,
    close_slices,
    count,
    slice_start,
    totals_of,
)
from data_platform.observability.objectives.durations import Duration
from data_platform.observability.objectives.model import Objective
from data_platform.observability.objectives.windows import KEPT, Window, width_for

_NOTHING: Sums = (0.0, 0.0, 0.0)
_DROPS_EVERY = timedelta(hours=1)
_RECENT = {
    name: (width_for(int(span.total_seconds())), Window(Duration(int(span.total_seconds()) // 60, "m")))
    for name, span in BURN_WINDOWS.items()
}


_RENEWED_EVERY = timedelta(minutes=1)  # a standing that stays the same says this often that it does
_Windows: TypeAlias = dict[tuple[int, datetime], dict[str, Sums]]  # by width of buckets and start, then by objective


@dataclass(frozen=True, slots=True, kw_only=True)
class _Held:
    """What the last evaluation of this process read, as long as nobody else counted since."""

    cursors: Mapping[str, datetime]
    sums: _Windows


@dataclass(frozen=True, slots=True, kw_only=True)
class Evaluation:
    """What one evaluation found.

    Attributes:
        values: that were counted for the first time.
        changed: objectives that came into another state, as they are now.
    """

    at: datetime
    objectives: int
    values: int
    changed: tuple[ObjectiveEntry, ...]


class Objectives:
    """The objectives of one project over its metastore."""

    def __init__(
        self,
        metastore: Metastore,
        read: Callable[[], Sequence[Objective]],
        *,
        is_whole: Callable[[], bool] = lambda: True,
    ) -> None:
        """`read` gives the project's objectives; it is asked once, when they are first needed. While `is_whole` says
        that some could not be read, none is taken to be given up: its samples are its budget's memory.
        """
        self._metastore = metastore
        self._read = read
        self._is_whole = is_whole
        self._known: tuple[Objective, ...] | None = None
        self._held: _Held | None = None
        self._dropped_at: datetime | None = None

    @property
    def all(self) -> tuple[Objective, ...]:
        """Every objective, by id.

        Raises:
            FaultyProject: a document cannot be read.
        """
        if self._known is None:
            self._known = tuple(self._read())
        return self._known

    def evaluate(self, now: datetime) -> Evaluation:
        """Counts new values and judges every objective.

        Raises:
            FaultyProject: a document cannot be read.
            RetryableError: the metastore did not answer.
        """
        held, self._held = self._held, None
        with self._metastore.transaction() as tx:
            evaluation, held = self._evaluate(now, held, tx)
        self._held = held  # only what was committed is worth keeping
        return evaluation

    def _evaluate(self, now: datetime, held: _Held | None, tx: Transaction) -> tuple[Evaluation, _Held]:
        store = self._metastore.operations
        before = {entry.objective: entry for entry in store.objectives.all(tx=tx)}
        fresh = [one for one in self.all if _is_new(one, before.get(one.id))]
        gone = sorted(before.keys() - {one.id for one in self.all}) if self._is_whole() else []
        store.objectives.forget([*gone, *(one.id for one in fresh if one.id in before)], tx=tx)
        store.objective_samples.forget([*gone, *(one.id for one in fresh)], tx=tx)
        for one in fresh:
            before.pop(one.id, None)
        if fresh or gone or (held is not None and held.cursors != store.objective_samples.cursors(tx=tx)):
            held = None  # somebody else counted, or something was forgotten
        if any(one.slices for one in self.all):
            held = None  # slices that somebody else closed move no cursor
        additions, values = self._count(now, fresh, tx)
        reached = self._close_slices(now, additions, before, tx)
        store.objective_samples.add(additions.taken(), tx=tx)
        self._drop_fine(now, tx)
        sums = self._sums(now, held, additions, tx)
        entries = self._judge(now, before, additions, reached, sums)
        store.objectives.record((one for one in entries if not _is_same(one, before.get(one.objective))), tx=tx)
        changed = [one for one in entries if one.objective not in before or before[one.objective].state != one.state]
        evaluation = Evaluation(at=now, objectives=len(entries), values=values, changed=tuple(changed))
        return evaluation, _Held(cursors=store.objective_samples.cursors(tx=tx), sums=sums)

    def _count(self, now: datetime, fresh: Sequence[Objective], tx: Transaction) -> tuple[Additions, int]:
        """New values for all; for objectives that are new, what was measured before too."""
        samples = self._metastore.operations.objective_samples
        additions, values = Additions(), 0
        every, new = Subjects(self.all), Subjects(fresh)
        cursors = samples.cursors(tx=tx)
        reached: dict[str, datetime] = {}
        oldest = now - timedelta(seconds=max((one.window.duration.seconds for one in fresh), default=0))
        unseen = {one.sli for one in fresh}
        for sli in sorted({one.sli for one in self.all}):
            cursor = cursors.get(sli)
            if cursor is not None and sli in unseen:
                for evidence in samples.evidence(sli, after=oldest, upto=cursor, tx=tx):
                    for one in new.of(evidence):
                        count(additions, one, evidence)
            for evidence in samples.evidence(sli, after=cursor, upto=now, tx=tx):
                values += 1
                reached[sli] = evidence.measured_at
                for one in every.of(evidence):
                    count(additions, one, evidence)
        samples.move(reached, tx=tx)
        return additions, values

    def _close_slices(
        self, now: datetime, additions: Additions, before: Mapping[str, ObjectiveEntry], tx: Transaction
    ) -> Mapping[str, datetime]:
        """Judges slices that have ended; gives up to where, by objective."""
        samples, reached = self._metastore.operations.objective_samples, {}
        sliced = [one for one in self.all if one.slices is not None]
        if sliced:
            # evidence of slices that begin and end within one evaluation goes the same way as any other
            samples.add(additions.taken(), tx=tx)
        for one in sliced:
            seconds = one.slices.window.seconds if one.slices else 0
            upto = slice_start(now, seconds)
            entry = before.get(one.id)
            known = entry.detail.get("sliced_to") if entry is not None else None
            closed = samples.take(one.id, width_seconds=-seconds, before=upto, tx=tx)
            start = datetime.fromisoformat(known) if known else None
            close_slices(additions, one, closed, reached=start, upto=upto)
            if start is not None or closed:
                reached[one.id] = upto
        return reached

    def _drop_fine(self, now: datetime, tx: Transaction) -> None:
        if self._dropped_at is not None and now - self._dropped_at < _DROPS_EVERY:
            return
        for width, kept in KEPT.items():
            self._metastore.operations.objective_samples.drop_fine(width, before=now - kept, tx=tx)
        self._dropped_at = now

    def _judge(
        self,
        now: datetime,
        before: Mapping[str, ObjectiveEntry],
        additions: Additions,
        reached: Mapping[str, datetime],
        sums: _Windows,
    ) -> list[ObjectiveEntry]:
        entries = []
        lately = {name: sums[width, window.start(now)] for name, (width, window) in _RECENT.items()}
        wholes = {window: sums[_place(window, now)] for window in {one.window for one in self.all}}
        for one in self.all:
            recent = {name: held.get(one.id, _NOTHING) for name, held in lately.items()}
            whole = wholes[one.window].get(one.id, _NOTHING)
            counts = Counts(window=whole, recent=recent, are_seconds=one.counts_seconds)
            last = before.get(one.id)
            entry = _entry(one, counts, now, last)
            good, bad, unknown = totals_of(additions.totals, one.id)
            if last is not None:
                good, bad, unknown = good + last.good_total, bad + last.bad_total, unknown + last.unknown_total
            upto = reached.get(one.id)
            detail = {**entry.detail, **({"sliced_to": upto.isoformat()} if upto else {})}
            entries.append(replace(entry, good_total=good, bad_total=bad, unknown_total=unknown, detail=detail))
        return entries

    def _sums(self, now: datetime, held: _Held | None, additions: Additions, tx: Transaction) -> _Windows:
        """What each window that any objective needs holds, by objective; one statement for each width of buckets.

        Windows begin anew every five minutes only: in between, what is added is added to what was read before.
        """
        wanted = {(width, window.start(now)) for width, window in _RECENT.values()}
        wanted |= {_place(window, now) for window in {one.window for one in self.all}}
        if held is not None and held.sums.keys() == wanted:
            _add(held.sums, additions.written)
            return held.sums
        found: _Windows = {}
        for width in sorted({width for width, _ in wanted}):
            starts = sorted(start for other, start in wanted if other == width)
            read = self._metastore.operations.objective_samples.sums(width, since=starts, tx=tx)
            for place, start in enumerate(starts):
                found[width, start] = {objective: sums[place] for objective, sums in read.items()}
        return found


def _add(windows: _Windows, samples: Iterable[ObjectiveSample]) -> None:
    for one in samples:
        for (width, start), sums in windows.items():
            if width == one.width_seconds and one.starts_at >= start:
                good, bad, unknown = sums.get(one.objective, _NOTHING)
                sums[one.objective] = (good + one.good, bad + one.bad, unknown + one.unknown)


def _is_same(entry: ObjectiveEntry, last: ObjectiveEntry | None) -> bool:
    """Whether there is nothing to write: the same as before, and written down lately."""
    if last is None or entry.evaluated_at - last.evaluated_at >= _RENEWED_EVERY:
        return False
    return replace(entry, evaluated_at=last.evaluated_at) == last


def _place(window: Window, now: datetime) -> tuple[int, datetime]:
    return window.width_seconds, window.start(now)


def _is_new(one: Objective, entry: ObjectiveEntry | None) -> bool:
    return entry is None or entry.detail.get("definition") != one.definition


def _entry(one: Objective, counts: Counts, now: datetime, last: ObjectiveEntry | None) -> ObjectiveEntry:
    standing = judge(
        counts,
        one.target,
        before=last.state if last else None,
        was_burning=str(last.detail.get("burning", "")) if last else "",
    )
    good, bad, unknown = counts.window
    return ObjectiveEntry(
        objective=one.id,
        sli=one.sli,
        subject=one.subject,
        domain=one.domain,
        owner=one.owner,
        is_critical=one.is_critical,
        target=one.target,
        window_seconds=one.window.duration.seconds,
        state=standing.state,
        ratio=standing.ratio,
        budget_left=standing.budget_left,
        burn=standing.burn,
        detail={
            "burning": standing.burning,
            "title": one.title,
            "window": str(one.window),
            "method": one.method,
            "origin": one.origin,
            "definition": one.definition,
            "good": good,
            "bad": bad,
            "unknown": unknown,
        },
        since=last.since if last is not None and last.state == standing.state else now,
        evaluated_at=now,
    )
