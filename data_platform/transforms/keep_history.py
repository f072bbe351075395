"""Materializing a `merge` or `scd2` dataset as a whole: every key recomputed from raw, the table replaced, the ledger
counted. Where only some keys are named by what is new, `amend_history` does the same for these alone.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from datetime import date

from duckdb import DuckDBPyConnection

from data_platform.publication.candidate import Change
from data_platform.publication.receipt import PartitionCount
from data_platform.transforms.admit import AdmitPlan, Outcome, name_reasons, stage_held
from data_platform.transforms.history import History, assign_history, history_select
from data_platform.transforms.key_files import stage_by_key
from data_platform.transforms.projection import raw_rules, row_rules

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
    con.execute(f"CREATE OR REPLACE TEMP TABLE whole_history AS {history_select(history)}")
    outcome.curated += stage_by_key(con, "whole_history", plan.target)
    con.execute("DROP TABLE whole_history")
    outcome.held += stage_held(con, admission, plan.held)
    outcome.source.update(
        dict(con.execute(f"SELECT _event_date, count(*) FROM {plan.raw_table} GROUP BY 1").fetchall())
    )
    outcome.fates.update(count_fates(con))
    target, held = plan.target, plan.held
    side = Change(table=held.table, base=held.base, adds=tuple(outcome.held), removes=held.base.files)
    outcome.broken.update(broken_rules(con, side))
    outcome.waived.update(count_waived(con))
    main = Change(table=target.table, base=target.base, adds=tuple(outcome.curated), removes=target.base.files)
    return main, side, outcome


def count_fates(con: DuckDBPyConnection) -> Counter[tuple[date, str]]:
    """Rows by event date and fate, as `assign_history` left them."""
    found = con.execute(
        "SELECT _event_date, CASE fate WHEN 'conflicting' THEN 'quarantined' ELSE fate END, count(*) "
        "FROM placed GROUP BY ALL"
    ).fetchall()
    return Counter({(day, fate): rows for day, fate, rows in found})


def broken_rules(con: DuckDBPyConnection, side: Change) -> Counter[str]:
    """Quarantined rows by the rule that they break, over all that will be held."""
    found = con.execute(
        f"SELECT unnest(string_split(rules, ',')), count(*) FROM ({side.whole_sql}) WHERE fate <> 'late' GROUP BY 1"
    ).fetchall()
    return Counter(dict(found))


def count_waived(con: DuckDBPyConnection) -> Counter[str]:
    """Released rows that are published, by the rule that they break, as `assign_history` left them."""
    found = con.execute(
        "SELECT unnest(judged._failures), count(*) FROM judged JOIN events USING (_batch_id, _record_no) "
        "WHERE judged._is_released AND events.fate = 'applied' AND NOT events.is_delete GROUP BY 1"
    ).fetchall()
    return Counter(dict(found))


def history_ledger(outcome: Outcome) -> tuple[PartitionCount, ...]:
    """One line per event date that was counted: applied, unchanged, superseded and the held fates."""
    fates: dict[date, Counter[str]] = defaultdict(Counter)
    for (day, fate), rows in outcome.fates.items():
        fates[day][fate] += rows
    days = set(outcome.source) | set(fates)
    return tuple(
        PartitionCount(partition=day.isoformat(), source=outcome.source[day], fates=dict(fates[day]))
        for day in sorted(days)
    )
