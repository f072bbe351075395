"""The asset checks that a contract declares. Judging is in `quality` and `publication`; this names and translates.

Dagster knows passed and not passed only. `failed` and `unknown` are not passed; `not_applicable` (0 rows, and 0
expected) is shown as passed with that verdict in its metadata and its description: nothing is wrong, nothing blocks.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import dagster as dg

from data_platform.contracts.domains import Dataset, Project
from data_platform.contracts.model import DatasetName, Layer, Severity
from data_platform.contracts.rules import Rule, rules_of
from data_platform.orchestration.location import Location, asset_key
from data_platform.transforms.lint import ONE_TO_ONE
from data_platform.transforms.projection import raw_rules

CONSERVATION = "conservation"
READABLE = "readable"
SCALE = "scale"
HEARTBEAT = "heartbeat"


@dataclass(frozen=True, slots=True, kw_only=True)
class DeclaredCheck:
    """One asset check of a dataset, as it is known before anything ran."""

    name: str
    kind: str
    reason: str
    severity: Severity
    columns: tuple[str, ...] = ()
    description: str = ""

    @property
    def is_blocking(self) -> bool:
        """Whether nothing is published, and nothing downstream runs, unless it passes."""
        return self.severity is Severity.BLOCK

    def spec(self, name: DatasetName) -> dg.AssetCheckSpec:
        """The check as Dagster declares it."""
        metadata = {"rule_kind": self.kind, "reason": self.reason, "severity": self.severity.value}
        return dg.AssetCheckSpec(
            self.name,
            asset=asset_key(name),
            description=self.description,
            blocking=self.is_blocking,
            metadata=metadata | ({"columns": ", ".join(self.columns)} if self.columns else {}),
        )


def declared_checks(location: Location, dataset: Dataset) -> tuple[DeclaredCheck, ...]:
    """Every check of a dataset: its ledger, its rules and, where rows have fates, the rules of its raw rows."""
    if dataset.name.layer is Layer.RAW:
        return RAW_CHECKS
    rules = {
        rule.name: rule
        for rule in (*_rules_of_raw(location.project, location.graph.inputs, dataset), *rules_of(dataset.contract))
    }
    found = [_of_rule(rule) for rule in rules.values()]
    if dataset.contract.materialization in ONE_TO_ONE:
        found.insert(0, _conservation("every raw row of a partition has one fate"))
    return tuple(found)


def _rules_of_raw(project: Project, inputs: object, dataset: Dataset) -> Sequence[Rule]:
    """The raw row rules that decide fates: broken ones are held back here, not at raw, which keeps everything."""
    assert isinstance(inputs, dict)
    read = inputs.get(dataset.name, ())
    if dataset.contract.materialization not in ONE_TO_ONE or not read or read[0] not in project.datasets:
        return ()
    rules = raw_rules(project.dataset(read[0]).contract)
    return [rule for rule in rules if rule.severity is Severity.QUARANTINE]


def _of_rule(rule: Rule) -> DeclaredCheck:
    return DeclaredCheck(
        name=rule.name,
        kind=rule.kind.value,
        reason=rule.reason,
        severity=rule.severity,
        columns=rule.columns,
        description=rule.description or _sentence(rule),
    )


def _sentence(rule: Rule) -> str:
    columns = ", ".join(rule.columns)
    effect = {Severity.BLOCK: "publishes nothing", Severity.QUARANTINE: "quarantines the row", Severity.WARN: "warns"}
    return (
        f"{rule.kind.value.replace('_', ' ')}{f' of {columns}' if columns else ''}; a breach {effect[rule.severity]}."
    )


def _conservation(what: str) -> DeclaredCheck:
    return DeclaredCheck(
        name=CONSERVATION,
        kind="conservation",
        reason="CONSERVATION",
        severity=Severity.BLOCK,
        description=f"The ledger closes: {what}.",
    )


_READABLE_CHECK = DeclaredCheck(
    name=READABLE,
    kind="readable",
    reason="REJECTED",
    severity=Severity.WARN,
    description="Every record of each source's newest batch could be read as the contract's types.",
)


_SCALE_CHECK = DeclaredCheck(
    name=SCALE,
    kind="scale",
    reason="SCALE",
    severity=Severity.WARN,
    description="Numbers in each source's newest batch are as large as in the batches before: no unit has changed.",
)


_HEARTBEAT_CHECK = DeclaredCheck(
    name=HEARTBEAT,
    kind="heartbeat",
    reason="HEARTBEAT",
    severity=Severity.WARN,
    description="Every source lives and moves: none is dead, stuck, empty, refused or failed.",
)

RAW_CHECKS = (_conservation("raw + rejected = source, in every batch"), _READABLE_CHECK, _SCALE_CHECK, _HEARTBEAT_CHECK)
