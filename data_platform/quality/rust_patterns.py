r"""Regular expressions of contracts (RE2 syntax, as DuckDB runs them) for the Rust engine that Polars runs.

The two share their syntax but not the meaning of `\d`, `\w`, `\s` and `\b` (ASCII in RE2, Unicode in Rust), of
set operators inside classes, and of some escapes.
"""

from __future__ import annotations

import re

_CLASSES = {"d": "0-9", "w": "0-9A-Za-z_", "s": r"\t\n\x0C\r "}
_SET_OPERATORS = frozenset("[&~")


def full_match(pattern: str) -> str:
    """The Rust pattern that matches a whole value exactly where RE2's full match of `pattern` does."""
    return rf"\A(?-s:{translate(pattern)})\z"


def translate(pattern: str) -> str:
    """`pattern` with the constructs that the two engines read differently spelled out."""
    out: list[str] = []
    position, is_in_class = 0, False
    while position < len(pattern):
        if pattern.startswith(r"\Q", position):
            end = pattern.find(r"\E", position)
            end = len(pattern) if end < 0 else end
            out.append(re.escape(pattern[position + 2 : end]))
            position = end + 2
            continue
        step = _step(pattern, position, is_in_class=is_in_class)
        piece = pattern[position : position + step]
        out.append(_translated(piece, is_in_class=is_in_class))
        if piece.startswith("["):
            is_in_class = is_in_class or not piece.startswith("[:")
        elif piece == "]":
            is_in_class = False
        position += step
    return "".join(out)


def _step(pattern: str, position: int, *, is_in_class: bool) -> int:
    """Length of the piece at `position`: an escape, a class's opening with a literal `]`, or one character."""
    rest = pattern[position : position + 3]
    if rest.startswith("\\"):
        return 2
    if is_in_class and rest.startswith("[:"):
        end = pattern.find(":]", position)
        return end + 2 - position if end > 0 else 1
    if not is_in_class and rest.startswith("["):
        length = 2 if rest.startswith("[^") else 1
        return length + 1 if rest[length : length + 1] == "]" else length
    return 1


def _translated(piece: str, *, is_in_class: bool) -> str:
    if not piece.startswith("\\"):
        is_operator = is_in_class and piece in _SET_OPERATORS
        return "\\" + piece if is_operator else piece
    letter = piece[1:]
    if letter in _CLASSES:
        return _CLASSES[letter] if is_in_class else f"[{_CLASSES[letter]}]"
    if letter.lower() in _CLASSES:
        return f"[^{_CLASSES[letter.lower()]}]"
    if letter in ("b", "B") and not is_in_class:
        return f"(?-u:{piece})"
    return letter if letter in ("<", ">", '"', "'", "/", ",", ";", ":", "=", "!", "@", "`", "%") else piece
