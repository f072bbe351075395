"""ERROR is for what nobody expected: a lint over the package's own log calls."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

import data_platform

PACKAGE = Path(data_platform.__file__).parent
GRAVE = frozenset({"error", "exception", "critical"})
UNEXPECTED = frozenset({"Exception", "BaseException"})
# Calls outside of `except Exception`, with the reason why nobody expects what they tell.
ALLOWED = {
    "publication/recording.py": "told of an error that the platform does not raise on purpose",
    "connectors/http_push/write_ahead.py": "the disk did not even let a failed append be undone",
}


def grave_calls(tree: ast.AST, *, is_edge: bool = False) -> Iterator[tuple[int, str]]:
    """Line and method of log calls of ERROR or above that no broad `except` stands around."""
    for node in ast.iter_child_nodes(tree):
        is_inside = is_edge or (isinstance(node, ast.ExceptHandler) and bool(_caught(node) & UNEXPECTED))
        if isinstance(node, ast.Attribute) and node.attr in GRAVE and _is_log(node.value) and not is_edge:
            yield node.lineno, node.attr
        yield from grave_calls(node, is_edge=is_inside)


def _caught(handler: ast.ExceptHandler) -> set[str]:
    return {node.id for node in ast.walk(handler.type) if isinstance(node, ast.Name)} if handler.type else set()


def _is_log(node: ast.expr) -> bool:
    name = node.id if isinstance(node, ast.Name) else node.attr if isinstance(node, ast.Attribute) else ""
    return name.lower().strip("_") in ("log", "logger")


@pytest.mark.parametrize(
    ("text", "count"),
    [
        ("_log.error('x')", 1),
        ("context.log.error('x')", 1),
        ("try: ...\nexcept PlatformError: _LOG.exception('x')", 1),
        ("try: ...\nexcept Exception: _LOG.exception('x')", 0),
        ("_log.warning('x')", 0),
        ("parser.error('x')", 0),
    ],
)
def test_the_lint_finds_what_it_should(text: str, count: int) -> None:
    assert len(list(grave_calls(ast.parse(text)))) == count


def test_errors_are_logged_only_for_what_nobody_expected() -> None:
    found = {
        str(path.relative_to(PACKAGE)): list(grave_calls(ast.parse(path.read_text()))) for path in PACKAGE.rglob("*.py")
    }
    wrong = {name: calls for name, calls in found.items() if calls and name not in ALLOWED}
    assert wrong == {}, "an error that the platform raises on purpose is a warning; ERROR is for `except Exception`"
    assert all(found[name] for name in ALLOWED)
