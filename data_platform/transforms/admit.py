"""Materializing an `admit` dataset: fates month by month, curated and held rows staged, the ledger counted."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date

from duckdb import DuckDBPyConnection

from data_platform.contracts.days import DayRange
from data_platform.contracts.model import Contract
from data_platform.contracts.rules import Rule
from data_platform.lakehouse.snapshots import Snapshot
from data_platform.lakehouse.staging import scan_staged, stage
from data_platform.lakehouse.tables import StagedFile, Table
from data_platform.publication.candidate import Change
from data_platform.publication.publish import new_file_name
from data_platform.publication.receipt import PartitionCount
from data_platform.transforms.admission import Admission, admitted_select, assign_fates, held_select
from data_platform.transforms.projection import raw_rules, row_rules
from data_platform.transforms.query import Query
from data_platform.transforms.replacement import Target, stage_rows, within


@dataclass(slots=True)
class Outcome:
    """What a computation with fates staged and counted.

    Attributes:
        fates: rows by (day, fate) as the held and repeated rows say; curated rows are counted from the staged files.
        examined: raw rows whose fates `broken` counts; None where these are all of `source`.
        broken: held rows by the rule they broke. waived: released rows by the rule they break.
    """

    curated: list[StagedFile] = field(default_factory=list)
    held: list[StagedFile] = field(default_factory=list)
    fates: Counter[tuple[date, str]] = field(default_factory=Counter)
    source: Counter[date] = field(default_factory=Counter)
    examined: int | None = None
    broken: Counter[str] = field(default_factory=Counter)
    waived: Counter[str] = field(default_factory=Counter)


@dataclass(frozen=True, slots=True, kw_only=True)
class Held:
    """The side table of held rows, at the version it builds on."""

    table: Table
    base: Snapshot


@dataclass(frozen=True, slots=True, kw_only=True)
class AdmitPlan:
    """Everything one admission works on.

    Attributes:
        days: the range to admit; None for everything.
        raw_table: quoted three-part name of the raw view.
        decisions: name of the decisions view, or None.
    """

    query: Query
    raw: Contract
    target: Target
    held: Held
    days: DayRange | None
    raw_table: str
    decisions: str | None

    def admission(self, where: str) -> Admission:
        """The pass over the raw rows for which `where` holds."""
        return Admission(
            query=self.query,
            raw=self.raw,
            contract=self.target.contract,
            where=where,
            raw_table=self.raw_table,
            decisions=self.decisions,
        )


def admit(con: DuckDBPyConnection, plan: AdmitPlan) -> tuple[Change, Change, Outcome]:
    """Stages curated and held rows of the range. Grain of the result: one fate per raw row."""
    outcome = Outcome()
    name_reasons(con, (*raw_rules(plan.raw), *row_rules(plan.target.contract)))
    for where in _passes(con, plan):
        admission = plan.admission(where)
        assign_fates(con, admission)
        admitted = admitted_select(con, plan.target.contract)
        outcome.curated += stage_rows(con, admitted, plan.target, is_one_month=True)
        outcome.held += stage_held(con, admission, plan.held)
        count_fates(con, outcome, admission)
    return (*_changes(con, plan, outcome), outcome)


def ledger(con: DuckDBPyConnection, plan: AdmitPlan, outcome: Outcome) -> tuple[PartitionCount, ...]:
    """One line per event date of the range; curated rows are counted in the staged files, by their own date."""
    day = plan.target.day
    if day is None:
        totals = Counter({"curated": sum(f.rows for f in outcome.curated)})
        for (_, fate), rows in outcome.fates.items():
            totals[fate] += rows
        return (PartitionCount(partition="all", source=outcome.source.total(), fates=dict(totals)),)
    staged = scan_staged(plan.target.table, plan.target.base.schema, outcome.curated)
    curated = dict(con.execute(f"SELECT {day}, count(*) FROM ({staged}) GROUP BY 1").fetchall())
    days = set(plan.days or ()) | set(outcome.source) | set(curated)
    fates: dict[date, dict[str, int]] = defaultdict(dict)
    for (when, fate), rows in outcome.fates.items():
        fates[when][fate] = rows
    return tuple(
        PartitionCount(
            partition=when.isoformat(),
            source=outcome.source[when],
            fates={"curated": curated.get(when, 0), **fates[when]},
        )
        for when in sorted(days)
    )


def name_reasons(con: DuckDBPyConnection, rules: Sequence[Rule]) -> None:
    """Makes `reasons` (rule, reason): what a held row's first broken rule is called."""
    con.execute("CREATE OR REPLACE TEMP TABLE reasons (rule VARCHAR, reason VARCHAR)")
    named = [(rule.name, rule.reason) for rule in rules]
    con.executemany("INSERT INTO reasons VALUES (?, ?)", [*named, ("conflicting_key", "CONFLICTING_KEY")])


def stage_held(con: DuckDBPyConnection, admission: Admission, held: Held) -> list[StagedFile]:
    """Stages the held rows of a pass."""
    con.execute(f"CREATE OR REPLACE TEMP TABLE held_records AS {held_select(admission, 'reasons')}")
    return stage(
        con,
        "SELECT * FROM held_records",
        table=held.table,
        schema=held.base.schema,
        name=new_file_name,
        month="event_date",
    )


def count_fates(con: DuckDBPyConnection, outcome: Outcome, admission: Admission) -> None:
    """Adds a pass to the outcome: raw rows from the raw table alone, fates from where the rows now are."""
    raw = con.execute(
        f"SELECT _event_date, count(*) FROM {admission.raw_table} WHERE {admission.where} GROUP BY 1"
    ).fetchall()
    outcome.source.update(dict(raw))
    gone = con.execute(
        "SELECT event_date, fate, count(*) FROM held_records GROUP BY ALL UNION ALL "
        "SELECT _event_date, 'duplicate', count(*) FROM repeated GROUP BY ALL"
    ).fetchall()
    outcome.fates.update({(when, fate): rows for when, fate, rows in gone})
    broken = con.execute("SELECT unnest(failures) AS rule, count(*) FROM held GROUP BY 1").fetchall()
    outcome.broken.update(dict(broken))
    if admission.decisions is not None:
        # A released row that is late or a repeat is not published, so the audit must not forgive anything for it.
        waived = con.execute(
            "SELECT unnest(_failures), count(*) FROM judged "
            "ANTI JOIN held USING (_batch_id, _record_no) ANTI JOIN repeated USING (_batch_id, _record_no) "
            "WHERE _is_released GROUP BY 1"
        ).fetchall()
        outcome.waived.update(dict(waived))


def _passes(con: DuckDBPyConnection, plan: AdmitPlan) -> list[str]:
    """Conditions on raw rows, one per month of the range; one for everything where nothing bounds it."""
    if plan.target.day is None:
        return ["true"]
    if plan.days is not None:
        return [within("_event_date", month) for month in plan.days.months()]
    first, last = con.execute(f"SELECT min(_event_date), max(_event_date) FROM {plan.raw_table}").fetchall()[0]
    return [within("_event_date", month) for month in DayRange.of(first, last).months()] if first else []


def _changes(con: DuckDBPyConnection, plan: AdmitPlan, outcome: Outcome) -> tuple[Change, Change]:
    target, held = plan.target, plan.held
    if plan.days is None or target.day is None:
        return (
            Change(table=target.table, base=target.base, adds=tuple(outcome.curated), removes=target.base.files),
            Change(table=held.table, base=held.base, adds=tuple(outcome.held), removes=held.base.files),
        )
    removes, kept = target.overlapping(plan.days)
    kept_files = stage_rows(con, kept, target) if removes else []
    held_removes = held.base.overlapping("event_date", plan.days.start, plan.days.last)
    held_kept = (
        f"SELECT * FROM ({held.base.scan_files(held_removes)}) WHERE {within('event_date', plan.days)} IS NOT TRUE"
    )
    held_files = (
        stage(con, held_kept, table=held.table, schema=held.base.schema, name=new_file_name, month="event_date")
        if held_removes
        else []
    )
    return (
        Change(
            table=target.table,
            base=target.base,
            adds=(*outcome.curated, *kept_files),
            removes=removes,
            computed=within(target.day, plan.days),
            carried_rows=sum(file.rows for file in kept_files),
        ),
        Change(table=held.table, base=held.base, adds=(*outcome.held, *held_files), removes=held_removes),
    )


def fate_counts(outcome: Outcome) -> Mapping[str, int]:
    """Rows by fate over all days."""
    totals: Counter[str] = Counter()
    for (_, fate), rows in outcome.fates.items():
        totals[fate] += rows
    return totals
