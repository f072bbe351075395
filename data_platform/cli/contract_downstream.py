"""Who is downstream of a column or a dataset in a tree of contracts: datasets, their columns, their owners."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from data_platform.cli.contract_trees import Tree
from data_platform.contracts.model import DatasetName
from data_platform.lineage.facts import ColumnLineage
from data_platform.lineage.project_lineage import lineage_of


class How(StrEnum):
    """How a dataset depends on what changes."""

    VALUES = "values"  # columns are computed from it, and it may decide rows as well
    ROWS = "rows"  # it decides which rows there are: filter, join, group
    READS = "reads"  # it reads the dataset
    UNKNOWN = "unknown"  # its query could not be followed


@dataclass(frozen=True, slots=True, order=True)
class Affected:
    """One dataset downstream; `columns` are its columns that are computed from what changes."""

    dataset: str
    columns: tuple[str, ...]
    how: str
    owner: str
    contact: str


def downstream(tree: Tree, name: DatasetName, column: str | None) -> tuple[Affected, ...]:
    """Everything downstream of a column, or of a whole dataset where `column` is None, in order of name."""
    found: dict[DatasetName, tuple[set[str], How]] = {}
    waiting: list[tuple[DatasetName, str | None]] = [(name, column)]
    seen = set(waiting)
    while waiting:
        source, changed = waiting.pop()
        for consumer in tree.consumers.get(source, ()):
            columns, hows = _reached(tree, consumer, source, changed)
            if not hows:
                continue
            before = found.get(consumer, (set(), hows[0]))
            found[consumer] = (before[0] | columns, min(before[1], *hows, key=list(How).index))
            # What decides the rows bears on every column: from there on the whole dataset counts.
            after: list[str | None] = [*columns] if hows == [How.VALUES] else [*columns, None]
            for step in [(consumer, each) for each in after]:
                if step not in seen:
                    seen.add(step)
                    waiting.append(step)
    return tuple(sorted(_affected(tree, dataset, *found[dataset]) for dataset in found if dataset != name))


def _reached(tree: Tree, consumer: DatasetName, source: DatasetName, changed: str | None) -> tuple[set[str], list[How]]:
    """The consumer's columns that are computed from a column of `source`, and every way in which it depends on it."""
    if changed is None:
        return set(), [How.READS]
    lineage = _lineage(tree, consumer)
    if lineage is None:
        return set(), [How.UNKNOWN]
    wanted = (str(source), changed.lower())
    columns = {
        output
        for output, edges in lineage.edges.items()
        if any((edge.source.table, edge.source.column.lower()) == wanted for edge in edges)
    }
    decides_rows = any((edge.source.table, edge.source.column.lower()) == wanted for edge in lineage.rows)
    hows = [how for how, holds in ((How.VALUES, columns), (How.ROWS, decides_rows)) if holds]
    is_unknown = not hows and (lineage.unresolved or not lineage.is_rows_known)
    return columns, [How.UNKNOWN] if is_unknown else hows


def _lineage(tree: Tree, consumer: DatasetName) -> ColumnLineage | None:
    sql, contract = tree.sql(consumer), tree.contract(consumer)
    if sql is None or contract is None:
        return None
    read = [of for name in sorted(tree.inputs[consumer]) if (of := tree.contract(name)) is not None]
    return lineage_of(contract, sql, read)


def _affected(tree: Tree, name: DatasetName, columns: set[str], how: How) -> Affected:
    contract = tree.contract(name)
    owner, contact = ("?", "") if contract is None else (contract.owner.team, contract.owner.email or "")
    return Affected(str(name), tuple(sorted(columns)), how.value, owner, contact)
