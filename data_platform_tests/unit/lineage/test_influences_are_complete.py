"""What the lineage does not name does not matter: a changed value in an input column that is no source of an output never
changes that output. DuckDB is the oracle; nothing here knows how lineage is worked out.

The other way round, what it calls a value's source does change the value, so that naming every column would fail too.
"""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa
import pytest
from duckdb import DuckDBPyConnection

import data_platform
import data_platform_tests
from data_platform.contracts.domains import Dataset, Project, discover
from data_platform.contracts.model import Column, Contract
from data_platform.contracts.schema import arrow_schema
from data_platform.contracts.types import ColumnType, TypeKind, quote_identifier
from data_platform.lineage.column_lineage import column_lineage
from data_platform.lineage.facts import ColumnLineage, SourceColumn
from data_platform.transforms.query import read_query

FOLDERS = {
    "commerce": Path(data_platform.__file__).parent / "domains",
    "retail": Path(data_platform_tests.__file__).parent / "domains",
}
PROJECTS = {name: discover([folder]) for name, folder in FOLDERS.items()}
QUERIES = [
    (domain, dataset)
    for domain, project in PROJECTS.items()
    for dataset in project.datasets.values()
    if dataset.sql_text
]
ROWS, TRIALS, CHANGED = 24, 2, 4
WORDS = ("a", "b", "c", "cancelled", "refund", "C1")
DAY = date(2026, 3, 1)


def any_value(kind: ColumnType, rng: random.Random, words: tuple[Any, ...] = WORDS) -> Any:
    """One of few values of a type, so that rows meet in joins and groups."""
    match kind.kind:
        case TypeKind.STRING:
            return rng.choice(words)
        case TypeKind.INTEGER:
            return rng.randint(1, 4)
        case TypeKind.DECIMAL:
            return Decimal(rng.randint(1, 40)).scaleb(-kind.scale)
        case TypeKind.BOOLEAN:
            return rng.random() < 0.6
        case TypeKind.DATE:
            return DAY + timedelta(days=rng.randint(0, 2))
        case TypeKind.TIMESTAMP:
            return datetime(2026, 3, 1, tzinfo=UTC) + timedelta(hours=rng.randint(0, 70))
        case TypeKind.OBJECT:
            return {f.name: any_value(f.type, rng) for f in kind.fields}
        case TypeKind.ARRAY:
            assert kind.item is not None
            return [any_value(kind.item, rng) for _ in range(rng.randint(0, 2))]
        case _:
            return rng.random()


def of_column(column: Column, rng: random.Random) -> Any:
    is_missing = not column.required and rng.random() < 0.1
    return None if is_missing else any_value(column.type, rng, column.enum or WORDS)


@dataclass
class Trials:
    """One query over generated rows of its inputs."""

    project: Project
    dataset: Dataset
    con: DuckDBPyConnection
    rng: random.Random
    inputs: list[Contract] = field(default_factory=list)

    def fill(self) -> None:
        assert self.dataset.sql_text
        self.query = read_query(self.dataset.sql_text)
        self.inputs = [self.project.dataset(name).contract for name in self.query.inputs]
        self.con.execute(
            "SET VARIABLE partition_start = DATE '2026-03-01'; SET VARIABLE partition_end = DATE '2026-03-03'"
        )
        for layer in {contract.name.layer for contract in self.inputs}:
            self.con.execute(f"ATTACH ':memory:' AS {layer}; CREATE SCHEMA {layer}.{self.dataset.name.domain}")
        for contract in self.inputs:
            rows = [{c.name: of_column(c, self.rng) for c in contract.columns} for _ in range(ROWS)]
            given = pa.Table.from_pylist(rows, schema=arrow_schema(contract))
            self.con.register("given", given)
            self.con.execute(f"CREATE TABLE {contract.name} AS FROM given")
            self.con.unregister("given")

    def lineage(self) -> ColumnLineage:
        assert self.dataset.sql_text
        schemas = {str(contract.name): [c.name for c in contract.columns] for contract in self.inputs}
        return column_lineage(self.dataset.sql_text, schemas=schemas, outputs=list(self.outputs()))

    def outputs(self) -> dict[str, Counter[str]]:
        """The values of each output column, in no order."""
        cursor = self.con.execute(self.query.sql)
        names = [column[0] for column in cursor.description]
        rows = cursor.fetchall()
        return {name: Counter(repr(row[place]) for row in rows) for place, name in enumerate(names)}

    @contextmanager
    def one_value_in_some_rows(self, contract: Contract, column: Column) -> Iterator[None]:
        name, rows = quote_identifier(column.name), self.rng.sample(range(ROWS), CHANGED)
        self.con.execute("BEGIN")
        value = pa.array([of_column(column, self.rng)], type=column.type.arrow())
        self.con.register("changed", pa.table({"value": value}))
        self.con.execute(
            f"UPDATE {contract.name} SET {name} = (SELECT value FROM changed) WHERE list_contains({rows}, rowid)"
        )
        yield
        self.con.execute("ROLLBACK")
        self.con.unregister("changed")

    def touched(self) -> dict[SourceColumn, set[str]]:
        """For each input column the outputs that changed when one of its values did."""
        before = self.outputs()
        found: dict[SourceColumn, set[str]] = {}
        for contract in self.inputs:
            for column in contract.columns:
                changed = found.setdefault(SourceColumn(str(contract.name), column.name), set())
                for _ in range(TRIALS):
                    with self.one_value_in_some_rows(contract, column):
                        after = self.outputs()
                    changed |= {name for name in before if before[name] != after[name]}
        return found


@pytest.fixture
def con() -> Iterator[DuckDBPyConnection]:
    with duckdb.connect(config={"threads": "1"}) as connection:
        connection.execute("SET TimeZone = 'UTC'")
        yield connection


@pytest.mark.parametrize(("domain", "dataset"), QUERIES, ids=lambda given: str(getattr(given, "name", given)))
def test_a_change_reaches_only_outputs_that_name_the_column(
    domain: str, dataset: Dataset, con: DuckDBPyConnection
) -> None:
    trials = Trials(PROJECTS[domain], dataset, con, random.Random(str(dataset.name)))
    trials.fill()
    lineage = trials.lineage()
    assert not lineage.unresolved
    rows = {edge.source for edge in lineage.rows}
    touched = trials.touched()
    for source, outputs in touched.items():
        unnamed = {name for name in outputs if source not in lineage.sources(name) | rows}
        assert not unnamed, f"{source} changes {unnamed}, which do not name it"
    direct = {(e.source, name) for name, edges in lineage.edges.items() for e in edges if e.influence.is_direct}
    seen = {(source, name) for source, name in direct if name in touched[source]}
    assert 2 * len(seen) >= len(direct), f"these sources never changed what they are said to make: {direct - seen}"
