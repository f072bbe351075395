"""Draws mutants of the package at random with cosmic-ray's operators.

Mutants that change nothing but annotations are not drawn: they are not evaluated, so no test could tell.
"""

from __future__ import annotations

import ast
import difflib
import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from cosmic_ray.ast import ast_nodes, get_ast
from cosmic_ray.mutating import mutate_code
from cosmic_ray.plugins import get_operator, operator_names

_PARAMETRIZED = {"core/VariableInserter", "core/VariableReplacer"}  # need names of variables, drawn by nobody


@dataclass(frozen=True, slots=True)
class Mutant:
    """A file, relative to the repository, its text with the mutant in it, and the lines that differ."""

    file: str
    text: str
    change: str

    def __str__(self) -> str:
        return f"{self.file}: {self.change}"


def drawn(root: Path, packages: Sequence[str], *, seed: int) -> Iterator[Mutant]:
    """All mutants of the packages in random order: of everything that can be changed each has the same chance."""
    places = [place for package in packages for place in _places(root, package)]
    random.Random(seed).shuffle(places)
    for file, operator, occurrence in places:
        before = (root / file).read_text()
        try:
            after = str(mutate_code(before, get_operator(operator)(), occurrence))
        except AttributeError:  # cosmic-ray cannot replace an exception with a dotted name
            continue
        if _changes_behaviour(before, after):
            yield Mutant(file, after, _change(before, after))


def _places(root: Path, package: str) -> Iterator[tuple[str, str, int]]:
    for path in sorted((root / "data_platform" / package).glob("*.py")):
        nodes = list(ast_nodes(get_ast(path.read_text())))
        for name in sorted(set(operator_names()) - _PARAMETRIZED):
            operator = get_operator(name)()
            count = sum(1 for node in nodes for _ in operator.mutation_positions(node))
            for occurrence in range(count):
                yield str(path.relative_to(root)), name, occurrence


def _change(before: str, after: str) -> str:
    lines = list(difflib.ndiff(before.splitlines(), after.splitlines()))
    old, new = (" ".join(line[2:].strip() for line in lines if line.startswith(mark)) for mark in ("- ", "+ "))
    return f"{old} -> {new}"


def _changes_behaviour(before: str, after: str) -> bool:
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
