"""The README's walk, followed literally."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from data_platform_tests.readme_walk import steps

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="module")
def walked(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, str]:
    """The project at the end of the walk, and everything its commands printed."""
    folder = tmp_path_factory.mktemp("walk")
    printed = []
    for step in steps(ROOT / "README.md", section="Add a dataset in five minutes"):
        if step.kind == "run":
            for line in filter(None, step.body.splitlines()):
                if line.startswith("cd "):
                    folder = folder / line.removeprefix("cd ")
                    continue
                printed.append(_run(line, folder))
            continue
        target = folder / step.target
        target.parent.mkdir(parents=True, exist_ok=True)
        with target.open("w" if step.kind == "file" else "a", encoding="utf-8") as file:
            file.write(step.body)
    return folder, "\n".join(printed)


def _run(line: str, folder: Path) -> str:
    program = f'exec "{sys.executable}" -c "from data_platform.cli.main import main; main()" '
    command = line.replace("data-platform ", program, 1)
    environment = {k: v for k, v in os.environ.items() if not k.startswith(("DATA_PLATFORM_", "DAGSTER_"))}
    environment["PYTHONPATH"] = str(ROOT)
    done = subprocess.run(
        ["bash", "-c", command], cwd=folder, env=environment, capture_output=True, text=True, timeout=300, check=False
    )
    assert done.returncode == 0, f"{line}\n{done.stdout}\n{done.stderr}"
    return done.stdout


def test_the_walk_serves_the_good_rows_and_holds_the_bad_one(walked: tuple[Path, str]) -> None:
    folder, printed = walked
    assert "refund_bounds" in printed
    rows = json.loads(
        _run('data-platform query "SELECT return_id FROM curated.shop.returns ORDER BY 1" --json', folder)
    )
    assert "R-1" in json.dumps(rows)
    assert "R-3" in json.dumps(rows)
    assert "R-2" not in json.dumps(rows)


def test_the_walk_gives_a_checked_partitioned_documented_asset(walked: tuple[Path, str]) -> None:
    folder, _ = walked
    program = (
        "import dagster as dg, json; from data_platform.definitions import defs; "
        "d = defs if isinstance(defs, dg.Definitions) else defs(); g = d.resolve_asset_graph(); "
        "n = g.get(dg.AssetKey(['curated', 'shop', 'returns'])); "
        "print(json.dumps([len(n.check_keys), n.partitions_def is not None, n.description]))"
    )
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "DATA_PLATFORM_DOMAINS": str(folder / "domains")}
    environment |= {"DATA_PLATFORM_HOME": str(folder / ".data_platform")}
    done = subprocess.run(
        [sys.executable, "-c", program], cwd=folder, env=environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    checks, is_partitioned, description = json.loads(done.stdout.splitlines()[-1])
    assert checks > 5
    assert is_partitioned
    assert "Every return once" in description
