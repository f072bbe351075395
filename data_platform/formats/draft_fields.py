"""What a contract cannot take as a column or as a field of one: names that the lint refuses, types nested too deep."""

from __future__ import annotations

from collections.abc import Set
from dataclasses import dataclass

from data_platform.contracts.odcs_types import MAX_NESTING
from data_platform.contracts.types import ColumnType

TOO_DEEP = f"it nests deeper than {MAX_NESTING} levels"


@dataclass(frozen=True, slots=True)
class LeftOut:
    """A field that the draft passes over, and why."""

    name: str
    why: str


def column_name_fault(name: str, taken: Set[str]) -> str | None:
    """Why no column of a raw dataset can have the name; None where one can.

    Args:
        name: as the source writes it.
        taken: the names of the columns before it, in lower case.
    """
    if name.startswith("_") or "\0" in name:
        return "the platform keeps such names for itself"
    return field_name_fault(name, taken)


def field_name_fault(name: str, taken: Set[str]) -> str | None:
    """Why no field of an object can have the name; None where one can. Arguments as above."""
    if not name:
        return "it has no name"
    return "another one's name differs by case at most" if name.lower() in taken else None


def is_too_deep(of: ColumnType) -> bool:
    """Whether the lint refuses the type for its nesting."""
    return _levels(of) > MAX_NESTING


def _levels(of: ColumnType) -> int:
    inner = [part.type for part in of.fields] + ([of.item] if of.item else [])
    return 1 + max(map(_levels, inner)) if inner else 0
