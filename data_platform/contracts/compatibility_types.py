"""One column type against another: who can go on with the values. The stored table takes none of these changes, so
each is a new table (`publication.shape`); only the zone of source timestamps is no part of the stored type.
"""

from __future__ import annotations

from dataclasses import replace

from data_platform.contracts.compatibility_verdicts import BREAKING, COMPATIBLE, RISKY, Effect, Verdict, both
from data_platform.contracts.model import Contract, FileKind, Layer, SchemaChange
from data_platform.contracts.types import ColumnType, StructField, TypeKind

_DIGITS = {32: 10, 64: 19}  # digits that an integer of so many bits may have
_NUMBERS = (TypeKind.INTEGER, TypeKind.DECIMAL, TypeKind.DOUBLE)


def type_effect(was: ColumnType, now: ColumnType, *, contract: Contract) -> Effect | None:
    """The effect of another stored type; None where the stored types are equal.

    `contract` is the new one; its layer and format say who writes.
    """
    if stored(was) == stored(now):
        return None
    effect = _effect(was, now, contract=contract)
    if contract.name.layer is not Layer.RAW and effect.writers is COMPATIBLE:
        return replace(effect, writers=RISKY, reason=f"{effect.reason}; the query has to give the new type")
    return effect


def zone_effect(was: ColumnType, now: ColumnType, *, contract: Contract) -> Effect | None:
    """The effect of another zone of timestamps without offset: stored moments are UTC either way."""
    if now.kind is not TypeKind.TIMESTAMP or was.kind is not now.kind or was.timezone == now.timezone:
        return None
    if contract.name.layer is not Layer.RAW:
        return Effect(COMPATIBLE, COMPATIBLE, "the query gives moments, whose zone is UTC")
    if was.timezone is None:
        return Effect(COMPATIBLE, COMPATIBLE, "timestamps without offset are accepted too; those with one as before")
    if now.timezone is None:
        return Effect(COMPATIBLE, BREAKING, "timestamps without offset are rejected now")
    return Effect(RISKY, BREAKING, "the same written time is another moment now")


def stored(of: ColumnType) -> ColumnType:
    """The type as it is stored: without the zone of the source, at every depth."""
    return replace(
        of,
        timezone=None,
        fields=tuple(replace(field, type=stored(field.type)) for field in of.fields),
        item=stored(of.item) if of.item else None,
    )


def shown_type(of: ColumnType) -> str:
    """The type in words, with what it holds and the zone of its source."""
    if of.kind is TypeKind.OBJECT:
        marks = [f"{f.name}: {shown_type(f.type)}{' required' if f.required else ''}" for f in of.fields]
        return f"object({', '.join(marks)})"
    if of.kind is TypeKind.ARRAY and of.item:
        return f"array({shown_type(of.item)})"
    return f"{of} in {of.timezone}" if of.timezone else str(of)


def _effect(was: ColumnType, now: ColumnType, *, contract: Contract) -> Effect:
    if was.kind is TypeKind.OBJECT and now.kind is TypeKind.OBJECT:
        return _objects(was, now, contract=contract)
    if was.kind is TypeKind.ARRAY and now.kind is TypeKind.ARRAY and was.item and now.item:
        return type_effect(was.item, now.item, contract=contract) or Effect(COMPATIBLE, COMPATIBLE, "")
    if was.kind in _NUMBERS and now.kind in _NUMBERS:
        return _numbers(was, now)
    if now.kind is TypeKind.STRING and was.kind not in (TypeKind.OBJECT, TypeKind.ARRAY):
        return Effect(BREAKING, _text_writers(contract), "readers compute with and order by another type")
    return Effect(BREAKING, BREAKING, "values of one type are no values of the other")


def _text_writers(contract: Contract) -> Verdict:
    form = contract.format
    if form is None:
        return RISKY
    return COMPATIBLE if form.kind is FileKind.CSV or form.coerce else BREAKING


def _numbers(was: ColumnType, now: ColumnType) -> Effect:
    if now.kind is TypeKind.DOUBLE:
        is_small = was.kind is TypeKind.INTEGER and was.bits == 32
        readers = RISKY if is_small else BREAKING
        return Effect(readers, COMPATIBLE, "sums and comparisons round" if not is_small else "the type is another")
    if was.kind is TypeKind.DOUBLE:
        return Effect(RISKY, BREAKING, "numbers with more digits or an exponent are rejected")
    whole, fraction = _room(was)
    new_whole, new_fraction = _room(now)
    if new_whole >= whole and new_fraction >= fraction:
        return Effect(RISKY, COMPATIBLE, "every value fits; readers that hold the narrower type may overflow")
    if new_whole <= whole and new_fraction <= fraction:
        readers = COMPATIBLE if was.kind is now.kind else RISKY
        return Effect(readers, BREAKING, "larger or finer values are rejected")
    return Effect(RISKY, BREAKING, "some values no longer fit, and readers meet others")


def _room(of: ColumnType) -> tuple[int, int]:
    """Digits before and behind the point."""
    return (_DIGITS[of.bits], 0) if of.kind is TypeKind.INTEGER else (of.precision - of.scale, of.scale)


def _objects(was: ColumnType, now: ColumnType, *, contract: Contract) -> Effect:
    before, after = {f.name: f for f in was.fields}, {f.name: f for f in now.fields}
    effects = [_gone(name, contract) for name in before.keys() - after.keys()]
    effects += [_added(after[name], contract) for name in after.keys() - before.keys()]
    for name in before.keys() & after.keys():
        effects += _field(before[name], after[name], contract=contract)
    if not effects:
        return Effect(RISKY, COMPATIBLE, "the fields stand in another order")
    found = effects[0]
    for effect in sorted(effects[1:], key=lambda e: e.reason):
        found = both(found, effect)
    return found


def _field(was: StructField, now: StructField, *, contract: Contract) -> list[Effect]:
    effects = []
    if now.required and not was.required:
        effects.append(Effect(COMPATIBLE, BREAKING, f"field {now.name!r} may no longer be missing"))
    if was.required and not now.required:
        effects.append(Effect(BREAKING, COMPATIBLE, f"field {now.name!r} may be missing"))
    inner = type_effect(was.type, now.type, contract=contract)
    return [*effects, inner] if inner else effects


def _gone(name: str, contract: Contract) -> Effect:
    is_refused = contract.schema_change in (SchemaChange.FREEZE, SchemaChange.QUARANTINE)
    writers = BREAKING if contract.name.layer is Layer.RAW and is_refused else COMPATIBLE
    return Effect(BREAKING, writers, f"field {name!r} is gone")


def _added(field: StructField, contract: Contract) -> Effect:
    if field.required:
        return Effect(RISKY, BREAKING, f"required field {field.name!r} is new, and nothing written so far has it")
    is_strict = contract.format is None or contract.format.kind is not FileKind.NDJSON
    return Effect(RISKY, RISKY if is_strict else COMPATIBLE, f"field {field.name!r} is new inside the stored type")
