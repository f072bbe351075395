"""The audit of a candidate: Pandera on the staged batches, whole-table rules in DuckDB, and how they join the fates."""

from __future__ import annotations

from dataclasses import replace

from duckdb import DuckDBPyConnection

from data_platform.contracts.model import Severity, Tolerance
from data_platform.contracts.rules import Rule
from data_platform.contracts.schema import arrow_schema
from data_platform.governance.redaction import redactor
from data_platform.lakehouse.duck import register_query
from data_platform.publication.candidate import Candidate
from data_platform.quality.audit import BatchAudit
from data_platform.quality.table_rules import Relations, evaluate
from data_platform.quality.verdicts import Evidence, RuleResult

BATCH_ROWS = 131_072


def audit(con: DuckDBPyConnection, candidate: Candidate) -> tuple[RuleResult, ...]:
    """One result per rule: the audit's where it found something, else what the fates found; table rules last."""
    evidence = Evidence(
        data_version=f"{candidate.contract.name}@{candidate.main.base.version + 1}",
        contract_version=candidate.contract.version,
        expected_rows=candidate.main.staged_rows - candidate.main.carried_rows,
        redact=redactor(candidate.contract),
    )
    rows = {result.rule: result for result in _audit_rows(con, candidate, evidence)}
    fates = {result.rule: result for result in candidate.fates}
    joined = {name: _join(rows.get(name), fates.get(name)) for name in [*fates, *rows]}
    register_query(
        con, str(candidate.contract.name), candidate.main.whole_sql
    )  # MEASURE queries name the dataset itself
    whole = Evidence(
        data_version=evidence.data_version,
        contract_version=evidence.contract_version,
        expected_rows=None,
        redact=evidence.redact,
    )
    targets = {**candidate.targets, candidate.contract.name: candidate.main.whole_sql}  # a table may refer to itself
    relations = Relations(
        staged=f"({candidate.main.staged_sql})",
        kept=f"({candidate.main.kept_sql})",
        targets={name: f"({sql})" for name, sql in targets.items()},
    )
    tables = [evaluate(con, rule, relations, whole) for rule in candidate.rules if not rule.kind.is_row_kind]
    return (*joined.values(), *tables)


def _audit_rows(con: DuckDBPyConnection, candidate: Candidate, evidence: Evidence) -> tuple[RuleResult, ...]:
    rules = [_strict(rule, candidate) for rule in candidate.rules if rule.kind.is_row_kind]
    if not rules:
        return ()
    reader = con.sql(candidate.main.computed_sql).to_arrow_reader(BATCH_ROWS)
    batches = BatchAudit(rules, arrow_schema(candidate.contract))
    for batch in reader:
        batches.add(batch)
    return batches.results(evidence)


def _strict(rule: Rule, candidate: Candidate) -> Rule:
    """A quarantine rule forgives nothing among published rows but what a person released."""
    if rule.severity is not Severity.QUARANTINE:
        return rule
    return replace(rule, tolerance=Tolerance(rows=candidate.waived.get(rule.name, 0)))


def _join(audited: RuleResult | None, fated: RuleResult | None) -> RuleResult:
    if fated is None or (audited is not None and audited.is_unsatisfied):
        assert audited is not None
        return audited
    return fated
