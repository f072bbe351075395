"""Parquet files to draft from: each whole, and all of one schema. What the columns become is in `drafting`."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from pathlib import Path

import pyarrow as pa

from data_platform.contracts.types import quote_text
from data_platform.errors import ConfigurationError
from data_platform.formats.draft_types import type_of_arrow
from data_platform.formats.parquet import check_magic
from data_platform.formats.parquet_batches import open_parquet
from data_platform.formats.rejected import FileRejected


def parquet_relation(files: Sequence[Path]) -> str:
    """SQL of the relation that the files are together; it can stand in a FROM clause.

    Raises:
        ConfigurationError: a file is not whole, or two differ in their columns.
    """
    first, *others = files
    schema = schema_of(first)
    for other in others:
        if differences := _differences(schema, schema_of(other)):
            raise ConfigurationError(
                f"{first} and {other} are not of one table: {'; '.join(differences)}. "
                "Name one file, or a folder whose files have the same columns"
            )
    # By name and not by the first file: that one may be the one without the type of a column.
    return f"read_parquet([{', '.join(quote_text(str(file)) for file in files)}], union_by_name = true)"


def schema_of(path: Path) -> pa.Schema:
    """The columns of one file.

    Raises:
        ConfigurationError: the file is not whole, or has two columns of one name.
    """
    try:
        with path.open("rb") as stream:
            check_magic(stream)
            schema = open_parquet(stream).schema_arrow
    except (OSError, ValueError, pa.ArrowException, FileRejected) as error:
        raise ConfigurationError(
            f"{path} cannot be read as Parquet: {error}. Have it written whole, or move it away, then run again"
        ) from error
    if doubled := sorted(name for name, count in Counter(schema.names).items() if count > 1):
        raise ConfigurationError(
            f"{path} has more than one column of a name: {', '.join(map(repr, doubled))}. Such a file is refused under "
            "any contract: have the source give each column its own name"
        )
    return schema


def _differences(one: pa.Schema, other: pa.Schema) -> list[str]:
    """How two files differ; a column that is NULL throughout may have lost its type in one of them."""
    found = [f"{name!r} is in one only" for name in sorted({*one.names} ^ {*other.names})]
    for name in one.names:
        pair = [schema.field(name).type for schema in (one, other) if name in schema.names]
        if len(pair) == 2 and not any(map(pa.types.is_null, pair)) and len({*map(type_of_arrow, pair)}) > 1:
            found.append(f"{name!r} is {pair[0]} in the first and {pair[1]} in the other")
    return found
