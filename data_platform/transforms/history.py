"""`merge` and `scd2`: every key recomputed from all of its raw records, so the order of arrival cannot matter.

merge: of each key the newest valid sequence is *applied*, older ones are *superseded*, an equal repeat is *unchanged*.
scd2: each change is *applied* and opens an interval, an equal successor is *unchanged*; a delete closes the interval,
and under `delivery: snapshot` so does absence from a later complete snapshot, at that delivery's date.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date

from duckdb import DuckDBPyConnection
from sqlglot import exp

from data_platform.contracts.model import Contract, Delivery, Materialization, Scalar
from data_platform.contracts.types import TypeKind, quote_identifier
from data_platform.transforms.admission import Admission, digest_of, judged_view
from data_platform.transforms.projection import GENERATED


@dataclass(frozen=True, slots=True, kw_only=True)
class History:
    """The inputs of one recomputation.

    Attributes:
        incomplete: delivery dates of snapshots with rejected records; absence from them closes nothing.
    """

    admission: Admission
    incomplete: tuple[date, ...] = ()

    @property
    def contract(self) -> Contract:
        """The contract of the dataset that is computed."""
        return self.admission.contract

    @property
    def is_scd2(self) -> bool:
        """Whether intervals are kept, not only the newest row."""
        return self.contract.materialization is Materialization.SCD2

    @property
    def closes_absent(self) -> bool:
        """Whether a key that is missing from a complete snapshot ends there."""
        return self.is_scd2 and self.admission.raw.delivery is Delivery.SNAPSHOT

    @property
    def content(self) -> tuple[str, ...]:
        """The columns that make two versions of a key differ."""
        left_out = {*GENERATED, *self.contract.sequence} if self.is_scd2 else set(GENERATED)
        return tuple(c.name for c in self.contract.columns if c.name not in left_out)


def assign_history(con: DuckDBPyConnection, history: History) -> None:
    """Fills `placed` (every raw row: place, event date, fate), `held`, and `events` (what happens to each key)."""
    judged_view(con, history.admission)
    con.execute(f"CREATE OR REPLACE TEMP TABLE candidates AS {_candidates(history)}")
    con.execute(f"CREATE OR REPLACE TEMP TABLE versions AS {_versions(history)}")
    con.execute(f"CREATE OR REPLACE TEMP TABLE absences AS {_absences(con, history)}")
    con.execute(f"CREATE OR REPLACE TEMP TABLE events AS {_events(history)}")
    con.execute(f"CREATE OR REPLACE TEMP TABLE placed AS {_PLACED}")
    con.execute("""
        CREATE OR REPLACE TEMP TABLE held AS
        SELECT _batch_id, _record_no, _event_date, CASE fate WHEN 'late' THEN 'late' ELSE 'quarantined' END AS fate,
               CASE fate WHEN 'conflicting' THEN ['conflicting_key'] ELSE failures END AS failures
        FROM placed WHERE fate IN ('late', 'quarantined', 'conflicting')""")


def history_select(history: History) -> str:
    """SELECT of the contract's columns: for merge one row per key, for scd2 one row per key and interval."""
    contract = history.contract
    columns = ", ".join(_output(column.name, history) for column in contract.columns)
    return (
        f"SELECT {columns} FROM judged JOIN events USING (_batch_id, _record_no) "
        "WHERE events.fate = 'applied' AND NOT events.is_delete"
    )


def _output(name: str, history: History) -> str:
    if not history.is_scd2 or name not in GENERATED:
        return f"judged.{quote_identifier(name)}"
    value = {"valid_from": "events.moment", "valid_to": "events.valid_to", "is_current": "events.valid_to IS NULL"}[
        name
    ]
    return f"{value} AS {name}"


def _candidates(history: History) -> str:
    """Every raw row with its key, sequence, moment, digest and what the row rules say; grain: one raw row."""
    contract = history.contract
    key = ", ".join(f"judged.{quote_identifier(n)} AS key_{i}" for i, n in enumerate(contract.primary_key))
    sequence = ", ".join(f"judged.{quote_identifier(n)} AS seq_{i}" for i, n in enumerate(contract.sequence))
    digest = digest_of(contract, "judged", history.content)
    return f"""
        SELECT judged._batch_id, judged._record_no, judged._event_date, {key}, {sequence}, {_moment(history)} AS moment,
               {digest} AS digest, {_is_delete(history)} AS is_delete,
               judged._is_released, judged._failures AS failures,
               CASE WHEN judged._is_late THEN 'late'
                    WHEN len(judged._failures) > 0 AND NOT judged._is_released THEN 'quarantined' END AS fate
        FROM judged"""


def _versions(history: History) -> str:
    """Valid rows, told apart within one key and sequence: conflicting, repeated, or the one that speaks for it."""
    same = ", ".join([*_key(history), *_sequence(history)])
    return f"""
        SELECT *, CASE
            WHEN least_digest <> greatest_digest AND released_rows = 0 THEN 'conflicting'
            WHEN copy > 1 THEN 'unchanged' END AS outcome
        FROM (
            SELECT candidates.*, min(digest || is_delete) OVER same AS least_digest,
                   max(digest || is_delete) OVER same AS greatest_digest,
                   count(*) FILTER (WHERE _is_released) OVER same AS released_rows,
                   row_number() OVER (PARTITION BY {same}
                       ORDER BY _is_released DESC, digest, _batch_id, _record_no) AS copy
            FROM candidates WHERE fate IS NULL
            WINDOW same AS (PARTITION BY {same}))"""


def _absences(con: DuckDBPyConnection, history: History) -> str:
    """Keys that a later complete snapshot lacks: key and the moment of that snapshot; grain: one closing."""
    key = ", ".join(_key(history))
    if not history.closes_absent:
        return f"SELECT {key}, moment FROM candidates WHERE false"
    incomplete = ", ".join(
        exp.cast(exp.Literal.string(d.isoformat()), "DATE").sql("duckdb") for d in history.incomplete
    )
    con.execute(f"""
        CREATE OR REPLACE TEMP TABLE complete_days AS
        SELECT DISTINCT _event_date AS day FROM candidates WHERE _event_date NOT IN ({incomplete or "NULL::DATE"})
           OR {str(not incomplete).lower()}""")
    return f"""
        WITH present AS (SELECT DISTINCT {key}, _event_date AS day FROM candidates),
        followed AS (SELECT *, lead(day) OVER (PARTITION BY {key} ORDER BY day) AS next_seen FROM present),
        next_complete AS (
            SELECT days.day, min(complete_days.day) AS next_day
            FROM (SELECT DISTINCT day FROM present) AS days
            JOIN complete_days ON complete_days.day > days.day GROUP BY days.day)
        SELECT {key}, next_day::TIMESTAMPTZ AS moment
        FROM followed JOIN next_complete USING (day)
        WHERE next_seen IS NULL OR next_day < next_seen"""


def _events(history: History) -> str:
    """What happens to each key, with its fate and when its interval ends; grain: one speaking row or one absence."""
    key, sequence = _key(history), _sequence(history)
    keys = ", ".join(key)
    order = ", ".join(["moment", *sequence] if history.closes_absent else sequence)
    no_sequence = ", ".join(f"NULL AS {name}" for name in sequence)
    return f"""
        WITH happened AS (
            SELECT _batch_id, _record_no, {keys}, {", ".join(sequence)}, moment, digest, is_delete, false AS is_absence
            FROM versions WHERE outcome IS NULL
            UNION ALL BY NAME
            SELECT NULL AS _batch_id, NULL AS _record_no, {keys}, {no_sequence}, moment, NULL AS digest,
                   true AS is_delete, true AS is_absence
            FROM absences
        ), compared AS (
            SELECT *, lag(digest) OVER in_order AS previous_digest, lag(is_delete) OVER in_order AS previous_delete,
                   row_number() OVER (PARTITION BY {keys} ORDER BY {_descending(order)}) AS newest
            FROM happened WINDOW in_order AS (PARTITION BY {keys} ORDER BY {order})
        ), fated AS (
            SELECT *, {_SCD2_FATE if history.is_scd2 else _MERGE_FATE} AS fate FROM compared
        )
        SELECT fated.*, lead(moment) OVER (PARTITION BY {keys} ORDER BY {order}) AS valid_to
        FROM fated WHERE fate = 'applied'
        UNION ALL BY NAME
        SELECT *, NULL AS valid_to FROM fated WHERE fate <> 'applied'"""


_MERGE_FATE = "CASE WHEN newest = 1 THEN 'applied' ELSE 'superseded' END"
_SCD2_FATE = (
    "CASE WHEN previous_delete IS NOT DISTINCT FROM is_delete "
    "AND (is_delete OR previous_digest IS NOT DISTINCT FROM digest) THEN 'unchanged' ELSE 'applied' END"
)
_PLACED = """
    SELECT candidates._batch_id, candidates._record_no, candidates._event_date, candidates.failures,
           coalesce(candidates.fate, versions.outcome, events.fate) AS fate
    FROM candidates
    LEFT JOIN versions USING (_batch_id, _record_no)
    LEFT JOIN events USING (_batch_id, _record_no)"""


def _key(history: History) -> list[str]:
    return [f"key_{i}" for i in range(len(history.contract.primary_key))]


def _sequence(history: History) -> list[str]:
    return [f"seq_{i}" for i in range(len(history.contract.sequence))]


def _descending(order: str) -> str:
    return ", ".join(f"{name} DESC" for name in order.split(", "))


def _moment(history: History) -> str:
    """When a version begins: its sequence where that is a time, else its event time, else its event date."""
    first = history.contract.column(history.contract.sequence[0])
    if first.type.kind in (TypeKind.TIMESTAMP, TypeKind.DATE):
        return f"judged.{quote_identifier(first.name)}::TIMESTAMPTZ"
    return "coalesce(judged._event_time::TIMESTAMPTZ, judged._event_date::TIMESTAMPTZ)"


def _is_delete(history: History) -> str:
    deletes = history.contract.deletes
    if deletes is None:
        return "false"
    values = ", ".join(_literal(value) for value in deletes.values)
    return f"coalesce(judged.{quote_identifier(deletes.column)} IN ({values}), false)"


def _literal(value: Scalar) -> str:
    return exp.convert(value).sql(dialect="duckdb")
