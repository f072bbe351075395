"""What rows of a change feed mean by default, what the lint says about it, and what `contracts show` tells."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from data_platform.contracts.domains import Project, discover
from data_platform.contracts.model import Deletes
from data_platform.contracts.rules import rules_of
from data_platform.errors import Fault
from data_platform.quality.proof import prove
from data_platform.transforms.driven import driven_by
from data_platform.transforms.graph import lint_project
from data_platform.transforms.recipe import completed, query_of
from data_platform_tests.kit import Kit, dataset

RAW = ("id string required", "name string", "cdc_op string required", "cdc_sequence string required")
DEBEZIUM = {"kind": "ndjson", "envelope": "debezium"}


def project(folder: Path, *, form: dict[str, Any] = DEBEZIUM, raw: tuple[str, ...] = RAW, **custom: Any) -> Project:
    kit = Kit(folder)
    kit.raw("people", raw, format=form)
    given = {"materialization": "merge", "sequence": ["cdc_sequence"]} | custom
    kit.curated("people", ("id string key", "name string required"), "SELECT id, name FROM raw.shop.people", **given)
    return discover([folder / "domains"])


def deletes(found: Project) -> Deletes | None:
    people = found.dataset(dataset("curated.people"))
    return completed(found, people, query_of(people)).contract.deletes


def faults(found: Project) -> list[Fault]:
    return [fault for fault in lint_project(found) if "in a circle" not in fault.message]


def test_over_debezium_envelopes_deletions_truncations_and_control_records_need_no_word(tmp_path: Path) -> None:
    found = project(tmp_path)
    assert deletes(found) == Deletes(column="cdc_op", values=("d",), truncates=("t",), ignores=("m",))
    assert faults(found) == []


def test_what_the_contract_says_goes_before_what_the_envelope_says(tmp_path: Path) -> None:
    found = project(tmp_path, deletes={"column": "name", "values": ["gone"]})
    assert deletes(found) == Deletes(column="name", values=("gone",))


def test_without_the_envelope_a_row_is_a_state(tmp_path: Path) -> None:
    assert deletes(project(tmp_path, form={"kind": "ndjson"})) is None


def test_the_implied_column_has_to_be_in_raw(tmp_path: Path) -> None:
    raw = tuple(line for line in RAW if "cdc_op" not in line)
    kit = Kit(tmp_path)
    kit.raw("people", raw, format={"kind": "ndjson"})
    found = project(tmp_path, form={"kind": "ndjson"}, raw=raw, deletes={"column": "cdc_op", "values": ["d"]})
    assert [fault.message for fault in faults(found)] == [
        "curated.shop.people: neither it nor raw.shop.people has column 'cdc_op', which orders or deletes its rows"
    ]


@pytest.mark.parametrize(
    ("column", "values", "is_fit"),
    [
        ("flag boolean", [True], True),
        ("flag boolean", ["true"], False),
        ("flag int", [1], True),
        ("flag int", [True], False),
        ("flag string", ["1"], True),
        ("flag string", [1], False),
        ("flag timestamp", ["now"], False),
    ],
)
def test_values_that_the_column_cannot_have_are_refused(
    tmp_path: Path, column: str, values: list[Any], is_fit: bool
) -> None:
    found = project(tmp_path, raw=(*RAW, column), deletes={"column": "flag", "values": values})
    messages = [fault.message for fault in faults(found)]
    assert messages == [] if is_fit else "so no row of it is" in messages[0]


def test_show_tells_what_deletes_truncates_and_is_ignored(tmp_path: Path) -> None:
    shown = driven_by(project(tmp_path), dataset("curated.people")).facts["deletes"]
    assert shown == "cdc_op: d deletes; t truncates; m is ignored (as Debezium says it)"
    said = driven_by(project(tmp_path, deletes={"column": "name", "values": ["a", "b"]}), dataset("curated.people"))
    assert said.facts["deletes"] == "name: a, b deletes"


def test_every_rule_of_a_feed_is_still_proven(tmp_path: Path) -> None:
    contract = project(tmp_path).dataset(dataset("curated.people")).contract
    proofs = prove(contract, rules_of(contract))
    assert proofs
    assert all(proof.is_proven for proof in proofs)
