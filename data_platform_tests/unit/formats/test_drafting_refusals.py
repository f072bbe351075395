"""Sources that no contract can be drafted from, and lines that none can read: each told with what to do."""

from __future__ import annotations

import re
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import yaml

from data_platform.contracts.model import DatasetName
from data_platform.errors import ConfigurationError
from data_platform.formats.drafting import draft_from_file

NAME = DatasetName.parse("raw.shop.drafted")


def written(folder: Path, name: str, text: str) -> Path:
    path = folder / name
    path.write_text(text, encoding="utf-8")
    return path


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("", "is empty: name a file with data"),
        ("\n \n", "is empty: name a file with data"),
        ("id,name\n", "has no records, so no type can be told: name a file with data"),
    ],
    ids=["nothing", "blank", "header"],
)
def test_a_file_without_data_is_refused(text: str, told: str, tmp_path: Path) -> None:
    source = written(tmp_path, "t.csv", text)
    with pytest.raises(ConfigurationError, match=re.escape(f"{source} {told}")):
        draft_from_file(source, name=NAME)


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("id,id,Name\n1,2,x\n", "'id' for the fields 1, 2"),
        ("id,ID\n1,2\n", "'id' and 'ID' for the fields 1, 2"),
        ("id,,x\n1,2,3\n", "no name in field 2"),
        (",id,name,\n0,1,x,\n", "no name in field 1, 4"),
        ("id,id\n", "'id' for the fields 1, 2"),
    ],
)
def test_a_header_that_does_not_tell_columns_apart_is_named(text: str, told: str, tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match=f"{told}. Have the source give every column its own name"):
        draft_from_file(written(tmp_path, "t.csv", text), name=NAME)


@pytest.mark.parametrize(
    "text", ['[{"id":1},{"id":2}]', '[\n {"id":1},\n {"id":2}\n]\n', "[]", "[1, 2]\n", "[[1],[2]]"]
)
def test_a_json_array_is_recognised_and_what_to_do_is_said(text: str, tmp_path: Path) -> None:
    with pytest.raises(
        ConfigurationError, match=r"is a JSON array.* one JSON object a line\. .*jq -c .* > arr\.ndjson"
    ):
        draft_from_file(written(tmp_path, "arr.json", text), name=NAME)


def test_lines_that_the_reader_rejects_are_counted_and_shape_no_column(tmp_path: Path) -> None:
    text = '{"id": 1}\n[2]\n{"id": 3, "id": "x"}\n{"id": NaN}\n{"id": 4}\n'
    text = draft_from_file(written(tmp_path, "t.ndjson", text), name=NAME)
    assert "could not be read under any contract, and will be rejected: DUPLICATE_COLUMN 1, SYNTAX 2." in text
    (column,) = yaml.safe_load(text)["schema"][0]["properties"]
    assert (column["name"], column["logicalType"], column["required"]) == ("id", "integer", True)


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("{}\n{}\n", "no column can be drafted from what is there; it has no fields"),
        ('{"": 1}\n', "'': it has no name"),
        (
            '{"id":1,"v":1}\n{"id":"x","v":{"k":1}}\n{"id":null,"v":[1]}\n',
            "'id': it holds numbers and text (coerce: true in platform.format would read both as text)\n"
            "    'v': it holds arrays and numbers and objects",
        ),
        ('{\n "id": 1\n}\n', "none of its 3 lines is a JSON object, and each would be rejected"),
    ],
)
def test_lines_of_json_that_leave_no_column_are_refused(text: str, told: str, tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match=re.escape(told)):
        draft_from_file(written(tmp_path, "t.ndjson", text), name=NAME)


def test_a_parquet_file_with_a_doubled_name_is_refused_as_its_reader_would(tmp_path: Path) -> None:
    table = pa.Table.from_arrays([pa.array([1]), pa.array([2])], names=["id", "id"])
    pq.write_table(table, tmp_path / "t.parquet")
    with pytest.raises(ConfigurationError, match="more than one column of a name: 'id'"):
        draft_from_file(tmp_path / "t.parquet", name=NAME)


def test_a_parquet_file_that_is_not_whole_is_named(tmp_path: Path) -> None:
    pq.write_table(pa.table({"id": [1, 2]}), tmp_path / "t.parquet")
    whole = (tmp_path / "t.parquet").read_bytes()
    (tmp_path / "t.parquet").write_bytes(whole[:-1])
    with pytest.raises(ConfigurationError, match=r"t\.parquet cannot be read as Parquet: .* not a whole Parquet file"):
        draft_from_file(tmp_path / "t.parquet", name=NAME)


def test_a_parquet_file_with_a_damaged_page_is_named(tmp_path: Path) -> None:
    source = tmp_path / "t.parquet"
    pq.write_table(pa.table({"id": list(range(50))}), source, compression="none", use_dictionary=False)
    content = bytearray(source.read_bytes())
    content[4:20] = b"\xff" * 16  # the header of the first page
    source.write_bytes(content)
    with pytest.raises(ConfigurationError, match=r"t\.parquet cannot be read: .*Have it written anew"):
        draft_from_file(source, name=NAME)
