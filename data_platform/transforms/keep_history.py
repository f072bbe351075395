"""Materializing a `merge` or `scd2` dataset: every key recomputed from raw, the table replaced, the ledger counted."""

from __future__ import annotations

from collections import Counter, defaultdict
from datetime import date

from duckdb import DuckDBPyConnection

from data_platform.publication.candidate import Change
from data_platform.publication.receipt import PartitionCount
from data_platform.transforms.admit import AdmitPlan, Outcome, name_reasons, stage_held
from data_platform.transforms.history import History, assign_history, history_select
from data_platform.transforms.projection import raw_rules, row_rules
from data_platform.transforms.replacement import stage_rows

_EVERYTHING = "true"


def keep_history(
    con: DuckDBPyConnection, plan: AdmitPlan, complete: tuple[date, ...]
) -> tuple[Change, Change, Outcome]:
    """Stages the table as all raw records of every key give it, and the held rows."""
    outcome = Outcome()
    name_reasons(con, (*raw_rules(plan.raw), *row_rules(plan.target.contract)))
    admission = plan.admission(_EVERYTHING)
    history = History(admission=admission, complete=complete)
    assign_history(con, history)
    outcome.curated += stage_rows(con, history_select(history), plan.target)
    outcome.held += stage_held(con, admission, plan.held)
    outcome.source.update(
        dict(con.execute(f"SELECT _event_date, count(*) FROM {plan.raw_table} GROUP BY 1").fetchall())
    )
    fates = con.execute(
        "SELECT _event_date, CASE fate WHEN 'conflicting' THEN 'quarantined' ELSE fate END, count(*) "
        "FROM placed GROUP BY ALL"
    ).fetchall()
    outcome.fates.update({(day, fate): rows for day, fate, rows in fates})
    broken = con.execute("SELECT unnest(failures), count(*) FROM held GROUP BY 1").fetchall()
    outcome.broken.update(dict(broken))
    waived = con.execute(
        "SELECT unnest(judged._failures), count(*) FROM judged JOIN events USING (_batch_id, _record_no) "
        "WHERE judged._is_released AND events.fate = 'applied' AND NOT events.is_delete GROUP BY 1"
    ).fetchall()
    outcome.waived.update(dict(waived))
    target, held = plan.target, plan.held
    return (
        Change(table=target.table, base=target.base, adds=tuple(outcome.curated), removes=target.base.files),
        Change(table=held.table, base=held.base, adds=tuple(outcome.held), removes=held.base.files),
        outcome,
    )


def history_ledger(outcome: Outcome) -> tuple[PartitionCount, ...]:
    """One line per event date of raw: applied, unchanged, superseded and the held fates."""
    fates: dict[date, Counter[str]] = defaultdict(Counter)
    for (day, fate), rows in outcome.fates.items():
        fates[day][fate] += rows
    days = set(outcome.source) | set(fates)
    return tuple(
        PartitionCount(partition=day.isoformat(), source=outcome.source[day], fates=dict(fates[day]))
        for day in sorted(days)
    )
