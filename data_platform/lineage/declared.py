"""Column lineage as the author of a Python asset states it, where there is no SELECT to read it from."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from data_platform.contracts.model import Contract
from data_platform.errors import ConfigurationError
from data_platform.lineage.facts import ColumnLineage, Edge, Influence, SourceColumn

Said = str | tuple[str, Influence]


def declared(
    contract: Contract, columns: Mapping[str, Iterable[Said]], *, rows: Iterable[tuple[str, Influence]] = ()
) -> ColumnLineage:
    """The lineage of a dataset whose rows Python makes.

    Args:
        contract: of the dataset; columns that are not stated stay unresolved.
        columns: for each column where it comes from: `<layer>.<domain>.<dataset>.<column>`, alone for a value computed
            from that one, or with its influence; nothing for a constant.
        rows: what decides which rows there are.

    Raises:
        ConfigurationError: the contract has no such column, or a source is not written as above.
    """
    known = [column.name for column in contract.columns]
    for name in columns:
        if name not in known:
            raise ConfigurationError(f"{contract.name} has no column {name!r}; declare one of {', '.join(known)}")
    return ColumnLineage(
        edges={name: frozenset(_edge(said) for said in sources) for name, sources in columns.items()},
        rows=frozenset(_edge(said) for said in rows),
        unresolved=tuple(name for name in known if name not in columns),
    )


def copied(contract: Contract) -> ColumnLineage:
    """The lineage of a copy: every column is the same column of the contract's dataset, every row a row of it."""
    return ColumnLineage(
        edges={
            column.name: frozenset({Edge(SourceColumn(str(contract.name), column.name), Influence.IDENTITY)})
            for column in contract.columns
        }
    )


def _edge(said: Said) -> Edge:
    text, influence = (said, Influence.TRANSFORMATION) if isinstance(said, str) else said
    table, _, column = text.rpartition(".")
    if table.count(".") != 2 or not column:
        raise ConfigurationError(f"{text!r} is no column; write <layer>.<domain>.<dataset>.<column>")
    return Edge(SourceColumn(table, column), influence)
