"""JSON values as one text each: keys in order, no spaces. Equal values are equal texts."""

from __future__ import annotations

import hashlib
import json

import orjson


def canonical(value: object) -> str:
    """The text of a value."""
    try:
        return orjson.dumps(value, option=orjson.OPT_SORT_KEYS).decode()
    except TypeError:  # whole numbers beyond 64 bits, lone surrogates
        return json.dumps(value, sort_keys=True, separators=(",", ":"))


def digest(text: str) -> str:
    """32 hexadecimal digits of sha256."""
    return hashlib.sha256(text.encode()).hexdigest()[:32]
