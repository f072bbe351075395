"""Every rule of every contract that is shipped, or used in these tests, is proven: a violating row is caught."""

from __future__ import annotations

from pathlib import Path

import pytest

import data_platform
import data_platform_tests
from data_platform.contracts.domains import discover
from data_platform.contracts.rules import rules_of
from data_platform.quality.proof import prove
from data_platform_tests.end_to_end.walking import KIOSK_DOMAINS

FOLDERS = (
    Path(data_platform.__file__).parent / "domains",
    Path(data_platform_tests.__file__).parent / "domains",
    KIOSK_DOMAINS,
)


@pytest.mark.parametrize("folder", FOLDERS, ids=["commerce", "retail", "kiosk"])
def test_every_rule_is_proven(folder: Path) -> None:
    project = discover((folder,))
    proofs = [
        (dataset.contract.name, proof)
        for dataset in project.datasets.values()
        for proof in prove(dataset.contract, rules_of(dataset.contract))
    ]
    assert len(proofs) > 20
    assert [f"{name} {proof.rule}: {proof.note}" for name, proof in proofs if not proof.is_proven] == []
