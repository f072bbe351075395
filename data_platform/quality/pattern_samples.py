r"""Strings that match a regular expression, for proofs: a walk over its parse tree that takes the first character of
every class and a chosen number of repetitions. A pattern with look-around or `\b` may get samples that do not match;
the proof tries them against the engines and keeps those that do.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from re import _constants as op  # type: ignore[attr-defined]
from re import _parser  # type: ignore[attr-defined]
from typing import Any

_REPEATS = (1, 0, 2, 3, 5, 8, 13, 21, 40)
_PREFERRED = "aA0_-. @:/" + "".join(map(chr, range(0x20, 0x7F))) + "éß日\t\n"
_TO_PYTHON = (
    (re.compile(r"\\p\{?(?:Lu|Upper)\}?"), "[A-Z]"),
    (re.compile(r"\\p\{?(?:L[a-z]?|Latin|Alphabetic)\}?"), "[a-z]"),
    (re.compile(r"\\p\{?N[a-z]?\}?"), "[0-9]"),
    (re.compile(r"\[:alpha:\]"), "a-zA-Z"),
    (re.compile(r"\[:upper:\]"), "A-Z"),
    (re.compile(r"\[:lower:\]"), "a-z"),
    (re.compile(r"\[:digit:\]"), "0-9"),
    (re.compile(r"\[:alnum:\]"), "a-zA-Z0-9"),
    (re.compile(r"\[:space:\]"), r"\\s"),
    (re.compile(r"\\z"), r"\\Z"),
    (re.compile(r"\(\?<(?=[A-Za-z_])"), "(?P<"),
)


def samples(pattern: str) -> tuple[str, ...]:
    """Different strings that should match the whole pattern, short ones among them; empty if it cannot be read."""
    for wanted, replacement in _TO_PYTHON:
        pattern = wanted.sub(replacement, pattern)
    try:
        tree = _parser.parse(pattern, re.ASCII)
        return tuple(dict.fromkeys(_write(tree, repeats) for repeats in _REPEATS))
    except (re.error, NotImplementedError, OverflowError):
        return ()


def _write(tree: Sequence[tuple[Any, Any]], repeats: int) -> str:
    return "".join(_piece(code, argument, repeats) for code, argument in tree)


def _piece(code: Any, argument: Any, repeats: int) -> str:
    if code is op.LITERAL:
        return chr(int(argument))
    if code is op.NOT_LITERAL:
        return "b" if argument == ord("a") else "a"
    if code is op.ANY:
        return "a"
    if code is op.IN:
        return _member(argument, repeats)
    if code is op.BRANCH:
        branches = argument[1]
        return _write(branches[repeats % len(branches)], repeats)
    if code is op.SUBPATTERN:
        return _write(argument[-1], repeats)
    if code in (op.MAX_REPEAT, op.MIN_REPEAT):
        low, high, inner = argument
        return _write(inner, repeats) * min(int(high), max(int(low), repeats))
    if code in (op.AT, op.ASSERT, op.ASSERT_NOT):
        return ""
    raise NotImplementedError(str(code))


def _member(items: Sequence[tuple[Any, Any]], repeats: int) -> str:
    """A character of the class, another one for another number of repetitions."""
    is_negated = items[0][0] is op.NEGATE
    wanted = items[1:] if is_negated else items
    listed = [chr(value) for code, value in wanted if code is op.LITERAL]
    listed += [chr(value[0]) for code, value in wanted if code is op.RANGE]
    pool: list[str] = [
        each for each in (*_PREFERRED, *listed) if any(_is_in(each, item) for item in wanted) != is_negated
    ]
    if not pool:
        raise NotImplementedError("a class without a known character")
    return pool[0] if repeats % 2 else pool[min(repeats, len(pool) - 1)]


def _is_in(character: str, item: tuple[Any, Any]) -> bool:
    code, value = item
    if code is op.LITERAL:
        return ord(character) == int(value)
    if code is op.RANGE:
        return bool(value[0] <= ord(character) <= value[1])
    is_digit, is_space = character in "0123456789", character in " \t\n\r\f\v"
    is_word = is_digit or character == "_" or (character.isascii() and character.isalpha())
    known = {
        op.CATEGORY_DIGIT: is_digit,
        op.CATEGORY_NOT_DIGIT: not is_digit,
        op.CATEGORY_SPACE: is_space,
        op.CATEGORY_NOT_SPACE: not is_space,
        op.CATEGORY_WORD: is_word,
        op.CATEGORY_NOT_WORD: not is_word,
    }
    if value not in known:
        raise NotImplementedError(str(value))
    return known[value]
