"""What contract changes do to readers and writers: the labelled table, and the laws that hold for any two contracts."""

from __future__ import annotations

import copy
import json
import os
import re
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

from data_platform.contracts.compatibility import Comparison, compare
from data_platform.contracts.compatibility_verdicts import Step, Verdict
from data_platform.contracts.model import Contract
from data_platform.contracts.odcs import read_contract_text
from data_platform.contracts.odcs_standard import _as_published

TABLE = yaml.safe_load(Path(__file__).with_name("contract_changes.yaml").read_text(encoding="utf-8"))
CASES = [case for case in TABLE["cases"] if not case.get("fault")]
RECORDED = yaml.safe_load(Path(__file__).with_name("datacontract_cli_verdicts.yaml").read_text(encoding="utf-8"))
_LEVELS = {"none": "c", "info": "c", "warning": "r", "error": "b"}
_VERDICTS = {"c": Verdict.COMPATIBLE, "r": Verdict.RISKY, "b": Verdict.BREAKING}


def document(base: str) -> dict[str, Any]:
    """The whole contract of a base of the table."""
    given = copy.deepcopy(TABLE["bases"][base])
    quality: list[dict[str, Any]] = []
    properties = [{"name": name, **values} for name, values in given["columns"].items()]
    for name, entry in given.get("quality", {}).items():
        column = entry.pop("column", None)
        place = next((p for p in properties if p["name"] == column), None)
        (quality if place is None else place.setdefault("quality", [])).append({"name": name, **entry})
    return {
        "apiVersion": "v3.1.0",
        "kind": "DataContract",
        "id": "orders",
        "version": "1.0.0",
        "status": "active",
        "domain": "shop",
        "team": {"name": "Shop", "members": [{"username": "ann@example.com", "role": "owner"}]},
        "slaProperties": [{"property": name, **entry} for name, entry in given.get("sla", {}).items()],
        "schema": [
            {"name": "orders", "dataGranularityDescription": "One row.", "properties": properties, "quality": quality}
        ],
        "customProperties": [{"property": f"platform.{k}", "value": v} for k, v in given["custom"].items()],
    }


def edited(base: dict[str, Any], edit: dict[str, Any]) -> dict[str, Any]:
    """The contract with the places of an edit set."""
    result = copy.deepcopy(base)
    schema = result["schema"][0]
    rules = [schema["quality"], *(p["quality"] for p in schema["properties"] if "quality" in p)]
    for path, value in edit.items():
        part, _, rest = path.partition(".")
        match part:
            case "columns":
                _set_entry(schema["properties"], "name", rest, value)
            case "rename":
                _entry(schema["properties"], "name", rest)["name"] = value
            case "order":
                schema["properties"].sort(key=lambda column: value.index(column["name"]))
            case "custom":
                name, _, inner = rest.partition(".")
                _set_entry(result["customProperties"], "property", f"platform.{name}", value, inner or "value")
            case "quality":
                _set_entry(next((r for r in rules if _has(r, rest.split(".")[0])), rules[0]), "name", rest, value)
            case "rename_quality":
                _entry(schema["quality"], "name", rest)["name"] = value
            case "sla":
                _set_entry(result["slaProperties"], "property", rest, value)
            case "top" | "schema":
                _put(result if part == "top" else schema, rest, value)
    return result


def _has(entries: list[dict[str, Any]], name: str) -> bool:
    return any(entry["name"] == name for entry in entries)


def _entry(entries: list[dict[str, Any]], key: str, name: str) -> dict[str, Any]:
    return next(entry for entry in entries if entry[key] == name)


def _set_entry(entries: list[dict[str, Any]], key: str, path: str, value: Any, inner: str | None = None) -> None:
    name, rest = (path, inner) if inner else (path.partition(".")[0], path.partition(".")[2])
    found = next((entry for entry in entries if entry[key] == name), None)
    if inner and inner != "value":
        assert found is not None
        _put(found["value"], inner, value)
    elif found is None:
        entries.append({key: name, **({"value": value} if inner else value)})
    elif value is None and (not rest or inner):
        entries.remove(found)
    elif rest:
        _put(found, rest, value)
    else:
        entries[entries.index(found)] = {key: name, **value}


def _put(mapping: dict[str, Any], path: str, value: Any) -> None:
    *steps, last = path.split(".")
    for step in steps:
        mapping = mapping.setdefault(step, {})
    if value is None:
        del mapping[last]
    else:
        mapping[last] = value


def contract(base: str, given: dict[str, Any]) -> Contract:
    path = Path("shop") / TABLE["bases"][base]["layer"] / "orders.odcs.yaml"
    result = read_contract_text(yaml.safe_dump(given, sort_keys=False).encode(), path)
    assert result.contract is not None, result.faults
    return result.contract


def compared(case: dict[str, Any]) -> Comparison:
    base = document(case["base"])
    return compare(contract(case["base"], base), contract(case["base"], edited(base, case["edit"])))


def _id(case: dict[str, Any]) -> str:
    return f"{case['base']}-" + ",".join(case["edit"])


def test_the_table_is_as_large_as_promised() -> None:
    assert len(CASES) >= 200
    assert len({yaml.safe_dump([case["base"], case["edit"]]) for case in CASES}) == len(CASES)


@pytest.mark.parametrize("case", CASES, ids=_id)
def test_a_labelled_change_is_classified_right(case: dict[str, Any]) -> None:
    found = compared(case)
    worst = {
        side: max((getattr(change, side) for change in found.changes), key=lambda v: v.rank, default=Verdict.COMPATIBLE)
        for side in ("readers", "writers")
    }
    told = "\n".join(f"{c.key}: {c.readers} {c.writers} {c.reason}" for c in found.changes)
    assert worst == {side: _VERDICTS[case[side]] for side in worst}, told
    if "step" in case:
        assert found.needed == Step(case["step"]), told
    assert all(change.reason for change in found.changes)


def as_published(given: dict[str, Any]) -> str:
    """The contract's text without what the platform says more than the standard, for tools that know only that."""
    return yaml.safe_dump(_as_published(given), sort_keys=False)


def test_the_verdicts_of_datacontract_cli_are_those_recorded() -> None:
    """Set DATACONTRACT_PYTHON to an interpreter that has `datacontract-cli`: the recorded table is made again."""
    interpreter = os.environ.get("DATACONTRACT_PYTHON")
    if not interpreter:
        pytest.skip("DATACONTRACT_PYTHON names no interpreter with datacontract-cli")
    script = Path(__file__).with_name("datacontract_cli_process.py")
    pairs = [[as_published(d) for d in (document(c["base"]), edited(document(c["base"]), c["edit"]))] for c in CASES]
    done = subprocess.run([interpreter, script], input=json.dumps(pairs), capture_output=True, text=True, check=True)
    assert dict(zip(map(case_key, CASES), json.loads(done.stdout), strict=True)) == RECORDED["verdicts"]


@pytest.mark.parametrize("side", ["readers", "writers"])
def test_every_disagreement_with_datacontract_cli_has_a_reason(side: str) -> None:
    """Where one says breaking and the other compatible; that one says risky for what the other decides is no quarrel."""
    unexplained = []
    compared_pairs = 0
    for case in CASES:
        verdicts = RECORDED["verdicts"][case_key(case)]
        if verdicts is None:
            continue
        compared_pairs += 1
        theirs = _LEVELS[verdicts[0 if side == "readers" else 1]]
        if {case[side], theirs} == {"b", "c"} and _reason(case, side) is None:
            unexplained.append((case_key(case), side, theirs))
    assert unexplained == []
    assert compared_pairs >= 100


def _reason(case: dict[str, Any], side: str) -> str | None:
    places = " ".join([case["base"], *case["edit"]])
    for entry in RECORDED["disagreements"]:
        if side in entry["sides"] and re.search(entry["places"], places):
            return str(entry["reason"])
    return None


def case_key(case: dict[str, Any]) -> str:
    """The case in one line, as the recorded table names it."""
    return f"{case['base']} {json.dumps(case['edit'], sort_keys=True)}"
