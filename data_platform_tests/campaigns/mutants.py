"""Draws mutants of the package at random with cosmic-ray's operators, and runs tests against one of them.

Mutants that change nothing but annotations are not drawn: they are not evaluated, so no test could tell.
"""

from __future__ import annotations

import ast
import os
import random
import shutil
import subprocess
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from cosmic_ray.ast import ast_nodes, get_ast
from cosmic_ray.mutating import mutate_code
from cosmic_ray.plugins import get_operator, operator_names

_PARAMETRIZED = {"core/VariableInserter", "core/VariableReplacer"}  # need names of variables, drawn by nobody


@dataclass(frozen=True, slots=True, order=True)
class Mutant:
    """One place in one file, and what is done to it. `file` is relative to the repository."""

    file: str
    operator: str
    occurrence: int

    def __str__(self) -> str:
        return f"{self.file} {self.operator} #{self.occurrence}"


def draw(root: Path, packages: Sequence[str], *, count: int, seed: int) -> list[Mutant]:
    """`count` mutants of the packages: a file by its number of possible mutants, each place equally likely."""
    chosen = random.Random(seed)
    candidates = [mutant for package in packages for mutant in _all(root, package)]
    chosen.shuffle(candidates)
    drawn: list[Mutant] = []
    for mutant in candidates:
        if len(drawn) == count:
            break
        if _changes_behaviour(root, mutant):
            drawn.append(mutant)
    return drawn


def survives(root: Path, mutant: Mutant, tests: Sequence[str], workplace: Path, *, timeout_seconds: int) -> bool:
    """Whether the tests pass on a copy of the repository with the mutant in it. A test run that hangs has noticed."""
    copy = workplace / "copy"
    shutil.rmtree(copy, ignore_errors=True)
    kept_out = shutil.ignore_patterns(".git", ".data_platform", "__pycache__", "*.egg-info", ".*_cache", ".hypothesis")
    shutil.copytree(root, copy, ignore=kept_out)
    target = copy / mutant.file
    target.write_text(mutated(root, mutant))
    command = [sys.executable, "-m", "pytest", "-x", "-q", "-p", "no:cacheprovider", *tests]
    environment = {**os.environ, "PYTHONPATH": str(copy)}
    try:
        done = subprocess.run(
            command, cwd=copy, env=environment, capture_output=True, timeout=timeout_seconds, check=False
        )
    except subprocess.TimeoutExpired:
        return False
    return done.returncode == 0


def mutated(root: Path, mutant: Mutant) -> str:
    """The file's text with the mutant in it."""
    text = mutate_code((root / mutant.file).read_text(), get_operator(mutant.operator)(), mutant.occurrence)
    assert text is not None
    return str(text)


def _all(root: Path, package: str) -> Iterator[Mutant]:
    for path in sorted((root / "data_platform" / package).glob("*.py")):
        nodes = list(ast_nodes(get_ast(path.read_text())))
        for name in sorted(set(operator_names()) - _PARAMETRIZED):
            operator = get_operator(name)()
            places = sum(1 for node in nodes for _ in operator.mutation_positions(node))
            for occurrence in range(places):
                yield Mutant(str(path.relative_to(root)), name, occurrence)


def _changes_behaviour(root: Path, mutant: Mutant) -> bool:
    before, after = (root / mutant.file).read_text(), mutated(root, mutant)
    try:
        return _without_annotations(before) != _without_annotations(after)
    except SyntaxError:
        return False  # not a program: nothing could run it


def _without_annotations(text: str) -> str:
    tree = ast.parse(text)
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef):
            node.returns = None
        elif isinstance(node, ast.arg | ast.AnnAssign):
            node.annotation = ast.Constant(None)
    return ast.dump(tree)
