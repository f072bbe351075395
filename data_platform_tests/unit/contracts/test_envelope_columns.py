"""Columns that an envelope gives need names and types that the envelope has."""

from __future__ import annotations

from pathlib import Path

import pytest

from data_platform.contracts.envelope_columns import envelope_columns
from data_platform.contracts.model import Envelope
from data_platform.contracts.odcs import ReadResult, read_contract
from data_platform_tests.unit.contracts.shop_project import copy_of_shop, exchange

NAME = "      - {name: name, logicalType: string}\n"
FORMAT_LINE = 15
COLUMN_LINE = 14


def changed(tmp_path: Path, envelope: str, *columns: str) -> ReadResult:
    """raw/customers in an envelope, with more columns from line COLUMN_LINE on."""
    path = copy_of_shop(tmp_path) / "raw/customers.odcs.yaml"
    exchange(path, "coerce: true", f"envelope: {envelope}")
    exchange(path, NAME, NAME + "".join(f"      - {{{column}}}\n" for column in columns))
    return read_contract(path)


@pytest.mark.parametrize(
    ("envelope", "columns"),
    [
        (
            "debezium",
            (
                "name: cdc_op, logicalType: string, required: true",
                "name: cdc_ts, logicalType: timestamp",
                "name: cdc_sequence, logicalType: string",
                "name: cdc_tx, logicalType: string",
                "name: cdc_lsn, logicalType: integer",
                "name: ce_id, logicalType: boolean",
            ),
        ),
        (
            "cloudevents",
            (
                "name: ce_id, logicalType: string",
                "name: ce_time, logicalType: timestamp",
                "name: ce_partitionkey, logicalType: string",
                "name: ce_attempt, logicalType: integer",
                "name: ce_sampled, logicalType: boolean",
                "name: cdc_op, logicalType: integer",
            ),
        ),
    ],
)
def test_columns_that_fit_are_read(envelope: str, columns: tuple[str, ...], tmp_path: Path) -> None:
    result = changed(tmp_path, envelope, *columns)
    assert result.contract is not None, result.faults
    assert result.contract.format is not None
    assert result.contract.format.envelope is Envelope(envelope)
    assert len(envelope_columns(result.contract)) == len(columns) - 1


@pytest.mark.parametrize(
    ("envelope", "column", "says"),
    [
        ("debezium", "name: cdc_op, logicalType: integer", "column 'cdc_op' is an integer"),
        ("debezium", "name: cdc_ts, logicalType: date", "column 'cdc_ts' is a date"),
        ("debezium", "name: cdc_lsn, logicalType: string", "column 'cdc_lsn' is a string"),
        (
            "debezium",
            "name: cdc_lsn, logicalType: integer, logicalTypeOptions: {format: i32}",
            "column 'cdc_lsn' is an integer(i32)",
        ),
        ("debezium", "name: cdc_sequnce, logicalType: string", "a Debezium envelope has no 'cdc_sequnce'"),
        (
            "debezium",
            "name: cdc_tx, logicalType: string, customProperties: [{property: platform.aliases, value: [tx]}]",
            "column 'cdc_tx' comes from the envelope",
        ),
        ("cloudevents", "name: ce_time, logicalType: string", "column 'ce_time' is a string"),
        ("cloudevents", "name: ce_id, logicalType: integer", "column 'ce_id' is an integer"),
        ("cloudevents", "name: ce_my_key, logicalType: string", "'ce_my_key' can be no attribute"),
        ("cloudevents", "name: ce_weight, logicalType: number, physicalType: double", "column 'ce_weight' is a double"),
    ],
)
def test_a_column_that_its_envelope_does_not_give_is_a_fault(
    envelope: str, column: str, says: str, tmp_path: Path
) -> None:
    more = () if "name: cdc_op" in column else ("name: cdc_op, logicalType: string",)
    result = changed(tmp_path, envelope, column, *more)
    assert result.contract is None
    assert [fault.line for fault in result.faults if says in fault.message] == [COLUMN_LINE], result.faults
    assert all(fault.fix for fault in result.faults)


def test_changes_without_their_operation_are_a_fault(tmp_path: Path) -> None:
    result = changed(tmp_path, "debezium", "name: cdc_ts, logicalType: timestamp")
    assert [(fault.line, fault.fix) for fault in result.faults] == [(FORMAT_LINE + 1, "add column cdc_op (string)")]
