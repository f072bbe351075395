"""The one door: formatter, linter, strict types and the import law fail like any other test."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]


@pytest.mark.parametrize(
    "command",
    [
        ["ruff", "format", "--check", "data_platform", "data_platform_tests"],
        ["ruff", "check", "data_platform", "data_platform_tests"],
        ["mypy"],
        ["lint-imports"],
    ],
    ids=["format", "lint", "types", "import-law"],
)
def test_the_code_keeps_the_house_rules(command: list[str]) -> None:
    program = Path(sys.executable).with_name(command[0])
    result = subprocess.run([program, *command[1:]], cwd=ROOT, capture_output=True, text=True, check=False)
    assert result.returncode == 0, result.stdout + result.stderr
