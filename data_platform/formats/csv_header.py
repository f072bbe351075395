"""The header of a CSV file against the contract: which field is which column, or why the file is rejected."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass

from data_platform.contracts.model import Contract, FileFormat, SchemaChange
from data_platform.formats.reading import Drift
from data_platform.formats.rejected import FileRejected, Reason


@dataclass(frozen=True, slots=True)
class Layout:
    """Where things stand in a record.

    Attributes:
        width: the number of fields.
        places: for each contract column the index of its field.
        extra: name and index of each field that the contract does not name.
    """

    width: int
    places: tuple[int, ...]
    extra: tuple[tuple[str, int], ...] = ()

    @property
    def drift(self) -> Drift:
        """The fields that the contract does not name."""
        return Drift(added=tuple(sorted(name for name, _ in self.extra)))


def positional_layout(contract: Contract) -> Layout:
    """The layout of a file without header."""
    return Layout(len(contract.columns), tuple(range(len(contract.columns))))


def match_header(names: tuple[str, ...], contract: Contract, file_format: FileFormat) -> Layout:
    """Maps fields to columns by name or alias, in any order.

    Raises:
        FileRejected: TOO_MANY_COLUMNS, DUPLICATE_COLUMN, HEADER_MISMATCH, SCHEMA_REMOVED or SCHEMA_ADDED.
    """
    if len(names) > file_format.max_columns:
        raise FileRejected(Reason.TOO_MANY_COLUMNS, f"{len(names)} columns, more than {file_format.max_columns}")
    column_of = {alias: column.name for column in contract.columns for alias in (column.name, *column.aliases)}
    if not {_fold(name) for name in names} & {_fold(name) for name in column_of}:
        raise FileRejected(Reason.HEADER_MISMATCH, "the first line names no column of the contract: no header?")
    repeated = sorted(name for name, count in Counter(names).items() if count > 1)
    if repeated:
        raise FileRejected(Reason.DUPLICATE_COLUMN, f"header names twice: {', '.join(repeated)}")
    found: dict[str, int] = {}
    for place, name in enumerate(names):
        column = column_of.get(name)
        if column is None:
            continue
        if column in found:
            raise FileRejected(Reason.DUPLICATE_COLUMN, f"header names column {column} twice, once by an alias")
        found[column] = place
    extra = tuple((name, place) for place, name in enumerate(names) if name not in column_of)
    removed = tuple(column.name for column in contract.columns if column.name not in found)
    _check(removed, [name for name, _ in extra], contract)
    return Layout(len(names), tuple(found[column.name] for column in contract.columns), extra)


def _check(removed: tuple[str, ...], added: list[str], contract: Contract) -> None:
    near = sorted(name for name in removed if _fold(name) in {_fold(other) for other in added})
    if near:
        raise FileRejected(
            Reason.HEADER_MISMATCH, f"written with other case or spaces: {', '.join(near)}; list an alias to admit it"
        )
    if removed:
        gained = f"; added: {', '.join(sorted(added))} ({Reason.SCHEMA_ADDED})" if added else ""
        raise FileRejected(Reason.SCHEMA_REMOVED, f"removed: {', '.join(sorted(removed))}{gained}")
    if added and contract.schema_change is SchemaChange.FREEZE:
        raise FileRejected(Reason.SCHEMA_ADDED, f"added: {', '.join(sorted(added))}")


def _fold(name: str) -> str:
    return name.strip().casefold()
