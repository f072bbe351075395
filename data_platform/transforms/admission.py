"""`admit`: one fate per raw record, in this order: late, quarantined by a row rule, quarantined as conflicting key,
duplicate, curated (ARCHITECTURE, admission).

A pure function of (raw version, contract version, decisions version, SQL). It works month by month, so that memory is
bounded by a month; the dedupe key determines the event date, so equal keys always meet in one month.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from duckdb import DuckDBPyConnection

from data_platform.contracts.model import Contract
from data_platform.contracts.types import TypeKind, quote_identifier, quote_text
from data_platform.lakehouse.content_hash import row_digest
from data_platform.transforms.projection import judged_select
from data_platform.transforms.query import Query
from data_platform.transforms.replacement import day_of


@dataclass(frozen=True, slots=True, kw_only=True)
class Admission:
    """The inputs of one pass of fates.

    Attributes:
        where: SQL over the raw table's columns that selects the pass's rows.
        raw_table: quoted name of a relation of the raw dataset's rows: its view, or some of them.
        decisions: quoted name of a relation (batch_id, record_no, decision), or None where nobody decided anything.
    """

    query: Query
    raw: Contract
    contract: Contract
    where: str
    raw_table: str
    decisions: str | None


def assign_fates(con: DuckDBPyConnection, admission: Admission) -> None:
    """Fills the session tables of one pass.

    `judged` (view: every row with `_failures`), `held` (rows held back: place, fate, broken rules), `repeated` (rows
    that lost to an equal or newer row of their key, by place).
    """
    judged_view(con, admission)
    con.execute(f"CREATE OR REPLACE TEMP TABLE held AS {_HELD_BY_RULE}")
    contract = admission.contract
    con.execute(f"CREATE OR REPLACE TEMP TABLE contested AS {_NOTHING_CONTESTED}")
    key = [quote_identifier(name) for name in contract.dedupe_key]
    if key:
        _contest(con, admission, key)
    con.execute(
        "INSERT INTO held SELECT _batch_id, _record_no, _event_date, 'quarantined', ['conflicting_key'] "
        "FROM contested WHERE fate = 'conflicting'"
    )
    con.execute(
        "CREATE OR REPLACE TEMP TABLE repeated AS SELECT _batch_id, _record_no, _event_date FROM contested "
        "WHERE fate = 'duplicate'"
    )


def judged_view(con: DuckDBPyConnection, admission: Admission) -> None:
    """Makes `judged`: every raw row of the pass as the query maps it, its origin, `_failures` and what was decided."""
    con.execute(f"CREATE OR REPLACE TEMP VIEW judged AS {_judged(admission)}")


def admitted_select(con: DuckDBPyConnection, contract: Contract) -> str:
    """SELECT of the contract's columns of the rows that `assign_fates` left standing."""
    columns = ", ".join(quote_identifier(column.name) for column in contract.columns)
    gone = con.execute("SELECT (SELECT count(*) FROM held) + (SELECT count(*) FROM repeated)").fetchall()
    if gone == [(0,)]:
        return f"SELECT {columns} FROM judged"
    return (
        f"SELECT {columns} FROM judged ANTI JOIN (FROM held SELECT _batch_id, _record_no UNION ALL "
        "FROM repeated SELECT _batch_id, _record_no) AS gone USING (_batch_id, _record_no)"
    )


def held_select(admission: Admission, reasons: str) -> str:
    """SELECT of the held table's columns: every held row with its raw record as JSON text.

    Args:
        admission: the pass.
        reasons: quoted name of a relation (rule, reason).
    """
    record = f"SELECT *{_decimals_as_text(admission.raw)} FROM {admission.raw_table} WHERE {admission.where}"
    return f"""
        SELECT held._event_date AS event_date, held.fate,
               CASE held.fate WHEN 'late' THEN 'LATE' ELSE coalesce(reasons.reason, 'RULE') END AS reason,
               CASE held.fate WHEN 'late' THEN 'allowed_lateness' ELSE held.failures[1] END AS rule,
               CASE held.fate WHEN 'late' THEN 'allowed_lateness' ELSE array_to_string(held.failures, ',') END AS rules,
               held._batch_id AS batch_id, held._record_no AS record_no,
               to_json(raw_record)::VARCHAR AS record,
               {quote_text(admission.contract.version)} AS contract_version
        FROM held
        JOIN ({record}) AS raw_record
          USING (_batch_id, _record_no)
        LEFT JOIN {reasons} AS reasons ON reasons.rule = held.failures[1]"""


_NOTHING_CONTESTED = (
    "SELECT NULL::VARCHAR AS _batch_id, NULL::BIGINT AS _record_no, NULL::DATE AS _event_date, NULL::VARCHAR AS fate "
    "WHERE false"
)
_HELD_BY_RULE = """
    SELECT _batch_id, _record_no, _event_date,
           CASE WHEN _is_late THEN 'late' ELSE 'quarantined' END AS fate,
           _failures AS failures
    FROM judged
    WHERE _is_late OR (len(_failures) > 0 AND NOT _is_released)"""


def _judged(admission: Admission) -> str:
    judged = judged_select(
        admission.query, admission.raw, admission.contract, source=admission.raw_table, where=admission.where
    )
    if admission.decisions is None:
        return f"SELECT *, _late AS _is_late, false AS _is_released FROM ({judged})"
    day = day_of(admission.contract)
    # A partition can hold only rows of its date, so a row that landing could not place in time stays held.
    has_place = "true" if day is None else f"{day} IS NOT DISTINCT FROM judged._event_date"
    return f"""
        SELECT judged.*, judged._late AND NOT coalesce(decided.admits_late, false) AS _is_late,
               coalesce(decided.releases, false) AND {has_place} AS _is_released
        FROM ({judged}) AS judged
        LEFT JOIN (SELECT batch_id, record_no, bool_or(decision = 'admit_late') AS admits_late,
                          bool_or(decision = 'release') AS releases
                   FROM {admission.decisions} GROUP BY ALL) AS decided
          ON decided.batch_id = judged._batch_id AND decided.record_no = judged._record_no"""


def _contest(con: DuckDBPyConnection, admission: Admission, key: list[str]) -> None:
    """Fills `contested`: valid rows whose key occurs more than once, as winner, duplicate or conflicting."""
    contract = admission.contract
    # Within one event date, as days are run alone: a key on two days then breaks UNIQUE whatever the range.
    scope = [*key, "_event_date"] if contract.partition_column is not None else key
    keys = ", ".join(scope)
    of_contender = ", ".join(f"contender.{name}" for name in scope)
    # Grouping every key is the dear part, so it carries nothing but the key; ranking touches only repeated keys.
    standing = _standing(con)
    con.execute(f"""
        CREATE OR REPLACE TEMP TABLE repeated_keys AS
        SELECT {keys} FROM {standing} GROUP BY {keys} HAVING count(*) > 1""")
    if not con.execute("SELECT count(*) FROM repeated_keys").fetchall()[0][0]:
        return
    sequence = [quote_identifier(name) for name in contract.sequence] or ["_event_time"]
    newest = ", ".join(f"{name} DESC NULLS LAST" for name in sequence)
    digest = digest_of(contract, "contender", [column.name for column in contract.columns])
    same = " AND ".join(f"contender.{name} IS NOT DISTINCT FROM repeated_keys.{name}" for name in scope)
    con.execute(f"""
        CREATE OR REPLACE TEMP TABLE contested AS
        WITH contender AS (
            SELECT judged.* FROM {standing}
        ), ranked AS (
            SELECT contender._batch_id, contender._record_no, contender._event_date, contender._is_released,
                   {", ".join("contender." + name for name in key)}, {digest} AS digest,
                   rank() OVER (PARTITION BY {of_contender}
                                ORDER BY {newest}) AS age
            FROM contender JOIN repeated_keys ON {same}
        ), judged_keys AS (
            SELECT *, count(DISTINCT digest) FILTER (WHERE age = 1) OVER of_key AS newest_contents,
                   count(*) FILTER (WHERE _is_released) OVER of_key AS released_rows,
                   row_number() OVER (PARTITION BY {keys}
                       ORDER BY _is_released DESC, age, digest, _batch_id, _record_no) AS place
            FROM ranked WINDOW of_key AS (PARTITION BY {keys})
        )
        SELECT _batch_id, _record_no, _event_date,
               CASE WHEN newest_contents > 1 AND released_rows = 0 THEN 'conflicting'
                    WHEN place = 1 THEN 'winner' ELSE 'duplicate' END AS fate
        FROM judged_keys""")


def _standing(con: DuckDBPyConnection) -> str:
    """FROM clause of the rows that no rule holds back."""
    is_any_held = con.execute("SELECT count(*) FROM held").fetchall()[0][0]
    return "judged ANTI JOIN held USING (_batch_id, _record_no)" if is_any_held else "judged"


def digest_of(contract: Contract, alias: str, columns: Iterable[str]) -> str:
    """SQL of the digest of some of a row's columns, as `alias` names them."""
    values = {name: f"{alias}.{quote_identifier(name)}" for name in columns}
    return row_digest(values, {name: contract.column(name).type.arrow() for name in values})


def _decimals_as_text(raw: Contract) -> str:
    """A number in JSON would pass through a double; an amount is kept to its last digit as text."""
    names = [quote_identifier(c.name) for c in raw.columns if c.type.kind is TypeKind.DECIMAL]
    texts = ", ".join(f"CAST({name} AS VARCHAR) AS {name}" for name in names)
    return f" REPLACE ({texts})" if texts else ""
