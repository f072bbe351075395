"""Proofs that a contract's rules can fail: a synthetic row that breaks the rule, tried in every engine that runs it.

Row rules are proven in both compilations, on many rows on which the two must agree. Table rules are proven on tiny
relations (`table_proofs`). A rule for which no breaking row is found is reported as not proven, never as fine.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from itertools import islice, product

import duckdb
import polars as pl
import pyarrow as pa
from pandera.api.polars.types import PolarsData

from data_platform.contracts.model import Contract, Scalar, Tolerance
from data_platform.contracts.rules import Rule, RuleKind
from data_platform.contracts.types import quote_identifier
from data_platform.errors import ConfigurationError
from data_platform.quality.audit import BatchAudit
from data_platform.quality.candidates import RECEIVED_AT, candidates
from data_platform.quality.pandera_checks import compile_check
from data_platform.quality.predicates import (
    EXTRA,
    INGESTED_AT,
    literal_values,
    parse_row_expression,
    predicate,
    row_expression_columns,
)
from data_platform.quality.table_proofs import prove_table_rule
from data_platform.quality.verdicts import Evidence, Row, Verdict

_MOST_ROWS = 5_000
_CANNOT_RUN = (ConfigurationError, duckdb.Error, pl.exceptions.PolarsError, TypeError, ValueError, KeyError)


@dataclass(frozen=True, slots=True, kw_only=True)
class Proof:
    """Whether a rule fails on a synthetic row that breaks it.

    Attributes:
        violating_row: the values of the rule's columns that broke it; None where none was found or none applies.
        caught_by_sql: whether DuckDB found it; None where the rule has no SQL compilation.
        caught_by_pandera: whether the Pandera audit found it; None for table rules.
        note: what is missing, or how the rule was broken.
    """

    rule: str
    kind: RuleKind
    violating_row: Row | None = None
    caught_by_sql: bool | None = None
    caught_by_pandera: bool | None = None
    is_proven: bool = False
    note: str = ""


def prove(contract: Contract, rules: Sequence[Rule]) -> tuple[Proof, ...]:
    """One proof for each rule, in order. Reads no data."""
    with duckdb.connect(config={"threads": 1}) as con:
        con.execute("SET TimeZone = 'UTC'")
        bench = _Bench(con, contract, rules)
        return tuple(bench.prove(replace(rule, tolerance=Tolerance())) for rule in rules)


class _Bench:
    """One contract's synthetic rows and the engines that judge them."""

    def __init__(self, con: duckdb.DuckDBPyConnection, contract: Contract, rules: Sequence[Rule]) -> None:
        self._con = con
        self._contract = contract
        self._rules = rules
        platform = [pa.field(INGESTED_AT, pa.timestamp("us", tz="UTC")), pa.field(EXTRA, pa.string())]
        own = [pa.field(column.name, column.type.arrow()) for column in contract.columns]
        self._schema = pa.schema(own + [each for each in platform if each.name not in {field.name for field in own}])
        self._values = {column.name: self._candidates(column.name) for column in contract.columns}
        self._values |= {INGESTED_AT: (RECEIVED_AT,), EXTRA: (None, '{"unknown": 1}')}
        self._conforming = {name: self._first_conforming(name) for name in self._values}

    def prove(self, rule: Rule) -> Proof:
        if not rule.kind.is_row_kind:
            rows = pa.Table.from_pylist([self._conforming], self._schema)
            perturbed = pa.Table.from_pylist(list(self._perturbed_rows()), self._schema)
            found = prove_table_rule(self._con, self._contract, rule, rows=rows, perturbed=perturbed)
            return Proof(
                rule=rule.name,
                kind=rule.kind,
                caught_by_sql=found.is_caught,
                is_proven=found.is_caught,
                note=found.note,
            )
        try:
            return self._prove_row_rule(rule)
        except _CANNOT_RUN as error:
            return Proof(rule=rule.name, kind=rule.kind, note=f"the rule cannot run: {error}")

    def _prove_row_rule(self, rule: Rule) -> Proof:
        columns = self._columns_of(rule)
        rows = list(islice(self._rows(columns), _MOST_ROWS))
        in_sql, in_pandera = self._fine_in_sql(rule, rows), self._fine_in_pandera(rule, rows)
        split = [row for row, sql, pandera in zip(rows, in_sql, in_pandera, strict=True) if sql != pandera]
        if split:
            shown = _part(split[0], columns)
            return Proof(rule=rule.name, kind=rule.kind, violating_row=shown, note="SQL and Pandera disagree on it")
        broken = next((row for row, is_fine in zip(rows, in_sql, strict=True) if not is_fine), None)
        if broken is None:
            return Proof(
                rule=rule.name,
                kind=rule.kind,
                caught_by_sql=False,
                caught_by_pandera=False,
                note=f"none of {len(rows)} synthetic rows breaks it",
            )
        is_caught = self._audited(rule, broken) is Verdict.FAILED
        fine = next((row for row, is_fine in zip(rows, in_sql, strict=True) if is_fine), None)
        is_satisfiable = fine is not None and self._audited(rule, fine) is Verdict.PASSED
        return Proof(
            rule=rule.name,
            kind=rule.kind,
            violating_row=_part(broken, columns),
            caught_by_sql=True,
            caught_by_pandera=is_caught,
            is_proven=is_caught and is_satisfiable,
            note="" if is_satisfiable else "no synthetic row satisfies it",
        )

    def _columns_of(self, rule: Rule) -> tuple[str, ...]:
        if rule.kind is RuleKind.EXTRA_FIELDS:
            return (EXTRA,)
        if rule.kind is not RuleKind.ROW_SQL:
            return rule.columns[:1]
        return row_expression_columns(parse_row_expression(rule))

    def _rows(self, columns: Sequence[str]) -> Iterator[Mapping[str, object]]:
        unknown = [name for name in columns if name not in self._values]
        if unknown:
            raise ConfigurationError(f"it reads {', '.join(unknown)}, which the contract does not have")
        for values in product(*(self._values[name] for name in columns)):
            yield {**self._conforming, **dict(zip(columns, values, strict=True))}

    def _perturbed_rows(self) -> Iterator[Mapping[str, object]]:
        for name, values in self._values.items():
            yield from ({**self._conforming, name: value} for value in values)

    def _fine_in_sql(self, rule: Rule, rows: Sequence[Mapping[str, object]]) -> list[bool]:
        self._con.register("synthetic", pa.Table.from_pylist(list(rows), self._schema))
        answer = self._con.execute(f"SELECT {predicate(rule, quote_identifier)} FROM synthetic")
        return [bool(is_fine) for (is_fine,) in answer.fetchall()]

    def _fine_in_pandera(self, rule: Rule, rows: Sequence[Mapping[str, object]]) -> list[bool]:
        frame = pl.from_arrow(pa.Table.from_pylist(list(rows), self._schema))
        assert isinstance(frame, pl.DataFrame)
        check = compile_check(rule, dict(frame.schema))
        answer = check.function(PolarsData(frame.lazy(), "*")).collect()
        return [is_fine is not False for is_fine in answer.to_series().to_list()]

    def _audited(self, rule: Rule, row: Mapping[str, object]) -> Verdict:
        audit = BatchAudit([rule], self._schema)
        audit.add(pa.RecordBatch.from_pylist([row], self._schema))
        return audit.results(Evidence(expected_rows=1))[0].verdict

    def _candidates(self, name: str) -> tuple[object, ...]:
        literals: list[Scalar] = []
        for rule in self._rules:
            if rule.kind is RuleKind.ROW_SQL:
                with suppress(ConfigurationError):
                    parsed = parse_row_expression(rule)
                    if name in row_expression_columns(parsed):
                        literals += literal_values(parsed)
        reading = [rule for rule in self._rules if rule.columns[:1] == (name,)]
        return candidates(self._contract.column(name), reading, literals)

    def _first_conforming(self, name: str) -> object:
        """The first value that breaks none of the column's own rules in SQL; NULL if all do."""
        own = [r for r in self._rules if r.columns == (name,) and r.kind.is_row_kind and r.kind is not RuleKind.ROW_SQL]
        own += [r for r in self._rules if r.kind is RuleKind.EXTRA_FIELDS and name == EXTRA]
        base = dict.fromkeys(self._values) | {INGESTED_AT: RECEIVED_AT}
        rows = [{**base, name: value} for value in self._values[name]]
        fine: list[list[bool]] = []
        for rule in own:
            with suppress(*_CANNOT_RUN):  # such a rule is reported by its own proof
                fine.append(self._fine_in_sql(rule, rows))
        passing = (row[name] for number, row in enumerate(rows) if all(outcome[number] for outcome in fine))
        return next(passing, None)


def _part(row: Mapping[str, object], columns: Sequence[str]) -> Row:
    return {name: row[name] for name in columns}
