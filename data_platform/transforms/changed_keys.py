"""The keys that new batches or new decisions name, and all raw rows of these keys: what a run has to look at again."""

from __future__ import annotations

from collections.abc import Sequence

from duckdb import DuckDBPyConnection

from data_platform.transforms.admit import AdmitPlan
from data_platform.transforms.basis import Basis
from data_platform.transforms.changes import Meaning, meanings
from data_platform.transforms.projection import history_key, keyed_select

AFFECTED = "affected"
CHANGED_KEYS = "changed_keys"
DECIDED_BEFORE = "decided_before"
WAS_THERE = "_batch_id NOT IN (SELECT batch_id FROM new_batches)"  # of a row of AFFECTED


def find_changed_keys(con: DuckDBPyConnection, plan: AdmitPlan, basis: Basis) -> bool:
    """Fills `changed_keys` (key_0 …) and `affected` (raw rows); False where a new truncation concerns every key.

    `affected` holds every raw row of the changed keys, all truncations, and what new batches say without a meaning.
    """
    contract = plan.target.contract
    _name_batches(con, basis)
    _name_decided(con, plan, basis)
    rows = keyed_select(plan.query, contract, source=plan.raw_table)
    key = [f"_key_{i}" for i in range(len(history_key(contract)))]
    new = "false"
    if basis.received_from is not None:
        received = f"TIMESTAMPTZ '{basis.received_from.isoformat(sep=' ')}'"
        new = f"_ingested_at >= {received} AND _batch_id IN (SELECT batch_id FROM new_batches)"
    decided = "(_batch_id, _record_no) IN (SELECT (batch_id, record_no) FROM newly_decided)"
    named = f"SELECT _meaning, {', '.join(key)} FROM ({rows}) WHERE {{}}"
    con.execute(
        f"CREATE OR REPLACE TEMP TABLE named_rows AS {named.format(new)}"
        + (f" UNION ALL {named.format(decided)}" if basis.decisions is not None else "")
    )
    if con.execute(f"SELECT count(*) FROM named_rows WHERE _meaning = '{Meaning.TRUNCATE}'").fetchall() != [(0,)]:
        return False
    names = ", ".join(f"{name} AS {name.removeprefix('_')}" for name in key)
    con.execute(
        f"CREATE OR REPLACE TEMP TABLE {CHANGED_KEYS} AS SELECT DISTINCT {names} FROM named_rows "
        f"WHERE _meaning <> '{Meaning.IGNORE}'"
    )
    same = " AND ".join(f"rows.{name} IS NOT DISTINCT FROM keys.{name.removeprefix('_')}" for name in key)
    bare = f"EXCLUDE ({', '.join(key)}, _meaning)"
    keyless = f"_meaning = '{Meaning.TRUNCATE}' OR (_meaning = '{Meaning.IGNORE}' AND {new})"
    con.execute(
        f"CREATE OR REPLACE TEMP TABLE {AFFECTED} AS "
        f"SELECT rows.* {bare} FROM ({rows}) AS rows SEMI JOIN {CHANGED_KEYS} AS keys ON {same} "
        f"WHERE rows._meaning IN ('{Meaning.STATE}', '{Meaning.DELETE}')"
        + (f" UNION ALL SELECT * {bare} FROM ({rows}) WHERE {keyless}" if meanings(contract) else "")
    )
    return True


def is_of_changed_key(key: Sequence[str]) -> str:
    """SQL that is true for a row whose key, given as SQL column by column, is among the changed ones."""
    same = " AND ".join(f"keys.key_{i} IS NOT DISTINCT FROM {value}" for i, value in enumerate(key))
    return f"EXISTS (SELECT 1 FROM {CHANGED_KEYS} AS keys WHERE {same})"


def _name_batches(con: DuckDBPyConnection, basis: Basis) -> None:
    con.execute("CREATE OR REPLACE TEMP TABLE new_batches (batch_id VARCHAR)")
    if basis.batches:
        con.execute("INSERT INTO new_batches SELECT unnest(?::VARCHAR[])", [list(basis.batches)])


def _name_decided(con: DuckDBPyConnection, plan: AdmitPlan, basis: Basis) -> None:
    """Makes `newly_decided`, the places of raw rows about which something was decided since, and `decided_before`."""
    if basis.decisions is None:
        return
    con.execute(f"CREATE OR REPLACE TEMP VIEW {DECIDED_BEFORE} AS {basis.decisions.scan()}")
    said = "SELECT batch_id, record_no, decision FROM"
    now = f"{said} {plan.decisions}"
    before = f"{said} {DECIDED_BEFORE}"
    con.execute(
        "CREATE OR REPLACE TEMP TABLE newly_decided AS SELECT DISTINCT batch_id, record_no FROM ("
        f"({now} EXCEPT {before}) UNION ALL ({before} EXCEPT {now}))"
    )
