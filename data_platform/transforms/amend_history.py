"""Materializing a `merge` or `scd2` dataset where what is new names only some keys: these are computed again from all
of their raw rows, the files that hold them are rewritten, and the ledger changes by what they were and are.

The fates that these rows had are computed from the rows that were there then, so no state is kept between runs.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from datetime import date

from duckdb import DuckDBPyConnection

from data_platform.contracts.types import quote_identifier
from data_platform.lakehouse.file_search import files_holding
from data_platform.lakehouse.staging import stage
from data_platform.publication.candidate import Change
from data_platform.publication.publish import new_file_name
from data_platform.transforms.admit import AdmitPlan, Outcome, name_reasons, stage_held
from data_platform.transforms.basis import Basis
from data_platform.transforms.changed_keys import (
    AFFECTED,
    CHANGED_KEYS,
    DECIDED_BEFORE,
    WAS_THERE,
    find_changed_keys,
    is_of_changed_key,
)
from data_platform.transforms.history import History, assign_history, history_select
from data_platform.transforms.keep_history import broken_rules, count_fates, count_waived
from data_platform.transforms.key_files import crowd_of_small, stage_by_key
from data_platform.transforms.projection import history_key, raw_rules, row_rules

_PLACES = {"batch_id": "_batch_id", "record_no": "_record_no"}


def amend_history(con: DuckDBPyConnection, plan: AdmitPlan, basis: Basis) -> tuple[Change, Change, Outcome] | None:
    """Stages the files that hold changed keys, and the held rows of these; None where every key is concerned."""
    if not find_changed_keys(con, plan, basis):
        return None
    name_reasons(con, (*raw_rules(plan.raw), *row_rules(plan.target.contract)))
    part = replace(plan, raw_table=AFFECTED)
    before = replace(part, decisions=DECIDED_BEFORE) if basis.decisions is not None else part
    assign_history(con, History(admission=before.admission(WAS_THERE)))
    gone = count_fates(con)
    admission = part.admission("true")
    history = History(admission=admission)
    assign_history(con, history)
    come = count_fates(con)
    outcome = Outcome(examined=basis.raw_rows)
    main = _rewritten(con, plan, history, outcome)
    outcome.held += stage_held(con, admission, plan.held)
    side = _held_again(con, plan, outcome)
    _amend_ledger(con, plan, basis, outcome, (gone, come))
    outcome.broken.update(broken_rules(con, side))
    outcome.waived.update(count_waived(con))
    return main, side, outcome


def _rewritten(con: DuckDBPyConnection, plan: AdmitPlan, history: History, outcome: Outcome) -> Change:
    target = plan.target
    key = history_key(target.contract)
    touched = files_holding(con, target.base, CHANGED_KEYS, {name: f"key_{i}" for i, name in enumerate(key)})
    crowd = crowd_of_small(target.base.files, target.contract.partition_column)
    removes = tuple(sorted({file.path: file for file in (*touched, *crowd)}.values(), key=lambda file: file.path))
    is_computed = is_of_changed_key([f"present.{quote_identifier(name)}" for name in key])
    con.execute(f"CREATE OR REPLACE TEMP TABLE rewritten AS {history_select(history)}")
    computed_rows = _count(con, "rewritten")
    if removes:
        kept = target.base.scan_files(removes)
        con.execute(f"INSERT INTO rewritten BY NAME SELECT * FROM ({kept}) AS present WHERE NOT {is_computed}")
    carried_rows = _count(con, "rewritten") - computed_rows
    outcome.curated += stage_by_key(con, "rewritten", target)
    con.execute("DROP TABLE rewritten")
    return Change(
        table=target.table,
        base=target.base,
        adds=tuple(outcome.curated),
        removes=removes,
        computed=is_of_changed_key([*map(quote_identifier, key)]),
        carried_rows=carried_rows,
    )


def _held_again(con: DuckDBPyConnection, plan: AdmitPlan, outcome: Outcome) -> Change:
    """The held rows of the changed keys in place of what was held of them; the others of the same files are kept."""
    held = plan.held
    removes = files_holding(con, held.base, AFFECTED, _PLACES)
    if removes:
        same = " AND ".join(f"present.{own} = rows.{other}" for own, other in _PLACES.items())
        present = held.base.scan_files(removes)
        kept = f"SELECT present.* FROM ({present}) AS present ANTI JOIN {AFFECTED} AS rows ON {same}"
        outcome.held += stage(
            con, kept, table=held.table, schema=held.base.schema, name=new_file_name, month="event_date"
        )
    return Change(table=held.table, base=held.base, adds=tuple(outcome.held), removes=removes)


def _amend_ledger(
    con: DuckDBPyConnection,
    plan: AdmitPlan,
    basis: Basis,
    outcome: Outcome,
    fates: tuple[Counter[tuple[date, str]], Counter[tuple[date, str]]],
) -> None:
    """Lines of the event dates on which a fate changed; raw is counted anew, so that a wrong line cannot close."""
    gone, come = fates
    days = sorted({day for day, fate in {*gone, *come} if gone[day, fate] != come[day, fate]})
    if not days:
        return
    con.execute("CREATE OR REPLACE TEMP TABLE touched_days AS SELECT unnest(?::DATE[]) AS day", [days])
    counted = con.execute(
        f"SELECT _event_date, count(*) FROM {plan.raw_table} "
        f"WHERE _event_date BETWEEN DATE '{days[0]}' AND DATE '{days[-1]}' "
        "AND _event_date IN (SELECT day FROM touched_days) GROUP BY 1"
    ).fetchall()
    outcome.source.update(dict(counted))
    for day in days:
        known = basis.fates.get(day, {})
        for fate in {*known, *(fate for when, fate in {*gone, *come} if when == day)}:
            outcome.fates[day, fate] = known.get(fate, 0) - gone[day, fate] + come[day, fate]


def _count(con: DuckDBPyConnection, relation: str) -> int:
    return int(con.execute(f"SELECT count(*) FROM {relation}").fetchall()[0][0])
