"""Where the parts of a JSON text stand, so that they can be kept byte for byte.

Works on texts that a parser has accepted: it looks at quotes, brackets and colons, all of a text at once, and judges
nothing.
"""

from __future__ import annotations

import re
from typing import NamedTuple

import numpy as np

_ESCAPE = re.compile(rb"\\.", re.DOTALL)
_LINE_ENDS = bytes.maketrans(b"\r\n", b"  ")
_QUOTE, _COLON, _OPEN, _CLOSE = 1, 2, 3, 4
_KINDS = bytes(
    {34: _QUOTE, 58: _COLON, 91: _OPEN, 123: _OPEN, 93: _CLOSE, 125: _CLOSE}.get(byte, 0) for byte in range(256)
)
_STEPS = np.array([0, 0, 0, 1, -1], np.int8)


class Written(NamedTuple):
    """An object as it is written, and how many members that has, repeated ones each time."""

    text: bytes
    members: int


def objects(text: bytes, *, depth: int) -> list[Written]:
    """The outermost object (depth 1), or the objects of an array that holds nothing else (depth 2)."""
    plain = _ESCAPE.sub(b"..", text) if b"\\" in text else text
    kinds = np.frombuffer(plain.translate(_KINDS), np.uint8)
    places = np.flatnonzero(kinds)
    kinds = kinds[places]
    is_outside = (np.cumsum(kinds == _QUOTE, dtype=np.int32) & 1) == 0
    places, kinds = places[is_outside], kinds[is_outside]
    depths = np.cumsum(_STEPS[kinds], dtype=np.int32)
    begins = np.flatnonzero((kinds == _OPEN) & (depths == depth))
    ends = np.flatnonzero((kinds == _CLOSE) & (depths == depth - 1))
    ends = ends[: len(begins)]
    colons = np.flatnonzero((kinds == _COLON) & (depths == depth))
    members = np.searchsorted(colons, ends) - np.searchsorted(colons, begins)
    spans = zip(places[begins].tolist(), (places[ends] + 1).tolist(), members.tolist(), strict=True)
    return [Written(text[begin:end], count) for begin, end, count in spans]


def on_one_line(text: bytes) -> bytes:
    """The text without line ends, which JSON has only between its parts."""
    return text.translate(_LINE_ENDS) if b"\n" in text or b"\r" in text else text
