"""M1, pipeline success: of the runs that were due, how many were met, and of a partial one which share.

A slot is judged once, from what was published by its deadline: a run that never began is missed, a retry that
succeeded in time is a success, and what is caught up later changes nothing. Of a dataset without a promised frequency
every run counts that ended.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta

from data_platform.contracts.days import DayRange
from data_platform.contracts.model import Layer
from data_platform.metastore.heartbeats import Heartbeat
from data_platform.metastore.objective_tables import SlotOutcome
from data_platform.metastore.partitions import WHOLE_TABLE, PartitionEntry
from data_platform.metastore.run_slots import RunSlotEntry
from data_platform.metastore.runs import RunEntry
from data_platform.metastore.sli_values import SliValueEntry
from data_platform.metastore.tables import PartitionState, Phase, RunState
from data_platform.observability.slis.counted import Counted, good_share
from data_platform.observability.slis.due import Slot, slots
from data_platform.observability.slis.moment import Moment

NAME = "pipeline_success"
SETTLE = timedelta(seconds=30)  # what ended in time may still be on its way into the ledger
MOST_SLOTS = 200  # of one dataset in one measurement; older ones are unknown
_MOMENT = timedelta(microseconds=1)
_LONGEST_RUN = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class _Ledger:
    """What the ledger says about the datasets that have slots to be judged."""

    runs: Mapping[str, Sequence[RunEntry]]
    lines: Mapping[str, Mapping[str, Sequence[PartitionEntry]]]
    beats: Mapping[str, Sequence[Heartbeat]]


def judge(moment: Moment) -> tuple[RunSlotEntry, ...]:
    """The slots that came due since the measurement before, judged; those that nothing can be said of are left out."""
    due = [slot for found, _ in _due(moment).values() for slot in found]
    if not due:
        return ()
    ledger = _ledger(moment, due)
    return tuple(judged for slot in due if (judged := _judged(slot, ledger, moment.now)) is not None)


def values(moment: Moment, judged: Iterable[RunSlotEntry]) -> Iterator[SliValueEntry]:
    """One value for each dataset that had something due, or, without a promise, that ran."""
    by_dataset = defaultdict(list)
    for slot in judged:
        by_dataset[slot.dataset].append(slot)
    for dataset, (found, older) in _due(moment).items():
        its = by_dataset[dataset]
        good = sum(slot.share for slot in its)
        unknown = len(found) - len(its) + older
        if found or older:
            evidence = {"due": len(found) + older, "outcomes": [[str(s.due_at), s.outcome] for s in its[-20:]]}
            counted = Counted(
                good=good, bad=len(its) - good, unknown=unknown, provenance="expected runs", evidence=evidence
            )
            yield good_share(moment, NAME, subject=dataset, counted=counted)
    yield from _unpromised(moment)


def _due(moment: Moment) -> Mapping[str, tuple[list[Slot], int]]:
    if moment.before is None:
        return {}
    after, upto = moment.before - SETTLE, moment.now - SETTLE
    found = {}
    for dataset, contract in moment.contracts().items():
        every, since = contract.service_level.frequency, moment.known_since.get(dataset)
        if every is not None and since is not None:  # a period has to be watched from its beginning
            found[dataset] = slots(contract, after=max(after, since + every - _MOMENT), upto=upto, most=MOST_SLOTS)
    return found


def _ledger(moment: Moment, due: Sequence[Slot]) -> _Ledger:
    facts, tx = moment.metastore.operations.sli_facts, moment.tx
    first, last = min(slot.begins_at for slot in due), max(slot.due_at for slot in due)
    datasets = {slot.dataset for slot in due}
    ended = [run for run in facts.ended(after=first - _MOMENT, upto=last, tx=tx) if run.dataset in datasets]
    going = [run for run in facts.running(since=first - _LONGEST_RUN, tx=tx) if run.dataset in datasets]
    runs, beats = defaultdict(list), defaultdict(list)
    lines: dict[str, dict[str, list[PartitionEntry]]] = defaultdict(lambda: defaultdict(list))
    for run in (*ended, *going):
        runs[run.dataset].append(run)
    seen = facts.lines_of_runs({run.run_id for run in ended}, tx=tx)
    wanted = facts.lines_of({(slot.dataset, str(day)) for slot in due for day in slot.days}, tx=tx)
    for line in sorted({*seen, *wanted}, key=lambda line: line.recorded_at):
        lines[line.dataset][line.partition].append(line)
    for beat in facts.beats(tx=tx):
        beats[beat.dataset].append(beat)
    return _Ledger(runs, lines, beats)


def _judged(slot: Slot, ledger: _Ledger, now: datetime) -> RunSlotEntry | None:
    ended = [r for r in ledger.runs.get(slot.dataset, ()) if r.ended_at and slot.begins_at <= r.ended_at < slot.due_at]
    if slot.dataset.startswith(f"{Layer.RAW}."):
        return _judged_source(slot, ended, ledger, now)
    met, due = _partitions(slot, ended, ledger)
    going = [run for run in ledger.runs.get(slot.dataset, ()) if run.started_at < slot.due_at]
    outcome, detail = _outcome(len(met), len(due), ended or going)
    missing = sorted(due - met)
    if missing and met:
        detail = f"{detail}; not published: {', '.join(missing[:5])}"
    return _entry(slot, now, (outcome, detail), (len(met), len(due)), ended or going)


def _partitions(slot: Slot, ended: Sequence[RunEntry], ledger: _Ledger) -> tuple[set[str], set[str]]:
    """The partitions that were published in time, of those that were due or that a run of the slot was about."""
    lines = ledger.lines.get(slot.dataset, {})
    runs = {run.run_id for run in ended}
    tried = {day for run in ended for day in _range(run)}
    tried |= {partition for partition, its in lines.items() if any(line.run_id in runs for line in its)}
    wanted = {str(day) for day in slot.days}
    is_daily = slot.due_at - slot.begins_at >= timedelta(days=1)
    met = {p for p in tried if _is_published(lines.get(p, ()), after=slot.begins_at, upto=slot.due_at)}
    if is_daily:  # a day may be there before its period begins
        met |= {p for p in wanted - tried if _is_published(lines.get(p, ()), after=None, upto=slot.due_at)}
    # of the days that a period touches one is enough: which of them have data, no contract says
    due = tried | ((met & wanted) or ({max(wanted)} if wanted else set()))
    return met & due, due or {WHOLE_TABLE}


def _is_published(lines: Sequence[PartitionEntry], *, after: datetime | None, upto: datetime) -> bool:
    newest = max((line for line in lines if line.recorded_at < upto), key=lambda line: line.recorded_at, default=None)
    if newest is None or newest.state is not PartitionState.PUBLISHED or newest.pending:
        return False
    return after is None or newest.recorded_at >= after


def _range(run: RunEntry) -> Iterator[str]:
    if run.range_from is not None and run.range_to is not None:
        days = DayRange.of(date.fromisoformat(run.range_from), date.fromisoformat(run.range_to))
        yield from (day.isoformat() for day in days)


def _outcome(met: int, due: int, runs: Sequence[RunEntry]) -> tuple[SlotOutcome, str]:
    if met >= due:
        return SlotOutcome.MET, "published in time"
    if met:
        return SlotOutcome.PARTIAL, f"{met} of {due} partitions published in time"
    if not runs:
        return SlotOutcome.MISSED, "no run by the deadline"
    newest = runs[-1]
    if newest.state is RunState.RUNNING:
        return SlotOutcome.FAILED, "still running at the deadline"
    if newest.state is RunState.SUCCEEDED:
        return SlotOutcome.MISSED, "what ran did not publish what was due"
    return SlotOutcome.FAILED, newest.error or f"the run was {newest.state}"


def _judged_source(slot: Slot, ended: Sequence[RunEntry], ledger: _Ledger, now: datetime) -> RunSlotEntry | None:
    """A raw dataset is met by a batch, or by a connector that looked and found nothing new."""
    if any(run.state is RunState.SUCCEEDED for run in ended):
        return _entry(slot, now, (SlotOutcome.MET, "a batch was committed"), (1, 1), ended)
    beats = ledger.beats.get(slot.dataset, ())
    heard = [beat for beat in beats if beat.beat_at >= slot.begins_at and beat.started_at < slot.due_at]
    if any(beat.phase in (Phase.RUNNING, Phase.ENDED) for beat in heard):
        return _entry(slot, now, (SlotOutcome.MET, "the connector found nothing new"), (1, 1), ())
    if ended or heard:
        errors = [
            *(beat.error for beat in heard),
            *(run.error for run in ended),
            "the connector did not bring anything",
        ]
        return _entry(slot, now, (SlotOutcome.FAILED, next(filter(None, errors))), (0, 1), ended)
    if any(beat.started_at >= slot.due_at for beat in beats):
        return None  # it ran since, and only its newest run is known
    return _entry(slot, now, (SlotOutcome.MISSED, "the connector was not heard of by the deadline"), (0, 1), ())


def _entry(
    slot: Slot, now: datetime, said: tuple[SlotOutcome, str], met_of: tuple[int, int], runs: Sequence[RunEntry]
) -> RunSlotEntry:
    return RunSlotEntry(
        dataset=slot.dataset,
        due_at=slot.due_at,
        judged_at=now,
        outcome=said[0],
        run_id=runs[-1].run_id if runs else None,
        partitions_due=met_of[1],
        partitions_met=met_of[0],
        detail=said[1],
    )


def _unpromised(moment: Moment) -> Iterator[SliValueEntry]:
    """Datasets without a frequency: every run that ended counts, by its partitions."""
    free = {name for name, contract in moment.contracts().items() if contract.service_level.frequency is None}
    runs = [run for run in moment.new_runs(NAME) if run.dataset in free]
    lines = defaultdict(list)
    for line in moment.metastore.operations.sli_facts.lines_of_runs({run.run_id for run in runs}, tx=moment.tx):
        lines[line.dataset, line.run_id].append(line)
    by_dataset = defaultdict(list)
    for run in runs:
        by_dataset[run.dataset].append(run)
    for dataset, its in by_dataset.items():
        good = sum(_share(run, lines[dataset, run.run_id]) for run in its)
        evidence = {"runs": moment.repeatable(its), "ended": len(its)}
        counted = Counted(good=good, bad=len(its) - good, provenance="runs that ended", evidence=evidence)
        yield good_share(moment, NAME, subject=dataset, counted=counted)


def _share(run: RunEntry, lines: Sequence[PartitionEntry]) -> float:
    if run.state is not RunState.SUCCEEDED:
        return 0.0
    published = sum(line.state is PartitionState.PUBLISHED and not line.pending for line in lines)
    return published / len(lines) if lines else 1.0
