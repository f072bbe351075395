"""`merge` and `scd2`: every key recomputed from all of its raw records, so the order of arrival cannot matter.

merge: of each key the newest valid sequence is *applied*, older ones are *superseded*, an equal repeat is *unchanged*.
scd2: each change is *applied* and opens an interval, an equal successor is *unchanged*; a delete closes the interval,
and under `delivery: snapshot` so does absence from a later complete snapshot, at that delivery's date. A key that comes
back after an absence begins anew, at its change or, if that is older, at the delivery that has it again. Of changes on
one moment the last is applied and the others are *superseded*, so that intervals never overlap.

A truncation is *applied* and ends every key whose newest row by then is older; an equal repeat of it is *unchanged*, as
is every row that says nothing. Sequence decides, never arrival.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date

from duckdb import DuckDBPyConnection

from data_platform.contracts.model import Contract, Delivery, Materialization
from data_platform.contracts.types import TypeKind, quote_identifier
from data_platform.transforms.admission import Admission, digest_of, judged_view
from data_platform.transforms.changes import Meaning
from data_platform.transforms.projection import GENERATED, borrowed_columns, history_key


@dataclass(frozen=True, slots=True, kw_only=True)
class History:
    """The inputs of one recomputation.

    Attributes:
        complete: delivery dates of snapshots that were read without a fault, empty ones too; only absence from these
            closes an interval.
    """

    admission: Admission
    complete: tuple[date, ...] = ()

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
    con.execute(f"CREATE OR REPLACE TEMP TABLE truncations AS {_truncations(history)}")
    con.execute(f"CREATE OR REPLACE TEMP TABLE absences AS {_absences(con, history)}")
    con.execute(f"CREATE OR REPLACE TEMP TABLE versions AS {_versions(history)}")
    happened = _intervals(history) if history.is_scd2 else _newest(history)
    con.execute(f"CREATE OR REPLACE TEMP TABLE events AS {happened} UNION ALL BY NAME {_TRUNCATED}")
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
    key = ", ".join(f"judged.{quote_identifier(n)} AS key_{i}" for i, n in enumerate(history_key(contract)))
    sequence = ", ".join(f"judged.{quote_identifier(n)} AS seq_{i}" for i, n in enumerate(contract.sequence))
    digest = digest_of(contract, "judged", history.content)
    return f"""
        SELECT judged._batch_id, judged._record_no, judged._event_date, {key}, {sequence}, {_moment(history)} AS moment,
               judged._meaning AS meaning, judged._meaning = '{Meaning.DELETE}' AS is_delete,
               CASE judged._meaning WHEN '{Meaning.STATE}' THEN {digest} ELSE '' END AS digest,
               judged._is_released, judged._failures AS failures,
               CASE WHEN judged._meaning = '{Meaning.IGNORE}' THEN 'unchanged'
                    WHEN judged._is_late THEN 'late'
                    WHEN len(judged._failures) > 0 AND NOT judged._is_released THEN 'quarantined' END AS fate
        FROM judged"""


def _versions(history: History) -> str:
    """Valid rows, told apart within one key, epoch and sequence: conflicting, repeated, or the one that speaks for it.

    An epoch of a key ends with each of its absences.
    """
    same = ", ".join([*_key(history), "epoch", *_sequence(history)])
    is_valid = f"candidates.fate IS NULL AND candidates.meaning <> '{Meaning.TRUNCATE}'"
    epochs = f"SELECT *, 0 AS epoch, NULL::TIMESTAMPTZ AS absent_since FROM candidates WHERE {is_valid}"
    if history.closes_absent:
        at_key = " AND ".join(f"absences.{name} = candidates.{name}" for name in _key(history))
        epochs = f"""
            SELECT candidates.*, coalesce(absences.epoch + 1, 0) AS epoch, absences.moment AS absent_since
            FROM candidates ASOF LEFT JOIN absences
              ON {at_key} AND candidates._event_date::TIMESTAMPTZ >= absences.moment
            WHERE {is_valid}"""
    return f"""
        SELECT *, CASE
            WHEN least_digest <> greatest_digest AND released_rows = 0 THEN 'conflicting'
            WHEN copy > 1 AND digest = spoken_digest THEN 'unchanged'
            WHEN copy > 1 THEN 'superseded' END AS outcome
        FROM (
            SELECT epochs.*, min(digest || is_delete) OVER same AS least_digest,
                   max(digest || is_delete) OVER same AS greatest_digest,
                   count(*) FILTER (WHERE _is_released) OVER same AS released_rows,
                   row_number() OVER spoken AS copy, first_value(digest) OVER spoken AS spoken_digest
            FROM ({epochs}) AS epochs
            WINDOW same AS (PARTITION BY {same}),
                   spoken AS (PARTITION BY {same}
                              ORDER BY _is_released DESC, _event_date, moment, digest, _batch_id, _record_no))"""


def _truncations(history: History) -> str:
    """Valid truncations with their sequence, moment and fate; grain: one raw row."""
    same = ", ".join(_sequence(history))
    return f"""
        SELECT _batch_id, _record_no, {same}, moment, true AS is_delete,
               CASE row_number() OVER (PARTITION BY {same} ORDER BY _event_date, moment, _batch_id, _record_no)
                   WHEN 1 THEN 'applied' ELSE 'unchanged' END AS fate
        FROM candidates WHERE fate IS NULL AND meaning = '{Meaning.TRUNCATE}'"""


def _absences(con: DuckDBPyConnection, history: History) -> str:
    """Keys that a later complete snapshot lacks: key, moment of that snapshot, and epoch, how many were before it."""
    key = ", ".join(_key(history))
    if not history.closes_absent:
        return f"SELECT {key}, moment, 0::BIGINT AS epoch FROM candidates WHERE false"
    con.execute("CREATE OR REPLACE TEMP TABLE complete_days (day DATE)")
    if history.complete:
        con.executemany("INSERT INTO complete_days VALUES (?)", [[day] for day in history.complete])
    return f"""
        WITH present AS (
            SELECT DISTINCT {key}, _event_date AS day FROM candidates
            WHERE meaning IN ('{Meaning.STATE}', '{Meaning.DELETE}')),
        followed AS (SELECT *, lead(day) OVER (PARTITION BY {key} ORDER BY day) AS next_seen FROM present),
        next_complete AS (
            SELECT days.day, min(complete_days.day) AS next_day
            FROM (SELECT DISTINCT day FROM present) AS days
            JOIN complete_days ON complete_days.day > days.day GROUP BY days.day)
        SELECT {key}, next_day::TIMESTAMPTZ AS moment, row_number() OVER (PARTITION BY {key} ORDER BY day) - 1 AS epoch
        FROM followed JOIN next_complete USING (day)
        WHERE next_seen IS NULL OR next_day < next_seen"""


def _newest(history: History) -> str:
    """What happens to each key of a merge: its newest row is applied unless all was truncated later; grain: one
    speaking row.
    """
    sequence = _sequence(history)
    newest = ", ".join(f"{name} DESC" for name in sequence)
    last = f"SELECT {_packed(sequence)} FROM truncations ORDER BY {newest} LIMIT 1"
    return f"""
        SELECT _batch_id, _record_no, is_delete,
               CASE WHEN row_number() OVER (PARTITION BY {", ".join(_key(history))} ORDER BY {newest}) = 1
                         AND NOT coalesce({_packed(sequence)} < ({last}), false)
                    THEN 'applied' ELSE 'superseded' END AS fate
        FROM versions WHERE outcome IS NULL"""


def _intervals(history: History) -> str:
    """What happens to each key of a history, with its fate and when its interval ends; grain: one speaking row, one
    absence or one truncation that ends something.
    """
    key, sequence = _key(history), _sequence(history)
    in_order = f"(PARTITION BY {', '.join(key)} ORDER BY {', '.join(['epoch', 'is_absence', *sequence, 'is_row'])})"
    names = ", ".join([*key, "epoch", *sequence])
    absent = ", ".join([*key, "epoch", *(f"NULL AS {name}" for name in sequence)])
    ended = ", ".join([*(f"versions.{name}" for name in [*key, "epoch"]), *(f"truncations.{s}" for s in sequence)])
    return f"""
        WITH happened AS (
            SELECT _batch_id, _record_no, {names}, digest, is_delete, false AS is_absence, true AS is_row,
                   CASE WHEN moment <= absent_since THEN _event_date::TIMESTAMPTZ ELSE moment END AS own_moment
            FROM versions WHERE outcome IS NULL
            UNION ALL BY NAME
            SELECT NULL AS _batch_id, NULL AS _record_no, {absent}, NULL AS digest, true AS is_delete,
                   true AS is_absence, false AS is_row, moment AS own_moment
            FROM absences
            UNION ALL BY NAME
            SELECT DISTINCT NULL AS _batch_id, NULL AS _record_no, {ended}, NULL AS digest, true AS is_delete,
                   false AS is_absence, false AS is_row, truncations.moment AS own_moment
            FROM versions ASOF JOIN (FROM truncations WHERE fate = 'applied') AS truncations
              ON {_packed(sequence, "versions")} < {_packed(sequence, "truncations")}
            WHERE versions.outcome IS NULL
        ), timed AS (
            SELECT *, max(own_moment) OVER {in_order} AS moment FROM happened
        ), followed AS (
            SELECT *, lead(moment) OVER {in_order} IS NOT DISTINCT FROM moment AS is_overtaken FROM timed
        ), fated AS (
            SELECT *, CASE WHEN lag(is_delete) OVER {in_order} IS NOT DISTINCT FROM is_delete
                            AND (is_delete OR lag(digest) OVER {in_order} IS NOT DISTINCT FROM digest)
                           THEN 'unchanged' ELSE 'applied' END AS fate
            FROM followed WHERE NOT is_overtaken
        )
        SELECT *, lead(moment) OVER {in_order} AS valid_to FROM fated WHERE fate = 'applied'
        UNION ALL BY NAME
        SELECT *, NULL AS valid_to FROM fated WHERE fate <> 'applied'
        UNION ALL BY NAME
        SELECT *, 'superseded' AS fate, NULL AS valid_to FROM followed WHERE is_overtaken"""


_PLACED = """
    SELECT candidates._batch_id, candidates._record_no, candidates._event_date, candidates.failures,
           coalesce(candidates.fate, versions.outcome, events.fate) AS fate
    FROM candidates
    LEFT JOIN versions USING (_batch_id, _record_no)
    LEFT JOIN events USING (_batch_id, _record_no)"""


_TRUNCATED = "SELECT _batch_id, _record_no, is_delete, fate FROM truncations"


def _key(history: History) -> list[str]:
    return [f"key_{i}" for i in range(len(history_key(history.contract)))]


def _sequence(history: History) -> list[str]:
    return [f"seq_{i}" for i in range(len(history.contract.sequence))]


def _moment(history: History) -> str:
    """When a version begins: its sequence where that is a time, else its event time; for a row without one, when it was
    received where others have one, else its event date.
    """
    name = history.contract.sequence[0]
    is_borrowed = name in borrowed_columns(history.contract)
    first = (history.admission.raw if is_borrowed else history.contract).column(name)
    if first.type.kind in (TypeKind.TIMESTAMP, TypeKind.DATE):
        return f"judged.{quote_identifier(first.name)}::TIMESTAMPTZ"
    otherwise = "judged._ingested_at" if history.admission.raw.watermark else "judged._event_date::TIMESTAMPTZ"
    return f"coalesce(judged._event_time::TIMESTAMPTZ, {otherwise})"


def _packed(sequence: list[str], table: str = "") -> str:
    """The columns of a sequence as one value that compares as they do, one after the other."""
    return f"row({', '.join(f'{table}.{name}' if table else name for name in sequence)})"
