"""Everything that one contract drives, as lines for people and programs. Each value is asked of the part that
uses it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta

from data_platform.contracts.domains import Dataset, Project
from data_platform.contracts.model import Column, Contract, DatasetName, Layer
from data_platform.contracts.rules import Rule, rules_of
from data_platform.errors import ConfigurationError
from data_platform.transforms.changes import BY_KEY, with_deletes
from data_platform.transforms.graph import read_graph
from data_platform.transforms.recipe import is_by_day

Line = Mapping[str, object]


@dataclass(frozen=True, slots=True, kw_only=True)
class Driven:
    """What a contract drives. `facts` are single values; `schema` has a line per column, `rules` one per rule."""

    dataset: str
    facts: Mapping[str, str]
    schema: tuple[Line, ...]
    rules: tuple[Line, ...]


def driven_by(project: Project, name: DatasetName) -> Driven:
    """What the contract of a dataset drives."""
    dataset = project.dataset(name)
    contract = dataset.contract
    facts = {**_identity(project, contract), **_making(project, dataset), **_promises(project, contract)}
    return Driven(
        dataset=str(name),
        facts={key: value for key, value in facts.items() if value},
        schema=tuple(map(_column, contract.columns)),
        rules=tuple(map(_rule, rules_of(contract))),
    )


def _identity(project: Project, contract: Contract) -> dict[str, str]:
    domain = next((each for each in project.domains if each.name == contract.name.domain), None)
    return {
        "asset key": "/".join(contract.name.key),
        "contract": f"{contract.path}, version {contract.version} ({contract.status})",
        "description": contract.description,
        "grain": contract.granularity,
        "owner": ", ".join([contract.owner.team, contract.owner.email or ""]).strip(", "),
        "alert route": ", ".join([*contract.support, *([domain.on_call] if domain and domain.on_call else [])]),
        "cost": ", ".join(
            [
                f"centre {domain.cost_centre}" if domain and domain.cost_centre else "",
                *(f"{key}={value}" for key, value in contract.cost_tags),
            ]
        ).strip(", "),
        "tags": ", ".join(contract.tags),
        "tier": contract.tier,
    }


def _making(project: Project, dataset: Dataset) -> dict[str, str]:
    contract = dataset.contract
    graph = read_graph(project)
    sources = [f"{entry.name} ({entry.kind})" for entry in project.connectors_of(dataset.name)]
    return {
        "materialization": contract.materialization.value,
        "reads": ", ".join(map(str, graph.inputs[dataset.name])) or ", ".join(sources),
        "read by": ", ".join(str(n) for n, inputs in graph.inputs.items() if dataset.name in inputs),
        "query": str(dataset.sql_path or ""),
        "format": _format(contract),
        "partitions": f"by day of {contract.partition_column}" if is_by_day(dataset) else "none: computed as a whole",
        "primary key": ", ".join(contract.primary_key),
        "dedupe key": ", ".join(contract.dedupe_key),
        "sequence": ", ".join(contract.sequence),
        "deletes": _deletes(project, dataset),
        "event time": contract.watermark or "",
        "delivery": contract.delivery.value if dataset.name.layer is Layer.RAW else "",
        "unknown fields": contract.schema_change.value if dataset.name.layer is Layer.RAW else "",
        "nondeterminism": ", ".join(contract.nondeterminism) or "none",
    }


def _promises(project: Project, contract: Contract) -> dict[str, str]:
    level = contract.service_level
    classified = [f"{column.name} ({column.classification})" for column in contract.columns if column.is_sensitive]
    return {
        "freshness objective": _span(level.latency),
        "frequency": _span(level.frequency),
        "retention": _span(level.retention),
        "availability": f"{level.availability_percent} %" if level.availability_percent is not None else "",
        "allowed lateness": _span(_lateness(project, contract)),
        "masked": ", ".join(classified) or "no column is classified",
        "critical": ", ".join(column.name for column in contract.columns if column.critical),
        "references": "; ".join(
            f"{', '.join(r.columns)} → {r.target} ({r.severity.value})" for r in contract.references
        ),
    }


def _lateness(project: Project, contract: Contract) -> timedelta:
    """The contract's own, or for an admitted dataset that of the raw dataset it admits."""
    inputs = read_graph(project).inputs[contract.name]
    raw = [name for name in inputs if name.layer is Layer.RAW]
    try:
        return contract.allowed_lateness or (project.dataset(raw[0]).contract.allowed_lateness if raw else timedelta(0))
    except ConfigurationError:
        return contract.allowed_lateness


def _deletes(project: Project, dataset: Dataset) -> str:
    """What tells deletions, truncations and rows without meaning apart from states, also where nobody wrote it."""
    inputs = read_graph(project).inputs[dataset.name]
    if not inputs or dataset.contract.materialization not in BY_KEY:
        return ""
    deletes = with_deletes(dataset.contract, project.dataset(inputs[0]).contract).deletes
    if deletes is None:
        return ""
    said = {"deletes": deletes.values, "truncates": deletes.truncates, "is ignored": deletes.ignores}
    parts = [f"{', '.join(map(str, values))} {verb}" for verb, values in said.items() if values]
    implied = "" if dataset.contract.deletes else " (as Debezium says it)"
    return f"{deletes.column}: {'; '.join(parts)}{implied}"


def _format(contract: Contract) -> str:
    form = contract.format
    if form is None:
        return ""
    parts = [form.kind.value, form.encoding, form.compression or "plain"]
    return ", ".join(parts + ([f"delimiter {form.delimiter!r}"] if form.kind.value == "csv" else []))


def _column(column: Column) -> Line:
    marks = [
        word
        for word, holds in (
            ("required", column.required),
            ("unique", column.unique),
            ("critical", column.critical),
            ("key", column.primary_key_position is not None),
        )
        if holds
    ]
    return {
        "column": column.name,
        "type": str(column.type),
        "arrow": str(column.type.arrow()),
        "marks": " ".join(marks),
        "classification": column.classification,
        "description": column.description,
    }


def _rule(rule: Rule) -> Line:
    forgiven = rule.tolerance
    tolerance = f"{forgiven.rows} rows" if forgiven.rows else f"{forgiven.ratio:%}" if forgiven.ratio else ""
    return {
        "check": rule.name,
        "kind": rule.kind.value,
        "severity": rule.severity.value,
        "reason": rule.reason,
        "columns": ", ".join(rule.columns),
        "tolerance": tolerance,
        "description": rule.description or rule.query or "",
    }


def _span(span: timedelta | None) -> str:
    if not span:
        return ""
    return f"{span.days} d" if not span.seconds else f"{span.total_seconds() / 3600:g} h"
