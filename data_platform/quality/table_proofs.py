"""Proofs of whole-table rules: tiny synthetic relations on which the rule must fail."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import duckdb
import pyarrow as pa

from data_platform.contracts.model import Contract
from data_platform.contracts.rules import Rule, RuleKind
from data_platform.contracts.types import quote_identifier
from data_platform.quality.table_rules import Relations, evaluate
from data_platform.quality.verdicts import Evidence, RuleResult, Verdict

_MOST_ROWS = 10_000_000  # of a relation that is only counted


@dataclass(frozen=True, slots=True)
class TableProof:
    """Whether a relation was found on which the rule fails, and which."""

    is_caught: bool
    note: str


def prove_table_rule(
    con: duckdb.DuckDBPyConnection, contract: Contract, rule: Rule, *, rows: pa.Table, perturbed: pa.Table
) -> TableProof:
    """Tries the rule on relations made of one conforming row and of rows that differ from it in one column."""
    con.register("conforming", rows)
    con.register("perturbed", perturbed)
    match rule.kind:
        case RuleKind.UNIQUE:
            return _prove_unique(con, rule)
        case RuleKind.REFERENCE:
            return _prove_reference(con, rule)
        case RuleKind.ROW_COUNT:
            return _prove_row_count(con, rule)
        case _:
            return _prove_measure(con, contract, rule, perturbed.num_rows)


def _prove_unique(con: duckdb.DuckDBPyConnection, rule: Rule) -> TableProof:
    twice = Relations(staged="(SELECT * FROM conforming UNION ALL SELECT * FROM conforming)")
    beside = Relations(staged="conforming", kept="conforming")
    outcomes = [_verdict(con, rule, relations) for relations in (twice, beside)]
    alone = _verdict(con, rule, Relations(staged="conforming"))
    is_caught = outcomes == [Verdict.FAILED, Verdict.FAILED] and alone is Verdict.PASSED
    return TableProof(is_caught, "one row twice" if is_caught else "a repeated synthetic row did not break it")


def _prove_reference(con: duckdb.DuckDBPyConnection, rule: Rule) -> TableProof:
    if rule.reference is None:
        return TableProof(is_caught=False, note="the rule names no reference")
    names = zip(rule.reference.columns, rule.reference.target_columns, strict=True)
    renamed = ", ".join(f"{quote_identifier(here)} AS {quote_identifier(there)}" for here, there in names)
    target = f"(SELECT {renamed} FROM conforming)"
    present = Relations(staged="conforming", targets={rule.reference.target: target})
    absent = Relations(staged="conforming", targets={rule.reference.target: f"(SELECT * FROM {target} LIMIT 0)"})
    is_caught = (_verdict(con, rule, absent), _verdict(con, rule, present)) == (Verdict.FAILED, Verdict.PASSED)
    return TableProof(is_caught, "no row to refer to" if is_caught else "a missing target row did not break it")


def _prove_row_count(con: duckdb.DuckDBPyConnection, rule: Rule) -> TableProof:
    near = {int(bound) + step for _, bound in rule.must for step in (-1, 0, 1)}
    for rows in sorted({0, 1} | {each for each in near if 0 <= each <= _MOST_ROWS}):
        relations = Relations(staged=f"(SELECT conforming.* FROM conforming, range({rows}))")
        if _verdict(con, rule, relations) is Verdict.FAILED:
            return TableProof(is_caught=True, note=f"{rows} rows")
    return TableProof(is_caught=False, note="no number of rows near its bounds breaks it")


def _prove_measure(con: duckdb.DuckDBPyConnection, contract: Contract, rule: Rule, variants: int) -> TableProof:
    """Binds the dataset's own name to one small relation after the other until the measure is out of bounds."""
    layer, domain, name = (quote_identifier(part) for part in contract.name.key)
    con.execute(f"ATTACH IF NOT EXISTS ':memory:' AS {layer}")
    con.execute(f"CREATE SCHEMA IF NOT EXISTS {layer}.{domain}")
    full_name = f"{layer}.{domain}.{name}"
    detail = ""
    for note, query in _variants(variants):
        con.execute(f"CREATE OR REPLACE TABLE {full_name} AS {query}")
        result = _result(con, rule, Relations(staged=full_name))
        if result.verdict is Verdict.FAILED:
            return TableProof(is_caught=True, note=f"{note}: {result.detail}")
        detail = result.detail if result.verdict is Verdict.UNKNOWN else detail
    return TableProof(is_caught=False, note=detail or "no small relation breaks it")


def _variants(perturbed: int) -> Iterator[tuple[str, str]]:
    yield "no rows", "SELECT * FROM conforming LIMIT 0"
    yield "one row", "SELECT * FROM conforming"
    yield "one row twice", "SELECT * FROM conforming UNION ALL SELECT * FROM conforming"
    yield "one row a hundred times", "SELECT conforming.* FROM conforming, range(100)"
    for number in range(perturbed):
        row = f"SELECT * FROM perturbed LIMIT 1 OFFSET {number}"
        yield "one column changed", row
        yield "one column changed, beside a conforming row", f"({row}) UNION ALL SELECT * FROM conforming"


def _verdict(con: duckdb.DuckDBPyConnection, rule: Rule, relations: Relations) -> Verdict:
    return _result(con, rule, relations).verdict


def _result(con: duckdb.DuckDBPyConnection, rule: Rule, relations: Relations) -> RuleResult:
    return evaluate(con, rule, relations, Evidence())
