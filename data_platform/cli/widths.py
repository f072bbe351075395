"""How wide the columns of a table are on a terminal that is too narrow for it, and where text is then broken: between
words, and behind the marks inside names, never within a word.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

GAP = 2  # spaces between two columns
_PROSE = 20  # a column of sentences is readable from here on
_PIECE = re.compile(r"\s+|[^\s._/,=:]*(?:[._/,=:]+(?=[0-9])[^\s._/,=:]*)*[._/,=:]*")  # numbers and times stay whole


def column_widths(lines: Sequence[Sequence[str]], width: int) -> list[int] | None:
    """The width of each column, so that all fit into `width`; None where they fit anyway, or cannot.

    Args:
        lines: the cells of the heading and of every row.
        width: of the terminal, in characters.
    """
    columns = list(zip(*lines, strict=True))
    wanted = [max(map(len, cells)) for cells in columns]
    widths = [max(len(piece) for cell in cells for piece in pieces(cell) or [""]) for cells in columns]
    spare = width - GAP * (len(columns) - 1) - sum(widths)
    if spare < 0 or sum(wanted) - sum(widths) <= spare:
        return None
    for most in (_PROSE, width):  # who lacks little first, so that few columns are broken
        lacks = {n: max(0, min(wanted[n], most) - widths[n]) for n in range(len(widths))}
        for n in sorted(lacks, key=lambda n: lacks[n]):
            given = min(lacks[n], spare)
            widths[n], spare = widths[n] + given, spare - given
    return widths


def pieces(text: str) -> list[str]:
    """What is never broken, with the mark that ends it: `raw.`, `shop.`, `orders`."""
    return [piece for piece in _PIECE.findall(text) if piece.strip()]


def broken(text: str, width: int) -> str:
    """The text in lines of at most `width` characters, where its pieces allow it."""
    lines = [""]
    for piece in _PIECE.findall(text):
        if not piece or len(lines[-1]) + len(piece) <= width or not lines[-1]:
            lines[-1] += piece
        else:
            lines.append(piece.lstrip())
    return "\n".join(line.rstrip() for line in lines)
