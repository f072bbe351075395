"""The audit of staged rows: Pandera's eager Polars backend over Arrow batches, one after the other.

Whole-table rules are in `table_rules`; one rule's check is in `pandera_checks`. Nothing is coerced, no row is dropped,
and no LazyFrame is validated: of those Pandera checks the schema only.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

import polars as pl
import pyarrow as pa
from pandera.config import ValidationDepth, config_context
from pandera.constants import CHECK_OUTPUT_KEY
from pandera.errors import SchemaError, SchemaErrorReason, SchemaErrors
from pandera.polars import Column, DataFrameSchema

from data_platform.contracts.rules import Rule
from data_platform.quality.pandera_checks import CompiledCheck, compile_check
from data_platform.quality.verdicts import (
    PLACE_COLUMNS,
    SAMPLE_ROWS,
    Counts,
    Evidence,
    Row,
    RuleResult,
    conclude,
    judge,
    unknown,
)


class BatchAudit:
    """Audits the Arrow batches of one relation against its row rules. Memory is bounded by a batch.

    Args:
        rules: the dataset's rules; those that need the whole table are left out.
        schema: what every batch must be, column by column, type by type.
    """

    def __init__(self, rules: Sequence[Rule], schema: pa.Schema) -> None:
        frame = pl.from_arrow(schema.empty_table())
        assert isinstance(frame, pl.DataFrame)
        self._dtypes = dict(frame.schema)
        self._checks = [compile_check(rule, self._dtypes) for rule in rules if rule.kind.is_row_kind]
        self._by_name = {check.rule.name: check for check in self._checks}
        self._schema = self._pandera_schema()
        self._batch_rows = 0
        self._examined: Counter[str] = Counter()
        self._failing: Counter[str] = Counter()
        self._samples: dict[str, list[Row]] = {check.rule.name: [] for check in self._checks}
        self._faults: dict[str, str] = {}

    def add(self, batch: pa.RecordBatch) -> None:
        """Checks one batch."""
        frame = pl.from_arrow(pa.Table.from_batches([batch]), rechunk=False)
        if not isinstance(frame, pl.DataFrame):
            raise TypeError(f"only eager frames are audited, not {type(frame).__name__}")
        self._batch_rows = frame.height
        # The environment may tell Pandera to check nothing (PANDERA_VALIDATION_ENABLED); an audit does not listen.
        with config_context(validation_enabled=True, validation_depth=ValidationDepth.SCHEMA_AND_DATA):
            try:
                self._schema.validate(frame, lazy=True)
            except SchemaErrors as errors:
                for error in errors.schema_errors:
                    self._record(error, frame)

    def results(self, evidence: Evidence) -> tuple[RuleResult, ...]:
        """One result for each row rule, in the rules' order."""
        return tuple(self._result(check, evidence) for check in self._checks)

    def _result(self, check: CompiledCheck, evidence: Evidence) -> RuleResult:
        name = check.rule.name
        counts = Counts(examined=self._examined[name], failing=self._failing[name], sample=self._samples[name])
        if name in self._faults:
            judgement = unknown(self._faults[name])
        else:
            judgement = judge(
                check.rule,
                rows_examined=counts.examined,
                failing_rows=counts.failing,
                expected_rows=evidence.expected_rows,
            )
        return conclude(check.rule, judgement, evidence, engine=check.engine, counts=counts)

    def _pandera_schema(self) -> DataFrameSchema:
        """A rule's check stands on the first column it reads; one that reads none stands on the frame."""
        on_column: dict[str, list[CompiledCheck]] = {name: [] for name in self._dtypes}
        on_frame: list[CompiledCheck] = []
        for check in self._checks:
            first = check.columns[0] if check.columns else ""
            on_column.get(first, on_frame).append(check)
        return DataFrameSchema(
            columns={
                name: Column(dtype, [each.pandera(self._observe) for each in on_column[name]], nullable=True)
                for name, dtype in self._dtypes.items()
            },
            checks=[each.pandera(self._observe) for each in on_frame],
            strict=True,
            ordered=False,
            coerce=False,
        )

    def _observe(self, rule: str) -> None:
        self._examined[rule] += self._batch_rows

    def _record(self, error: SchemaError, frame: pl.DataFrame) -> None:
        name = getattr(error.check, "name", None)
        check = self._by_name.get(name) if isinstance(name, str) else None
        if check is None:
            # A missing, unnamed or wrongly typed column: no rule was judged on what the contract promises.
            detail = f"CHECK_ERROR: the batch is not of the contract's schema ({error.reason_code.name})"
            self._faults = {each.rule.name: detail for each in self._checks}
        elif error.reason_code is SchemaErrorReason.CHECK_ERROR or not isinstance(error.check_output, pl.DataFrame):
            # The error's own text may hold values of the data.
            self._faults[check.rule.name] = f"CHECK_ERROR: the check raised {_kind_of(error)}"
        else:
            self._count(check, error.check_output, frame)

    def _count(self, check: CompiledCheck, output: pl.DataFrame, frame: pl.DataFrame) -> None:
        failing = (~output[CHECK_OUTPUT_KEY]).arg_true()
        self._failing[check.rule.name] += len(failing)
        sample = self._samples[check.rule.name]
        wanted = [name for name in (*check.columns, *PLACE_COLUMNS) if name in frame.columns]
        sample.extend(frame.select(list(dict.fromkeys(wanted)))[failing.head(SAMPLE_ROWS - len(sample))].to_dicts())


def _kind_of(error: SchemaError) -> str:
    return str(error.failure_cases).partition("(")[0]
