"""What may be kept and passed on of an error's text: an engine's message about a value quotes the value."""

from __future__ import annotations

import re

from data_platform.errors import PlatformError

_ABOUT_THE_QUERY = ("BinderException", "CatalogException", "IOException", "OutOfMemoryException", "ParserException")
_OF_COLUMN = re.compile(r"when casting from source column (\w+)$")


def said(error: BaseException) -> str:
    """The first line of an error where it cannot quote data; of DuckDB's only what is about the SELECT."""
    line = next(iter(str(error).splitlines()), "")
    if isinstance(error, PlatformError) or type(error).__name__ in _ABOUT_THE_QUERY:
        return line
    column = _OF_COLUMN.search(line)
    return f"{f'a value of column {column[1]}; ' if column else ''}its text may hold data and is not kept"
