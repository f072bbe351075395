from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from data_platform.cli.main import run
from data_platform_tests.kit import Kit, later

COLUMNS = ["id int required key", "name string"]


@pytest.fixture
def kit(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Kit]:
    kit = Kit(tmp_path)
    kit.raw("visits", COLUMNS)
    monkeypatch.setenv("DATA_PLATFORM_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("DATA_PLATFORM_DOMAINS", str(tmp_path / "domains"))
    monkeypatch.chdir(tmp_path)
    yield kit
    kit.close()


def deploy(kit: Kit, columns: list[str], version: str, *, is_checked: bool) -> None:
    """Puts another contract in force, with its check before or without one."""
    before = kit.folder / "before"
    shutil.rmtree(before, ignore_errors=True)
    shutil.copytree(kit.folder / "domains", before)
    kit.raw("visits", columns, version=version)
    if is_checked:
        run(["contracts", "diff", str(before), str(kit.folder / "domains"), "--record"])


def measured(kit: Kit) -> list[tuple[float, float]]:
    later(kit, seconds=15)
    values = kit.platform.slis.measure(kit.clock.now())
    return [(one.good, one.bad) for one in values if (one.sli, one.subject)[0] == "schema_compatibility"][:1]


def test_a_deploy_that_was_checked_is_covered_and_one_that_was_not_is_told(kit: Kit) -> None:
    measured(kit)
    deploy(kit, [*COLUMNS, "age int"], "1.1.0", is_checked=True)
    assert measured(kit) == [(1.0, 0.0)]
    deploy(kit, [*COLUMNS, "age int", "town string"], "1.2.0", is_checked=False)
    assert measured(kit) == [(0.0, 1.0)]


def test_a_breaking_change_that_was_refused_and_deployed_all_the_same_is_told(kit: Kit) -> None:
    measured(kit)
    deploy(kit, COLUMNS[:1], "1.1.0", is_checked=True)
    (check,) = kit.platform.metastore.operations.contract_checks.all()
    assert (check.verdict, check.is_allowed) == ("breaking", False)
    assert measured(kit) == [(0.0, 1.0)]
