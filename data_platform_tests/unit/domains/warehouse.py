"""An in-memory DuckDB laid out as the platform names things, in which a domain's SQL can be run as it stands."""

from __future__ import annotations

from datetime import date

import duckdb
import pyarrow as pa

from data_platform.contracts.domains import Project, read_project
from data_platform.contracts.model import DatasetName

FIRST, LAST = date(2000, 1, 1), date(2100, 1, 1)


def sound_project(*folders) -> Project:
    project, faults = read_project(list(folders))
    assert faults == []
    return project


class Warehouse:
    """Tables of one project; raw and current-state tables are filled by the test, the rest by its SQL."""

    def __init__(self, project: Project, domain: str) -> None:
        self.project, self.con = project, duckdb.connect(config={"threads": 2})
        self.con.execute("SET TimeZone = 'UTC'")
        for layer in ("raw", "curated", "served"):
            self.con.execute(f"ATTACH ':memory:' AS {layer}")
            self.con.execute(f"CREATE SCHEMA {layer}.{domain}")

    def fill(self, name: str, rows: list[dict]) -> None:
        """Creates a table of the contract's types; columns that no row has are NULL."""
        contract = self.project.datasets[DatasetName.parse(name)].contract
        columns = ", ".join(f'"{c.name}" {c.type.duckdb()}' for c in contract.columns)
        self.con.execute(f"CREATE TABLE {name} ({columns})")
        schema = pa.schema([pa.field(c.name, c.type.arrow()) for c in contract.columns])
        values = [{c.name: row.get(c.name) for c in contract.columns} for row in rows]
        self.con.register("incoming", pa.Table.from_pylist(values, schema=schema))
        self.con.execute(f"INSERT INTO {name} SELECT * FROM incoming")
        self.con.unregister("incoming")

    def compute(self, name: str, *, start: date = FIRST, end: date = LAST) -> None:
        """Fills a dataset by its own SQL."""
        text = self.project.datasets[DatasetName.parse(name)].sql_text
        bounds = {"partition_start": start, "partition_end": end} if "$partition_start" in text else {}
        self.con.execute(f"CREATE OR REPLACE TABLE {name} AS {text}", bounds)

    def rows(self, name: str) -> list[dict]:
        return self.con.sql(f"FROM {name}").to_arrow_table().to_pylist()

    def value(self, sql: str):
        return self.con.execute(sql).fetchall()[0][0]

    def row_rules_broken(self, name: str) -> dict[str, int]:
        """How many rows break each row expression of the contract."""
        contract = self.project.datasets[DatasetName.parse(name)].contract
        return {
            rule.name: self.value(f"SELECT count(*) FILTER (WHERE NOT ({rule.query})) FROM {name}")
            for rule in contract.quality
            if rule.row_expression
        }
