"""M4, completeness: of the records that a source says it had, how many arrived (read or rejected, none of them lost).

An expectation comes from somewhere, and the value says where: counted at the source, in a manifest delivered beside
the data, or a forecast from the same weekdays before. Of two about the same, who knows better is believed, whichever
spoke first. How many records our own reader saw is no expectation: what it
did not see, it cannot miss. A forecast never makes anything bad, only unknown.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta

from data_platform.contracts.days import end_of
from data_platform.metastore.sli_values import SliValueEntry
from data_platform.metastore.source_counts import FORECAST, MANIFEST, SOURCE, SourceCountEntry
from data_platform.observability.slis.forecast import forecasts
from data_platform.observability.slis.moment import Moment

NAME = "completeness"
OPEN_FOR = timedelta(days=3)  # how long an expectation is looked at
_TRUST = (SOURCE, MANIFEST, FORECAST)
USUAL_DELAY = timedelta(hours=1)  # for the rows that a source counted to arrive, where no latency is promised


@dataclass(frozen=True, slots=True)
class _Observed:
    """Records that arrived; `is_final` where what the expectation is about was taken already."""

    rows: int
    rejected: int
    is_final: bool


def measure(moment: Moment) -> Iterable[SliValueEntry]:
    """A value for every expectation that is due or whose records changed: the share that arrived; counts are records.

    Each record is counted as good or bad once: one that comes after all stays bad.
    """
    operations = moment.metastore.operations
    counts = _best(operations.source_counts.since(moment.now - OPEN_FOR, tx=moment.tx))
    told = operations.sli_values.since(NAME, since=moment.now - OPEN_FOR - timedelta(days=1), tx=moment.tx)
    last = {(entry.subject, entry.partition): entry for entry in told}
    arrived = _arrived(moment, counts)
    contracts = moment.contracts()
    for count in counts:
        contract = contracts.get(count.dataset)
        observed = arrived.get((count.dataset, count.source, count.partition), _Observed(0, 0, False))
        delay = contract.service_level.latency if contract else None
        is_due = observed.is_final or observed.rows >= count.expected_rows
        if is_due or moment.now >= _due_at(count, delay or USUAL_DELAY):
            guess = _guess_of_day(count, last)
            yield from _told(moment, count, observed, last.get((count.dataset, _place(count)), guess))
            if guess is not None:
                last[guess.subject, guess.partition] = instead = _superseded(moment, guess, count)
                yield instead
    proofs = [count for count in counts if count.provenance != FORECAST]
    known = {count.dataset for count in proofs if not _is_by_position(count)}
    followed = {count.dataset for count in proofs if _is_by_position(count)}
    proven = {(one.subject, day_of(_partition(one))) for one in told if one.provenance != FORECAST}
    for value in forecasts(moment, known=known, told=last):
        if (value.subject, day_of(value.partition)) not in proven:
            # what came of a followed source is counted as good by its positions already
            yield replace(value, good=0.0) if value.subject in followed else value


def _best(counts: Iterable[SourceCountEntry]) -> list[SourceCountEntry]:
    """Of several expectations about the same thing, the one by who knows best."""
    ordered = sorted(counts, key=lambda count: _TRUST.index(count.provenance), reverse=True)
    return list({(count.dataset, count.source, count.partition): count for count in ordered}.values())


def _is_by_position(count: SourceCountEntry) -> bool:
    """Whether it is about all that lies between two places of a source: not about a day, which may lack what was never
    written there.
    """
    return count.arrived_rows is not None and day_of(count.partition) is None


def _due_at(count: SourceCountEntry, delay: timedelta) -> datetime:
    """By when the records have to be here: of a day that was counted when it is over, of a file after the delay."""
    day = day_of(count.partition)
    return count.counted_at + delay if day is None else end_of(day)


def day_of(partition: str) -> date | None:
    """The day that a partition is, written `YYYY-MM-DD`, with or without `day:` before it."""
    try:
        return date.fromisoformat(partition.removeprefix("day:"))
    except ValueError:
        return None


def _told(
    moment: Moment, count: SourceCountEntry, observed: _Observed, before: SliValueEntry | None
) -> Iterator[SliValueEntry]:
    is_guess = count.provenance == FORECAST
    was_guess = before is not None and before.provenance == FORECAST
    is_same = before is not None and (
        before.evidence.get("observed") == observed.rows and before.evidence.get("expected") == count.expected_rows
    )
    is_proven = before is not None and not was_guess
    if (is_guess and is_proven) or (is_same and is_guess == was_guess):
        return  # a proof takes the place of a guess that said the same, a guess never that of a proof
    here = min(observed.rows, count.expected_rows)
    missing = count.expected_rows - here
    told_good, told_bad = before.evidence.get("counted", (before.good, 0)) if before is not None else (0, 0)
    if was_guess and not is_guess:
        told_bad = 0  # what a guess misses was told as unknown
    good, bad = max(0, here - told_good - told_bad), max(0, missing - told_bad)
    yield SliValueEntry(
        sli=NAME,
        subject=count.dataset,
        partition=_place(count),
        measured_at=moment.now,
        value=here / count.expected_rows if count.expected_rows else 1.0,
        good=float(good),
        bad=0.0 if is_guess else float(bad),
        unknown=float(bad) if is_guess else 0.0,
        provenance=count.provenance,
        evidence={
            "expected": count.expected_rows,
            "observed": observed.rows,
            "rejected": observed.rejected,
            "missing": missing,
            "counted": (told_good + good, told_bad + bad),
            "confidence": count.confidence,
            "counted_at": str(count.counted_at),
        },
    )


def _guess_of_day(count: SourceCountEntry, last: Mapping[tuple[str, str], SliValueEntry]) -> SliValueEntry | None:
    """What was forecast for the day that a proven count is about, unless the count was told already."""
    guess = last.get((count.dataset, f"day:{day_of(count.partition)}"))
    is_one = guess is not None and guess.provenance == FORECAST and guess.value is not None
    return guess if is_one and count.provenance != FORECAST else None


def _superseded(moment: Moment, guess: SliValueEntry, count: SourceCountEntry) -> SliValueEntry:
    """In the place of a forecast: that it says nothing any more, because the day was counted."""
    return SliValueEntry(
        sli=NAME,
        subject=guess.subject,
        partition=guess.partition,
        measured_at=moment.now,
        value=None,
        provenance=count.provenance,
        evidence={"counted_as": _place(count)},
    )


def _partition(value: SliValueEntry) -> str:
    """What a value's count was about, without the source."""
    return value.partition.rpartition("/")[2]


def _place(count: SourceCountEntry) -> str:
    return f"{count.source}/{count.partition}"


def _arrived(moment: Moment, counts: Iterable[SourceCountEntry]) -> Mapping[tuple[str, str, str], _Observed]:
    """What arrived of files, batches and days, by dataset, source and partition."""
    facts, tx = moment.metastore.operations.sli_facts, moment.tx
    found = {
        _key(count): _Observed(count.arrived_rows, 0, is_final=day_of(count.partition) is None)
        for count in counts
        if count.arrived_rows is not None
    }
    counts = [count for count in counts if count.arrived_rows is None]
    files = [(count, count.partition[5:]) for count in counts if count.partition.startswith("file:")]
    batches = [(count, count.partition[6:]) for count in counts if count.partition.startswith("batch:")]
    days = [(count, day) for count in counts if (day := day_of(count.partition)) is not None]
    named = facts.files_named({(count.dataset, name) for count, name in files}, tx=tx)
    for count, name in files:
        file = named.get((count.dataset, count.source, name))
        if file is not None:
            rejected = file.rejected_rows if file.source_rows is not None else 0
            found[_key(count)] = _Observed(file.raw_rows + rejected, rejected, is_final=True)
    landed = facts.batches({(count.dataset, batch) for count, batch in batches}, tx=tx)
    for count, batch_id in batches:
        batch = landed.get((count.dataset, batch_id))
        if batch is not None:
            found[_key(count)] = _Observed(batch.raw_rows + batch.rejected_rows, batch.rejected_rows, is_final=True)
    by_day = facts.rows_of_days({(count.dataset, day) for count, day in days}, tx=tx)
    for count, day in days:
        found[_key(count)] = _Observed(by_day.get((count.dataset, day), 0), 0, is_final=False)
    return found


def _key(count: SourceCountEntry) -> tuple[str, str, str]:
    return (count.dataset, count.source, count.partition)
