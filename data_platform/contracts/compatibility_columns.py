"""The columns of two contracts of a dataset against each other: gone, new, renamed, moved, changed.

What a change of type means is in `compatibility_types`, of admitted values in `compatibility_values`.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

from data_platform.contracts.compatibility_types import shown_type, type_effect, zone_effect
from data_platform.contracts.compatibility_values import value_effects
from data_platform.contracts.compatibility_verdicts import (
    BREAKING,
    COMPATIBLE,
    NO_EFFECT,
    RISKY,
    Change,
    Effect,
    Verdict,
)
from data_platform.contracts.model import Column, Contract, FileFormat, FileKind, Layer, SchemaChange

_UNIT = "unit:"  # a tag such as `unit:kg` says what a number counts


def column_changes(base: Contract, head: Contract) -> Iterator[Change]:
    """Every change of a column, in the order of the new contract; what is gone comes first."""
    renamed = renames(base, head)
    was = {column.name: column for column in base.columns}
    now = {column.name: column for column in head.columns}
    for name, column in was.items():
        if name not in now and name not in renamed:
            yield _removed(column, head)
    origin = {new: old for old, new in renamed.items()}
    for name, column in now.items():
        before = was.get(name) or was.get(origin.get(name, ""))
        if before is None:
            yield _added(column, base, head)
            continue
        if before.name != name:
            yield _renamed(before, column, head)
        yield from _changed(before, column, head)
    yield from _moved(base, head, renamed)


def renames(base: Contract, head: Contract) -> dict[str, str]:
    """Old names with the new ones: where a new column lists the old name as an alias, differs from it by case only, or
    is alone in being the same but for its name. Anything less is one column gone and another come.
    """
    gone = [column for column in base.columns if column.name not in {c.name for c in head.columns}]
    come = [column for column in head.columns if column.name not in {c.name for c in base.columns}]
    found: dict[str, str] = {}
    for old in gone:
        named = [n.name for n in come if old.name in n.aliases or n.name.lower() == old.name.lower()]
        alike = [n.name for n in come if _body(n) == _body(old) and (old.description or len(gone) == len(come) == 1)]
        twins = [o for o in gone if _body(o) == _body(old)]
        candidates = named or (alike if len(twins) == 1 else [])
        if len(candidates) == 1 and candidates[0] not in found.values():
            found[old.name] = candidates[0]
    return found


def _body(column: Column) -> Column:
    """The column but for its name and its place in the file."""
    return replace(column, name="", aliases=(), line=0, business_name="", reference=None)


def _removed(column: Column, head: Contract) -> Change:
    if head.name.layer is not Layer.RAW:
        writers, why = RISKY, "the query has to drop it"
    elif _is_positional(head.format):
        writers, why = BREAKING, "files without header have a field too many"
    elif head.schema_change in (SchemaChange.FREEZE, SchemaChange.QUARANTINE):
        writers, why = BREAKING, f"deliveries still carry it, which schema_change {head.schema_change} refuses"
    else:
        writers, why = COMPATIBLE, "deliveries that still carry it are read without it"
    return Change(
        kind="column_removed",
        subject=column.name,
        before=shown_type(column.type),
        readers=BREAKING,
        writers=writers,
        reason=f"whoever reads the column fails; {why}",
        needs_new_table=True,
        line=column.line,
    )


def _added(column: Column, base: Contract, head: Contract) -> Change:
    is_required = column.required or column.primary_key_position is not None
    writers, why = _writers_of_new(head, is_required=is_required)
    if writers is not BREAKING and is_required:
        writers, why = BREAKING, f"it may not be NULL, and nothing written for {base.version} gives it"
    return Change(
        kind="column_added",
        subject=column.name,
        after=shown_type(column.type) + (" required" if is_required else ""),
        readers=COMPATIBLE,
        writers=writers,
        reason=why,
        is_addition=True,
        line=column.line,
    )


def _writers_of_new(head: Contract, *, is_required: bool) -> tuple[Verdict, str]:
    if head.name.layer is not Layer.RAW:
        return RISKY, "the query has to give it; rows published before have NULL"
    if _is_positional(head.format):
        return BREAKING, "files without header have a field too few"
    if head.format is not None and head.format.kind is FileKind.NDJSON:
        return COMPATIBLE, "records without it have NULL" if not is_required else "records have it"
    return RISKY, "files without it are rejected (SCHEMA_REMOVED) until the source sends it"


def _renamed(before: Column, after: Column, head: Contract) -> Change:
    is_case = before.name.lower() == after.name.lower()
    readers = RISKY if is_case else BREAKING
    if head.name.layer is not Layer.RAW:
        writers, why = RISKY, "the query has to give the new name"
    elif before.name in after.aliases or _is_positional(head.format):
        writers, why = COMPATIBLE, "deliveries under the old name are still read"
    else:
        writers, why = BREAKING, "deliveries under the old name are refused: list it under platform.aliases"
    told = "only some readers tell names apart by case" if is_case else "whoever reads it by the old name fails"
    return Change(
        kind="column_renamed",
        subject=before.name,
        before=before.name,
        after=after.name,
        readers=readers,
        writers=writers,
        reason=f"{told}; {why}",
        needs_new_table=True,
        line=after.line,
    )


def _moved(base: Contract, head: Contract, renamed: dict[str, str]) -> Iterator[Change]:
    kept = [renamed.get(column.name, column.name) for column in base.columns]
    now = [column.name for column in head.columns]
    was = [name for name in kept if name in now]
    still = [name for name in now if name in was]
    if was == still:
        return
    first = next(column for column in head.columns if column.name == _first_moved(was, still))
    is_positional = head.name.layer is Layer.RAW and _is_positional(head.format)
    yield Change(
        kind="columns_reordered",
        subject="",
        before=", ".join(was),
        after=", ".join(still),
        readers=RISKY,
        writers=BREAKING if is_positional else COMPATIBLE,
        reason="readers by position (SELECT *, INSERT, UNION) meet other columns"
        + ("; files without header are read into the wrong columns" if is_positional else ""),
        line=first.line,
    )


def _first_moved(was: list[str], now: list[str]) -> str:
    return next(name for name, other in zip(now, was, strict=True) if name != other)


@dataclass(frozen=True, slots=True)
class _Marks:
    """What both versions of a column say, for one change after the other."""

    before: Column
    after: Column

    def change(self, kind: str, said: tuple[object, object], effect: Effect, *, new_table: bool = False) -> Change:
        return Change(
            kind=kind,
            subject=self.after.name,
            before=str(said[0]),
            after=str(said[1]),
            readers=effect.readers,
            writers=effect.writers,
            reason=effect.reason,
            needs_new_table=new_table,
            line=self.after.line,
        )


def _changed(before: Column, after: Column, head: Contract) -> Iterator[Change]:
    marks = _Marks(before, after)
    said = (shown_type(before.type), shown_type(after.type))
    if (effect := type_effect(before.type, after.type, contract=head)) is not None:
        yield marks.change("type_changed", said, effect, new_table=True)
    if (effect := zone_effect(before.type, after.type, contract=head)) is not None:
        yield marks.change("timezone_changed", said, effect)
    yield from _nullability(marks)
    for kind, was, now, effect in value_effects(before, after):
        yield marks.change(kind, (was, now), effect)
    yield from _labels(marks)
    if dropped := set(before.aliases) - set(after.aliases) - {after.name}:
        is_raw = head.name.layer is Layer.RAW
        effect = Effect(COMPATIBLE, BREAKING if is_raw else COMPATIBLE, "deliveries under that name are refused")
        yield marks.change("alias_removed", (", ".join(sorted(dropped)), ""), effect if is_raw else NO_EFFECT)
    if new := set(after.aliases) - set(before.aliases) - {before.name}:
        effect = Effect(COMPATIBLE, COMPATIBLE, "one more name is read as this column")
        yield marks.change("alias_added", ("", ", ".join(sorted(new))), effect)


def _nullability(marks: _Marks) -> Iterator[Change]:
    was = marks.before.required or marks.before.primary_key_position is not None
    now = marks.after.required or marks.after.primary_key_position is not None
    if now and not was:
        effect = Effect(COMPATIBLE, BREAKING, "rows without a value are held back or stop the publish")
        yield marks.change("made_required", ("may be NULL", "required"), effect)
    elif was and not now:
        effect = Effect(BREAKING, COMPATIBLE, "readers may meet NULL where there never was one")
        yield marks.change("made_nullable", ("required", "may be NULL"), effect)
    if marks.after.unique and not marks.before.unique:
        effect = Effect(COMPATIBLE, BREAKING, "repeated values stop the publish")
        yield marks.change("unique_added", ("", "unique"), effect)
    elif marks.before.unique and not marks.after.unique:
        effect = Effect(BREAKING, COMPATIBLE, "joins on it may give a row more than once")
        yield marks.change("unique_removed", ("unique", ""), effect)


def _labels(marks: _Marks) -> Iterator[Change]:
    before, after = marks.before, marks.after
    if before.classification != after.classification:
        yield marks.change(
            "classification_changed", (before.classification, after.classification), _classification(before, after)
        )
    if before.critical != after.critical:
        effect = Effect(COMPATIBLE, COMPATIBLE, "it is watched more or less closely; values are the same")
        yield marks.change("critical_changed", (before.critical, after.critical), effect)
    if before.scale_check != after.scale_check:
        effect = Effect(COMPATIBLE, COMPATIBLE, "a jump of its size is told or no longer is; rows are the same")
        yield marks.change("scale_check_changed", (before.scale_check, after.scale_check), effect)
    units = [sorted(tag for tag in column.tags if tag.startswith(_UNIT)) for column in (before, after)]
    if units[0] != units[1]:
        is_told = not units[0]
        verdict = RISKY if is_told else BREAKING
        effect = Effect(
            verdict, verdict, "the number counts something" + (" that was not said" if is_told else " else")
        )
        yield marks.change("unit_changed", (", ".join(units[0]), ", ".join(units[1])), effect)
    rest = [sorted(tag for tag in column.tags if not tag.startswith(_UNIT)) for column in (before, after)]
    if rest[0] != rest[1]:
        yield marks.change("column_tags_changed", (", ".join(rest[0]), ", ".join(rest[1])), NO_EFFECT)
    for kind, attribute in (("column_description_changed", "description"), ("business_name_changed", "business_name")):
        said = (getattr(before, attribute), getattr(after, attribute))
        if said[0] != said[1]:
            yield marks.change(kind, said, NO_EFFECT)


def _classification(before: Column, after: Column) -> Effect:
    if not before.is_sensitive:
        return Effect(BREAKING, COMPATIBLE, "readers without a grant see a mask instead of values")
    if not after.is_sensitive:
        return Effect(RISKY, COMPATIBLE, "values that were masked are shown to everybody: data protection has to agree")
    return Effect(RISKY, COMPATIBLE, "other grants open it than before")


def _is_positional(form: FileFormat | None) -> bool:
    return form is not None and form.kind is FileKind.CSV and not form.header
