"""How queries name a dataset, and which columns it shows: the contract's, and for raw datasets the platform's own."""

from __future__ import annotations

from data_platform.contracts.model import Contract, DatasetName, Layer
from data_platform.contracts.types import quote_identifier

SYSTEM_COLUMNS = {
    "_batch_id": "VARCHAR",
    "_record_no": "BIGINT",
    "_ingested_at": "TIMESTAMP WITH TIME ZONE",
    "_late": "BOOLEAN",
    "_event_date": "DATE",
}


def duckdb_columns(contract: Contract) -> dict[str, str]:
    """Column names to DuckDB types, in table order."""
    columns = {column.name: column.type.duckdb() for column in contract.columns}
    if contract.name.layer is Layer.RAW:
        columns |= SYSTEM_COLUMNS
    return columns


def qualified(name: DatasetName) -> str:
    """The dataset's name as quoted SQL."""
    return f"{name.layer}.{quote_identifier(name.domain)}.{quote_identifier(name.name)}"
