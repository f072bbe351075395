"""Keys of objects: which are allowed, and how odd names are spelled in them."""

from __future__ import annotations

import re

from data_platform.errors import ConfigurationError

_UNSAFE = re.compile(rb"[^A-Za-z0-9._-]")


def check_key(key: str) -> str:
    """Returns the key.

    Raises:
        ConfigurationError: a part of the key is empty, `.` or `..`, or holds a backslash or a control character.
    """
    parts = key.split("/")
    if any(part in ("", ".", "..") for part in parts) or any(char == "\\" or ord(char) < 32 for char in key):
        raise ConfigurationError(f"object key {key!r}: use relative, /-separated names; quote odd ones with key_part()")
    return key


def key_part(name: str) -> str:
    """`name` as one part of a key: everything but letters, digits, `.`, `_` and `-` is percent-encoded, reversibly."""
    raw = name.encode("utf-8", "surrogateescape")
    escaped = _UNSAFE.sub(lambda match: b"%%%02X" % match[0][0], raw).decode("ascii")
    return escaped.replace(".", "%2E") if set(escaped) <= {"."} else escaped
