"""A project of a team's own runs against the built wheel: another folder, another environment, no clone in sight."""

from __future__ import annotations

import os
import subprocess
import sys
import sysconfig
import venv
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The bin folder of a fresh environment that holds the wheel; its dependencies are borrowed from this one."""
    folder = tmp_path_factory.mktemp("wheel")
    source = folder / "source"
    source.mkdir()
    for name in ("pyproject.toml", "README.md", "LICENSE", "data_platform"):
        (source / name).symlink_to(ROOT / name)
    _run([sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps", "-w", str(folder), str(source)], folder)
    (wheel,) = folder.glob("*.whl")
    environment = folder / "environment"
    venv.create(environment, with_pip=True, symlinks=True)
    python = environment / "bin" / "python"
    _run([str(python), "-m", "pip", "install", "--quiet", "--no-deps", "--no-index", str(wheel)], folder)
    (packages,) = environment.glob("lib/python*/site-packages")
    (packages / "borrowed.pth").write_text(sysconfig.get_paths()["purelib"] + "\n")
    return environment / "bin"


def test_an_initialized_project_runs_against_the_installed_wheel(installed: Path, tmp_path: Path) -> None:
    program = str(installed / "data-platform")
    _run([program, "init", "team"], tmp_path)
    project = tmp_path / "team"
    where = _run([str(installed / "python"), "-c", "import data_platform; print(data_platform.__file__)"], project)
    assert str(installed.parent) in where
    _run([program, "contracts", "lint"], project)
    _run([program, "run"], project)
    rows = _run(
        [program, "query", "SELECT sum(orders_count) AS orders FROM served.shop.daily_sales", "--json"], project
    )
    assert "orders" in rows
    validated = _run([str(installed / "python"), "-m", "dagster", "definitions", "validate"], project)
    assert "error" not in validated.lower()


def _run(command: list[str], folder: Path) -> str:
    environment = {
        key: value
        for key, value in os.environ.items()
        if not key.startswith(("DATA_PLATFORM_", "DAGSTER_", "PYTHONPATH", "VIRTUAL_ENV"))
    }
    done = subprocess.run(
        command, cwd=folder, env=environment, capture_output=True, text=True, timeout=600, check=False
    )
    assert done.returncode == 0, f"{' '.join(command)}\n{done.stdout}\n{done.stderr}"
    return done.stdout + done.stderr
