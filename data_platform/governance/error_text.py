"""What may be kept and passed on of an error's text: an engine's message about a value quotes the value."""

from __future__ import annotations

import re

from data_platform.errors import PlatformError

_ABOUT_THE_QUERY = ("BinderException", "CatalogException", "IOException", "OutOfMemoryException", "ParserException")
_OF_COLUMN = re.compile(r"when casting from source column (\w+)$")


def said(error: BaseException) -> str:
    """The first line of an error where it cannot quote data; of DuckDB's only what is about the SELECT."""
    line = next(iter(str(error).splitlines()), "")
    if quotes_no_data(error):
        return line
    column = _OF_COLUMN.search(line)
    return f"{f'a value of column {column[1]}; ' if column else ''}its text may hold data and is not kept"


def told(error: BaseException) -> str:
    """An error as people and orchestrators are told of it: one of the platform's whole, any other with its class."""
    return str(error) if isinstance(error, PlatformError) else f"{type(error).__name__}: {said(error)}"


def quotes_no_data(error: BaseException) -> bool:
    """Whether an error's text is about files, modules or the SELECT, never about a value that was read."""
    is_of_machine = type(error).__module__ == "builtins" and isinstance(error, OSError | ImportError)
    return isinstance(error, PlatformError) or type(error).__name__ in _ABOUT_THE_QUERY or is_of_machine
