from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from data_platform.contracts.domains import discover, read_project
from data_platform.errors import Fault
from data_platform.transforms.graph import lint_project
from data_platform_tests.kit import Kit

RAW = ("id string required", "at timestamp required", "amount decimal(12,2)", "weight double", "note string")
LINES = ("id string key", "day date required partition", "amount decimal(12,2)", "weight double", "note string")
LINES_SQL = "SELECT id, CAST(at AT TIME ZONE 'UTC' AS DATE) AS day, amount, weight, note\nFROM raw.shop.lines"
OUT = ("id string", "amount decimal(38,2)")


@dataclass
class Desk:
    """Puts one query under the lint, beside sound inputs."""

    kit: Kit

    def faults(self, sql: str, columns: tuple[str, ...] = OUT, layer: str = "served", **custom: Any) -> list[Fault]:
        kit = self.kit
        kit.raw("lines", RAW, watermark="at")
        kit.curated("lines", LINES, LINES_SQL, materialization="admit", dedupe_key=["id"])
        write = kit.served if layer == "served" else kit.curated
        write("out", columns, sql, **{"materialization": "table"} | custom)
        faults = lint_project(discover([kit.folder / "domains"]))
        faults = [fault for fault in faults if "in a circle" not in fault.message]  # is told of the whole project
        assert all(Path(fault.path).name == "out.sql" for fault in faults)
        assert all(fault.fix and fault.line for fault in faults)
        return faults


@pytest.fixture
def desk(tmp_path: Path) -> Desk:
    return Desk(Kit(tmp_path))


SUM = "SELECT id, CAST(sum(amount) AS DECIMAL(38,2)) AS amount\nFROM curated.shop.lines\nGROUP BY id"


def of(expression: str) -> str:
    """A query whose second line holds the expression."""
    return f"SELECT id,\nCAST({expression} AS DECIMAL(38,2)) AS amount\nFROM curated.shop.lines\nGROUP BY id"


def row(expression: str) -> str:
    return f"SELECT id,\nCAST({expression} AS DECIMAL(38,2)) AS amount\nFROM curated.shop.lines"


def test_a_fault_of_an_inputs_contract_is_no_fault_of_the_query_that_reads_it(desk: Desk) -> None:
    assert desk.faults(SUM) == []
    contract = desk.kit.folder / "domains/shop/curated/lines.odcs.yaml"
    contract.write_text(contract.read_text(encoding="utf-8").replace("logicalType: date", "logicalType: day"))
    project, faults = read_project([desk.kit.folder / "domains"])
    assert {Path(fault.path).name for fault in faults} == {"lines.odcs.yaml"}
    assert lint_project(project) == []


def test_a_sound_query_has_no_faults(desk: Desk) -> None:
    assert desk.faults(SUM) == []


@pytest.mark.parametrize(
    ("sql", "line", "words"),
    [
        ("SELEC id FROM x", 1, "does not parse|exactly one SELECT"),
        (f"{SUM};\n{SUM}", 1, "exactly one SELECT"),
        ("DELETE FROM curated.shop.lines", 1, "exactly one SELECT"),
        (SUM.replace("curated.shop.lines", "curated.shop.line"), 2, "does not exist"),
        (SUM.replace("curated.shop.lines", "served.shop.out"), 2, "reads itself"),
        (SUM.replace("curated.shop.lines", "raw.shop.lines"), 2, "reads raw.shop.lines"),
        (SUM.replace("curated.shop.lines", "lines"), 2, "no dataset"),
        (SUM.replace("curated.shop.lines", "'/etc/passwd'"), 2, "no dataset"),
        ("SELECT 'a' AS id, CAST(1 AS DECIMAL(38,2)) AS amount", 1, "reads no dataset"),
        (SUM.replace("GROUP BY", "WHERE day >= $partition_start GROUP BY"), 1, "does not bind"),
        (SUM.replace("SELECT id,", "SELECT id, id AS more,"), 1, "which the contract lacks"),
        (SUM.replace("SELECT id,", "SELECT"), 1, "which the query does not give"),
        (SUM.replace("(38,2)", "(20,2)"), 1, "the contract says"),
        (SUM.replace("amount)", "missing)"), 1, "missing"),
        (of("sum(weight)"), 2, "SUM over a float"),
        (of("avg(weight)"), 2, "AVG over a float"),
        (of("sum(weight * 2 + 1)"), 2, "SUM over a float"),
        (of("stddev(amount)"), 2, "differs from run to run"),
        (of("var_pop(amount)"), 2, "differs from run to run"),
        (of("corr(amount, amount)"), 2, "differs from run to run"),
        (of("product(amount)"), 2, "differs from run to run"),
        (of("first(amount)"), 2, "without ORDER BY"),
        (of("last(amount)"), 2, "without ORDER BY"),
        (of("any_value(amount)"), 2, "without ORDER BY"),
        (of("mode(amount)"), 2, "without ORDER BY"),
        (of("arg_max(amount, day)"), 2, "without ORDER BY"),
        (of("max_by(amount, day)"), 2, "without ORDER BY"),
        (of("arg_min(amount, day)"), 2, "without ORDER BY"),
        (of("len(list(amount))"), 2, "without ORDER BY"),
        (of("len(array_agg(amount))"), 2, "without ORDER BY"),
        (of("len(string_agg(note, ','))"), 2, "without ORDER BY"),
        (row("row_number() OVER ()"), 2, "window without ORDER BY"),
        (row("row_number() OVER (PARTITION BY day)"), 2, "window without ORDER BY"),
        (row("row_number() OVER (ORDER BY day)"), 2, "leaves equal"),
        (row("lag(amount) OVER (PARTITION BY day ORDER BY amount)"), 2, "leaves equal"),
        (row("lead(amount) OVER (ORDER BY day)"), 2, "leaves equal"),
        (row("first_value(amount) OVER (ORDER BY day)"), 2, "leaves equal"),
        (row("sum(amount) OVER (ORDER BY day ROWS UNBOUNDED PRECEDING)"), 2, "leaves equal"),
        (row("epoch(now())"), 2, "another value"),
        (row("epoch(current_timestamp)"), 2, "another value"),
        (row("year(current_date)"), 2, "another value"),
        (row("year(today())"), 2, "another value"),
        (row("random()"), 2, "another value"),
        (row("length(CAST(uuid() AS VARCHAR))"), 2, "another value"),
        (row("length(CAST(gen_random_uuid() AS VARCHAR))"), 2, "another value"),
        (row("amount") + "\nLIMIT 3", 4, "LIMIT without ORDER BY"),
        (
            "SELECT DISTINCT ON (day) id, CAST(amount AS DECIMAL(38,2)) AS amount FROM curated.shop.lines",
            1,
            "DISTINCT ON",
        ),
        (row("amount") + " USING SAMPLE 3", 3, "sample"),
        (row("amount").replace("curated.shop.lines", "read_csv('x.csv')"), 3, "reads only datasets|no dataset|calls"),
        (row("amount").replace("curated.shop.lines", "read_parquet('x')"), 3, "no dataset|calls"),
        (row("amount").replace("curated.shop.lines", "query('SELECT 1')"), 3, "no dataset|calls"),
        (row("amount").replace("curated.shop.lines", "query_table('x')"), 3, "no dataset|calls"),
        (row("length(getenv('HOME'))"), 2, "calls getenv"),
        (row("length(current_setting('threads'))"), 2, "calls current_setting"),
        (row("length(getvariable('partition_start'))"), 2, "calls getvariable"),
        (row("(SELECT count(*) FROM read_text('/etc/passwd'))"), 2, "calls|no dataset"),
    ],
)
def test_what_a_served_query_must_not_do_is_named_with_its_line(desk: Desk, sql: str, line: int, words: str) -> None:
    faults = desk.faults(sql)
    assert any(re.search(words, f"{f.message} {f.fix}") for f in faults), [str(f) for f in faults]
    said = [f.line for f in faults if re.search(words, f"{f.message} {f.fix}")]
    assert min(abs(one - line) for one in said) <= 1  # sqlglot knows lines of names, not of every word


@pytest.mark.parametrize(
    "sql",
    [
        of("first(amount ORDER BY day, note)"),
        of("len(list(amount ORDER BY amount))"),
        of("len(string_agg(note, ',' ORDER BY note))"),
        of("median(amount)"),
        of("sum(amount) FILTER (WHERE note = 'x')"),
        row("row_number() OVER (PARTITION BY day ORDER BY id)"),
        row("row_number() OVER (ORDER BY day DESC, id)"),
        row("rank() OVER (ORDER BY day)"),
        row("sum(amount) OVER (PARTITION BY day)"),
        row("sum(amount) OVER (ORDER BY day)"),
        row("amount") + "\nORDER BY id LIMIT 3",
        "WITH days AS (SELECT day, sum(amount) AS total FROM curated.shop.lines GROUP BY day)\n"
        "SELECT CAST(day AS VARCHAR) AS id, CAST(lag(total) OVER (ORDER BY day) AS DECIMAL(38,2)) AS amount FROM days",
        "SELECT it AS id, CAST(row_number() OVER (ORDER BY it) AS DECIMAL(38,2)) AS amount "
        "FROM (SELECT id AS it, day FROM curated.shop.lines WHERE amount > 0)",
        "SELECT CAST(day AS VARCHAR) AS id, CAST(row_number() OVER (ORDER BY day) AS DECIMAL(38,2)) AS amount "
        "FROM curated.shop.lines GROUP BY day",
        "SELECT CAST(day AS VARCHAR) AS id, CAST(row_number() OVER (ORDER BY day) AS DECIMAL(38,2)) AS amount "
        "FROM (SELECT DISTINCT day FROM curated.shop.lines)",
    ],
)
def test_what_is_deterministic_is_let_through(desk: Desk, sql: str) -> None:
    assert [str(fault) for fault in desk.faults(sql)] == []


@pytest.mark.parametrize(
    ("excuse", "sql"),
    [
        ("any_value", of("any_value(amount)")),
        ("sum", of("sum(weight)")),
        ("row_number", row("row_number() OVER (ORDER BY day)")),
        ("random", row("random()")),
    ],
)
def test_a_declared_exception_is_let_through(desk: Desk, excuse: str, sql: str) -> None:
    assert [str(fault) for fault in desk.faults(sql, nondeterminism=[excuse])] == []


ADMIT = "SELECT id, amount\nFROM raw.shop.lines"
ADMIT_OUT = ("id string key", "amount decimal(12,2)")


@pytest.mark.parametrize("how", ["admit", "merge", "scd2"])
@pytest.mark.parametrize(
    ("sql", "words"),
    [
        (f"{ADMIT} WHERE amount > 0", "WHERE"),
        (f"{ADMIT} ORDER BY id", "ORDER BY"),
        (f"{ADMIT} ORDER BY id LIMIT 3", "LIMIT"),
        (ADMIT.replace("SELECT", "SELECT DISTINCT"), "DISTINCT"),
        ("SELECT id, max(amount) AS amount FROM raw.shop.lines GROUP BY id", "GROUP BY"),
        ("SELECT id, max(amount) AS amount FROM raw.shop.lines GROUP BY id HAVING count(*) > 1", "HAVING"),
        ("SELECT id, sum(amount) OVER () AS amount FROM raw.shop.lines", "a window"),
        (f"{ADMIT} QUALIFY row_number() OVER (ORDER BY id) = 1", "QUALIFY"),
        ("SELECT a.id, a.amount FROM raw.shop.lines AS a JOIN raw.shop.lines AS b ON a.id = b.id", "JOIN"),
        ("SELECT a.id, a.amount FROM raw.shop.lines AS a, raw.shop.lines AS b", "JOIN"),
        (f"{ADMIT} UNION ALL {ADMIT}", "a set operation"),
        (f"WITH l AS ({ADMIT}) SELECT id, amount FROM l", "WITH"),
        (
            "SELECT id, (SELECT max(amount) FROM raw.shop.lines) AS amount FROM raw.shop.lines",
            "a subquery|an aggregate",
        ),
        ("SELECT unnest([id, id]) AS id, amount FROM raw.shop.lines", "UNNEST"),
        ("SELECT * FROM raw.shop.lines", r"\*"),
        ("SELECT id, amount FROM curated.shop.lines", "exactly one raw dataset"),
        (f"{ADMIT} TABLESAMPLE 10%", "a sample"),
    ],
)
def test_one_row_must_stay_one_row(desk: Desk, how: str, sql: str, words: str) -> None:
    columns = (
        ADMIT_OUT
        if how != "scd2"
        else (*ADMIT_OUT, "valid_from timestamp required", "valid_to timestamp", "is_current boolean required")
    )
    custom = {"dedupe_key": ["id"]} if how == "admit" else {"sequence": ["amount"]}
    faults = desk.faults(sql, columns, "curated", materialization=how, **custom)
    assert any(re.search(words, fault.message) for fault in faults), [str(f) for f in faults]


def test_a_partition_query_must_use_its_bounds(desk: Desk) -> None:
    sql = "SELECT day, count(*) AS n FROM curated.shop.lines GROUP BY day"
    (fault,) = desk.faults(sql, ("day date key partition", "n int"), materialization="partition")
    assert "does not use $partition_end, $partition_start" in fault.message


@pytest.mark.parametrize("folder", ["data_platform/domains", "data_platform_tests/domains"])
def test_the_shipped_domains_are_clean(folder: str) -> None:
    assert lint_project(discover([Path(__file__).parents[3] / folder])) == []


def test_what_orders_or_deletes_a_history_must_be_somewhere(desk: Desk) -> None:
    faults = desk.faults(
        ADMIT,
        ADMIT_OUT,
        "curated",
        materialization="merge",
        sequence=["version"],
        deletes={"column": "op", "values": ["D"]},
    )
    assert sorted(f.message for f in faults) == [
        "curated.shop.out: neither it nor raw.shop.lines has column 'op', which orders or deletes its rows",
        "curated.shop.out: neither it nor raw.shop.lines has column 'version', which orders or deletes its rows",
    ]
    (fault,) = desk.faults(ADMIT, ADMIT_OUT, "curated", materialization="merge", sequence=["note"])
    assert "may be NULL" in fault.message
