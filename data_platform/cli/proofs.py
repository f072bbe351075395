"""The work of `contracts prove`. Reads files only, and runs every rule on a row that violates it."""

from __future__ import annotations

from data_platform.cli.contracts import dataset_name
from data_platform.cli.environment import settings_here
from data_platform.cli.output import print_json, print_table, say, working
from data_platform.contracts.domains import discover
from data_platform.contracts.rules import rules_of
from data_platform.quality.proof import Proof, prove


def prove_rules(*, dataset: str | None, as_json: bool) -> int:
    """Prints one line per rule; 1 if one is not proven."""
    project = discover(settings_here().domains)
    names = [dataset_name(project, dataset)] if dataset else sorted(project.datasets)
    proofs: list[tuple[str, Proof]] = []
    for name in names:
        contract = project.datasets[name].contract
        with working(f"proving {name}"):
            proofs += [(str(name), proof) for proof in prove(contract, rules_of(contract))]
    proven = sum(proof.is_proven for _, proof in proofs)
    if as_json:
        print_json({"rules": len(proofs), "proven": proven, "proofs": [{"dataset": n, **_line(p)} for n, p in proofs]})
    else:
        rows = [(n, p.rule, p.kind.value, _verdict(p), _row(p), p.note) for n, p in proofs]
        print_table("", ["dataset", "rule", "kind", "verdict", "violating row", "note"], rows)
        say(f"{proven} of {len(proofs)} rules are proven to fail on a row that violates them")
    return 0 if proven == len(proofs) else 1


def _verdict(proof: Proof) -> str:
    return "proven" if proof.is_proven else "not proven"


def _row(proof: Proof) -> str:
    return ", ".join(f"{name}={value!r}" for name, value in (proof.violating_row or {}).items())[:120]


def _line(proof: Proof) -> dict[str, object]:
    return {
        "rule": proof.rule,
        "kind": proof.kind,
        "is_proven": proof.is_proven,
        "violating_row": proof.violating_row,
        "caught_by_sql": proof.caught_by_sql,
        "caught_by_pandera": proof.caught_by_pandera,
        "note": proof.note,
    }
