"""What the package reads beside its code is in the package, and its wheel has all of it."""

from __future__ import annotations

import re
import tomllib
from importlib.resources import files
from pathlib import Path

import pytest

from data_platform.observability.slis.registry import INDICATORS

ROOT = Path(__file__).resolve().parents[2]
PACKAGE = ROOT / "data_platform"
_CLIMBS = re.compile(r"Path\(__file__\)(?:\.resolve\(\))?\.parents\[(\d+)\]")


def test_every_file_beside_the_code_is_package_data() -> None:
    data = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["tool"]["setuptools"]["package-data"]
    shipped = {path for pattern in data["data_platform"] for path in PACKAGE.glob(pattern)}
    there = {path for path in PACKAGE.rglob("*") if path.is_file() and "__pycache__" not in path.parts}
    assert {str(path) for path in there - shipped if path.suffix != ".py"} == set()


def test_every_folder_with_code_is_a_package() -> None:
    folders = {path.parent for path in PACKAGE.rglob("*.py")} - {PACKAGE / "metastore" / "migrations" / "versions"}
    assert {str(folder) for folder in folders if not (folder / "__init__.py").exists()} == set()


def test_no_code_reads_files_outside_the_package() -> None:
    outside = []
    for path in PACKAGE.rglob("*.py"):
        depth = len(path.relative_to(ROOT).parts) - 2
        outside += [str(path) for climbed in _CLIMBS.findall(path.read_text(encoding="utf-8")) if int(climbed) > depth]
    assert outside == []


@pytest.mark.parametrize("name", [one.name for one in INDICATORS])
def test_the_explanation_of_an_indicator_is_in_the_package(name: str) -> None:
    text = (files("data_platform") / "observability" / "slis" / "explanations" / f"{name}.md").read_text("utf-8")
    assert f"`{name}`" in text
    assert "## What could fool it" in text or name in ("burn_rate", "cost_per_tb")
