"""Tables on a narrow terminal: they fit, and names are broken behind their marks only."""

from __future__ import annotations

import io

import pytest
from rich.console import Console

from data_platform.cli.output import table_of
from data_platform.cli.widths import broken, column_widths, pieces

COLUMNS = ("dataset", "rows", "last day", "what it says")
ROWS = [
    ("served.commerce.billing_reconciliation", 1_234_567, "2026-03-14", "the shop writes the day into the number"),
    ("raw.commerce.orders", 3, "2026-03-14", "fine"),
]


def _printed(width: int) -> list[str]:
    console = Console(file=io.StringIO(), width=width)
    console.print(table_of("", COLUMNS, ROWS, width=width))
    assert isinstance(console.file, io.StringIO)
    return [line.rstrip() for line in console.file.getvalue().splitlines()]


@pytest.mark.parametrize("width", [100, 80, 62, 60])
def test_a_table_fits_its_terminal_and_no_word_or_number_is_cut(width: int) -> None:
    lines = _printed(width)
    assert max(map(len, lines)) <= width
    words = " ".join(lines).split()
    wanted = [piece for row in ROWS for cell in row for piece in pieces(f"{cell:,}" if isinstance(cell, int) else cell)]
    assert all(any(piece in word for word in words) for piece in wanted)


def test_a_table_that_fits_is_left_as_it_is() -> None:
    assert "served.commerce.billing_reconciliation  1,234,567  2026-03-14" in "\n".join(_printed(120))
    assert column_widths([["a", "b"], ["aa", "b"]], 100) is None


def test_a_terminal_too_narrow_for_the_words_is_left_to_fold_them() -> None:
    assert column_widths([["reconciliation", "reconciliation"]], 20) is None


def test_columns_that_lack_little_are_made_whole_before_long_text() -> None:
    lines = [["orders.csv", "a long text of many words that can be broken anywhere between them"]]
    assert column_widths(lines, 40) == [10, 28]


@pytest.mark.parametrize(
    ("text", "lines"),
    [
        ("curated.commerce.order_lines", ["curated.commerce.", "order_lines"]),
        ("2026-03-14T22:15:14+00:00", ["2026-03-14T22:15:14+00:00"]),
        ("the last good version serves", ["the last good", "version serves"]),
        ("", [""]),
    ],
)
def test_text_is_broken_between_words_and_behind_the_marks_in_names(text: str, lines: list[str]) -> None:
    assert broken(text, 17).split("\n") == lines
