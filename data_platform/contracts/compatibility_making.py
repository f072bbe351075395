"""How a dataset's rows come about, before and after: materialization, keys, order, deletes, deliveries, partitions."""

from __future__ import annotations

from collections.abc import Iterator

from data_platform.contracts.compatibility_verdicts import (
    BREAKING,
    COMPATIBLE,
    NO_EFFECT,
    RISKY,
    Change,
    Effect,
    Verdict,
)
from data_platform.contracts.model import Contract, Delivery, Layer, Materialization, SchemaChange

_BY_KEY = (Materialization.MERGE, Materialization.SCD2)
_ONE_TO_ONE = (Materialization.ADMIT, *_BY_KEY)
_KEEPS_EXTRA = (SchemaChange.EVOLVE, SchemaChange.QUARANTINE)
_REFUSES = (SchemaChange.FREEZE, SchemaChange.QUARANTINE)


def making_changes(base: Contract, head: Contract) -> Iterator[Change]:
    """Changes of what decides which rows there are."""
    is_same_extra = (base.schema_change in _KEEPS_EXTRA) == (head.schema_change in _KEEPS_EXTRA)
    loses_extra = not is_same_extra and base.schema_change in _KEEPS_EXTRA
    for kind, before, after, effect in (
        ("materialization_changed", base.materialization, head.materialization, _materialization(base, head)),
        ("primary_key_changed", _names(base.primary_key), _names(head.primary_key), _primary_key(base, head)),
        ("dedupe_key_changed", _names(base.dedupe_key), _names(head.dedupe_key), _dedupe_key(base, head)),
        ("sequence_changed", _names(base.sequence), _names(head.sequence), _sequence(base, head)),
        ("deletes_changed", _deletes(base), _deletes(head), _deletes_effect(base, head)),
        ("partitioning_changed", _names(_partitions(base)), _names(_partitions(head)), _partitioning(base, head)),
        ("delivery_changed", base.delivery, head.delivery, _delivery(base, head)),
        ("delivery_date_changed", base.delivery_date_pattern, head.delivery_date_pattern, _delivery_date(base, head)),
        ("schema_change_changed", base.schema_change, head.schema_change, _schema_change(base, head)),
        ("nondeterminism_changed", _names(base.nondeterminism), _names(head.nondeterminism), _determinism(base, head)),
    ):
        if effect is not None:
            yield Change(
                kind=kind,
                subject="",
                before=str(before or ""),
                after=str(after or ""),
                readers=effect.readers,
                writers=effect.writers,
                reason=effect.reason,
                needs_new_table=kind == "schema_change_changed" and loses_extra,
            )


def _materialization(base: Contract, head: Contract) -> Effect | None:
    was, now = base.materialization, head.materialization
    if was is now:
        return None
    if Materialization.SCD2 in (was, now):
        why = "a key has several rows now" if now is Materialization.SCD2 else "the history of a key is gone"
        return Effect(BREAKING, _query_effect(was, now), why)
    if was is Materialization.MERGE and now is Materialization.ADMIT:
        return Effect(BREAKING, COMPATIBLE, "a newer row no longer replaces the older one of its key")
    if was is Materialization.ADMIT and now is Materialization.MERGE:
        return Effect(RISKY, COMPATIBLE, "rows change after they were published")
    if {was, now} == {Materialization.TABLE, Materialization.PARTITION}:
        return Effect(RISKY, RISKY, "the query is bound to days or no longer is, and old days are or are not derived")
    return Effect(RISKY, _query_effect(was, now), "other rows are held back, and others stop the publish")


def _query_effect(was: Materialization, now: Materialization) -> Verdict:
    if now in _ONE_TO_ONE:
        return COMPATIBLE if was in _ONE_TO_ONE else BREAKING  # joins, filters and groups are refused then
    return RISKY


def _primary_key(base: Contract, head: Contract) -> Effect | None:
    was, now = set(base.primary_key), set(head.primary_key)
    if base.primary_key == head.primary_key:
        return None
    if was == now or head.name.layer is Layer.RAW:
        return Effect(COMPATIBLE, COMPATIBLE, "the same rows pass: raw keeps repeats, and order tells no rows apart")
    if was and now and head.materialization in _BY_KEY:
        return Effect(BREAKING, BREAKING, "rows that were one are several, or the other way round")
    if not now or (was < now and was):
        return Effect(BREAKING, COMPATIBLE, "what readers join by is no longer unique")
    if not was or now < was:
        return Effect(COMPATIBLE, BREAKING, "rows that share the new key stop the publish")
    return Effect(BREAKING, BREAKING, "another set of columns is unique")


def _dedupe_key(base: Contract, head: Contract) -> Effect | None:
    was, now = set(base.dedupe_key), set(head.dedupe_key)
    if base.dedupe_key == head.dedupe_key:
        return None
    if was == now or head.materialization is not Materialization.ADMIT:
        return NO_EFFECT
    if was and was < now:
        return Effect(BREAKING, COMPATIBLE, "rows that counted as repeats are kept")
    if not now:
        return Effect(BREAKING, COMPATIBLE, "repeats are kept")
    if not was or now < was:
        return Effect(RISKY, BREAKING, "rows that were told apart count as repeats")
    return Effect(BREAKING, BREAKING, "other rows count as repeats")


def _sequence(base: Contract, head: Contract) -> Effect | None:
    was, now = base.sequence, head.sequence
    if was == now:
        return None
    if base.materialization not in _BY_KEY or head.materialization not in _BY_KEY:
        return Effect(RISKY, COMPATIBLE, "another of the repeats may be kept")
    if was and now[: len(was)] == was:
        return Effect(RISKY, RISKY, "ties are decided by a further column, which may not be NULL")
    return Effect(BREAKING, RISKY, "another row of a key may be the newest")


def _deletes_effect(base: Contract, head: Contract) -> Effect | None:
    was, now = base.deletes, head.deletes
    if was == now:
        return None
    if was is None:
        return Effect(RISKY, RISKY, "rows that were states delete their key now")
    if now is None:
        return Effect(BREAKING, BREAKING, "rows that deleted their key are states now")
    if was.column != now.column:
        return Effect(BREAKING, BREAKING, "deletions are told by another column")
    return Effect(RISKY, BREAKING, "other rows delete, truncate or mean nothing")


def _partitioning(base: Contract, head: Contract) -> Effect | None:
    was, now = _partitions(base), _partitions(head)
    if was == now:
        return None
    if not was:
        return Effect(COMPATIBLE, RISKY, "runs go day by day, by a column that every row needs")
    if not now:
        return Effect(RISKY, COMPATIBLE, "filters on the day no longer skip files, and runs take the whole table")
    return Effect(RISKY, RISKY, "days are those of other columns: filters, runs and layout go by them")


def _delivery(base: Contract, head: Contract) -> Effect | None:
    if base.delivery is head.delivery:
        return None
    if head.delivery is Delivery.SNAPSHOT:
        return Effect(RISKY, BREAKING, "a delivery has to be complete and to say its date: keys it lacks are gone")
    return Effect(RISKY, RISKY, "keys that a delivery lacks stay, and a repeated delivery is skipped")


def _delivery_date(base: Contract, head: Contract) -> Effect | None:
    if base.delivery_date_pattern == head.delivery_date_pattern:
        return None
    if head.delivery is Delivery.SNAPSHOT and base.delivery is Delivery.SNAPSHOT:
        return Effect(COMPATIBLE, BREAKING, "names that gave a date may give none, and a snapshot needs one")
    return Effect(RISKY, RISKY, "rows without event time may count to another day")


def _schema_change(base: Contract, head: Contract) -> Effect | None:
    was, now = base.schema_change, head.schema_change
    if was is now or head.name.layer is not Layer.RAW:
        return None
    is_lost = was in _KEEPS_EXTRA and now not in _KEEPS_EXTRA
    is_stricter = now in _REFUSES and was not in _REFUSES
    readers = BREAKING if is_lost else COMPATIBLE
    writers = BREAKING if is_stricter else COMPATIBLE
    if was is SchemaChange.QUARANTINE and now is SchemaChange.FREEZE:
        writers = RISKY
    parts = ["_extra is gone" if is_lost else "", "unknown fields are refused" if writers is not COMPATIBLE else ""]
    return Effect(readers, writers, "; ".join(filter(None, parts)) or "unknown fields no longer stop a delivery")


def _determinism(base: Contract, head: Contract) -> Effect | None:
    if base.nondeterminism == head.nondeterminism:
        return None
    if set(head.nondeterminism) - set(base.nondeterminism):
        return Effect(RISKY, COMPATIBLE, "a rebuild may give other values")
    return Effect(COMPATIBLE, RISKY, "the query may no longer use the function")


def _partitions(contract: Contract) -> tuple[str, ...]:
    keyed = [column for column in contract.columns if column.partition_position is not None]
    return tuple(column.name for column in sorted(keyed, key=lambda column: column.partition_position or 0))


def _deletes(contract: Contract) -> str:
    said = contract.deletes
    if said is None:
        return ""
    parts = [f"{word} {_names(tuple(map(str, getattr(said, word))))}" for word in ("values", "truncates", "ignores")]
    return f"{said.column}: {'; '.join(part for part in parts if not part.endswith(' '))}"


def _names(names: tuple[str, ...]) -> str:
    return ", ".join(names)
