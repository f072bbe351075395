"""Contracts drafted from files: they pass the lint once an owner is named, read their file whole, and tell no values."""

from __future__ import annotations

import gzip
import json
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

import data_platform_tests
from data_platform.cli.contracts import faults_of
from data_platform.contracts.model import Contract, DatasetName, FileKind
from data_platform.contracts.odcs import read_contract
from data_platform.contracts.types import ColumnType, TypeKind
from data_platform.errors import ConfigurationError
from data_platform.formats.draft_personal import personal_hint
from data_platform.formats.drafting import draft_from_file
from data_platform.formats.reading import open_reader

ROOT = Path(data_platform_tests.__file__).parents[1]
NAME = DatasetName.parse("raw.shop.drafted")
SAMPLES = [sorted((ROOT / "sample_data" / kind).iterdir())[0] for kind in (
    "customers", "orders", "order_lines", "products", "payments", "web_events",
)]  # fmt: skip
TORN = {"FIELD_COUNT", "SYNTAX", "ENCODING", "QUOTING"}
RETAIL = ROOT.parent / "shared" / "data" / "online_retail"


def in_domain(folder: Path, text: str) -> Path:
    """The draft in a domain, with its owner filled in as the draft asks."""
    domain = folder / "domains" / "shop"
    path = domain / "raw" / "drafted.odcs.yaml"
    path.parent.mkdir(parents=True)
    (domain / "domain.yaml").write_text("team: Shop\non_call: '#shop'\ncost_centre: CC-1\n")
    (domain / "connectors.yaml").write_text(
        "connectors:\n  drafted: {kind: file_drop, dataset: raw.shop.drafted, path: drafted/*}\n"
    )
    filled = text.replace("name: ''  # fill in", "name: Shop").replace("members: []  # -", "members:\n  -")
    path.write_text(filled)
    return path


def drafted(folder: Path, source: Path) -> tuple[Contract, str]:
    """The drafted contract, after the lint has passed it and the file has been read with it whole."""
    text = draft_from_file(source, name=NAME)
    path = in_domain(folder, text)
    assert faults_of([folder / "domains"])[1] == []
    contract = read_contract(path).contract
    assert contract is not None
    reading = open_reader(contract).read(source, name=source.name)
    chunks = list(reading)
    reasons = [reason for chunk in chunks for reason in chunk.rejected.column("reason").to_pylist()]
    # The sample has records planted that are torn: no contract could read them, and the draft says how many.
    assert {reason for reason in reasons if reason not in TORN} == set()
    assert bool(reasons) == ("could not be read under any contract" in text)
    assert sum(chunk.records.num_rows for chunk in chunks) + len(reasons) == reading.source_rows > 0
    return contract, text


def written(folder: Path, name: str, text: str) -> Path:
    path = folder / name
    path.write_text(text, encoding="utf-8")
    return path


@pytest.mark.parametrize("source", SAMPLES, ids=lambda path: path.parent.name)
def test_a_sample_file_is_read_whole_by_the_contract_drafted_from_it(source: Path, tmp_path: Path) -> None:
    contract, text = drafted(tmp_path, source)
    for guarded in (c for c in contract.columns if c.is_sensitive):
        assert guarded.enum == ()
    assert "@" not in text.split("schema:")[1]


@pytest.mark.parametrize("number", [0, 1, -1])
def test_a_real_retail_file_is_read_whole_by_the_contract_drafted_from_it(number: int, tmp_path: Path) -> None:
    if not RETAIL.is_dir():
        pytest.skip("the retail files are not beside the project (shared/data/online_retail)")
    drafted(tmp_path, sorted(RETAIL.glob("*.csv"))[number])


def test_types_are_the_narrowest_that_read_every_value(tmp_path: Path) -> None:
    rows = "\n".join(
        f"{i},{i}.50,2026-01-0{i % 9 + 1},2026-01-01 10:00:0{i % 10},true,1e{i % 9},0{i}" for i in range(50)
    )
    source = written(tmp_path, "t.csv", f"n,d,day,at,flag,big,code\n{rows}\n")
    contract, _ = drafted(tmp_path, source)
    kinds = {column.name: column.type for column in contract.columns}
    assert kinds == {
        "n": ColumnType(kind=TypeKind.INTEGER),
        "d": ColumnType(kind=TypeKind.DECIMAL, precision=18, scale=2),
        "day": ColumnType(kind=TypeKind.DATE),
        "at": ColumnType(kind=TypeKind.TIMESTAMP, timezone="UTC"),
        "flag": ColumnType(kind=TypeKind.BOOLEAN),
        "big": ColumnType(kind=TypeKind.DOUBLE),
        "code": ColumnType(kind=TypeKind.STRING),
    }
    assert contract.primary_key == ("code",)


def test_a_late_value_of_another_form_widens_the_type(tmp_path: Path) -> None:
    source = written(tmp_path, "t.csv", "n\n" + "1\n" * 5000 + "x\n")
    assert drafted(tmp_path, source)[0].column("n").type.kind is TypeKind.STRING


@pytest.mark.parametrize(
    ("delimiter", "encoding", "compress"),
    [(";", "utf-8", False), ("\t", "latin-1", False), ("|", "utf-8", True)],
)
def test_the_way_of_writing_is_recognised(delimiter: str, encoding: str, compress: bool, tmp_path: Path) -> None:
    text = delimiter.join(["id", "name"]) + "\n" + "".join(f"{i}{delimiter}Müller {i}\n" for i in range(30))
    content = text.encode(encoding)
    source = tmp_path / "t.csv"
    source.write_bytes(gzip.compress(content) if compress else content)
    form = drafted(tmp_path, source)[0].format
    assert form is not None
    assert (form.delimiter, form.encoding, form.compression) == (delimiter, encoding, "gzip" if compress else None)


def test_a_file_without_header_gets_made_up_names(tmp_path: Path) -> None:
    source = written(tmp_path, "t.csv", "".join(f"{i},x\n" for i in range(30)))
    contract, _ = drafted(tmp_path, source)
    assert contract.format is not None
    assert not contract.format.header
    assert [column.name for column in contract.columns] == ["column_1", "column_2"]


def test_lines_of_json_give_nested_types_and_presence(tmp_path: Path) -> None:
    records = [
        {"id": i, "price": 1.25, "at": "2026-01-01T00:00:00Z", "place": {"city": "B", "zip": None}, "tags": ["a"]}
        | ({"note": "x"} if i % 2 else {})
        for i in range(40)
    ]
    contract, _ = drafted(tmp_path, written(tmp_path, "t.ndjson", "".join(json.dumps(r) + "\n" for r in records)))
    assert contract.format is not None
    assert contract.format.kind is FileKind.NDJSON
    assert [c.type.kind for c in contract.columns] == [
        TypeKind.INTEGER, TypeKind.DECIMAL, TypeKind.TIMESTAMP, TypeKind.OBJECT, TypeKind.ARRAY, TypeKind.STRING,
    ]  # fmt: skip
    assert [column.required for column in contract.columns] == [True, True, True, True, True, False]


def test_parquet_columns_that_nothing_holds_are_left_out_and_named(tmp_path: Path) -> None:
    table = pa.table({"id": pa.array([1, 2, 3], pa.int16()), "blob": pa.array([b"a", b"b", b"c"])})
    pq.write_table(table, tmp_path / "t.parquet")
    contract, text = drafted(tmp_path, tmp_path / "t.parquet")
    assert [column.name for column in contract.columns] == ["id"]
    assert "'blob'" in text


def test_lists_are_only_drafted_where_words_are_few_and_no_person_shows(tmp_path: Path) -> None:
    rows = "".join(f"{i},{'red' if i % 2 else 'blue'},{'Ann' if i % 3 else 'Bob'},w{i}\n" for i in range(200))
    contract, text = drafted(tmp_path, written(tmp_path, "t.csv", f"id,colour,first_name,word\n{rows}"))
    by_name = {column.name: column for column in contract.columns}
    assert by_name["colour"].enum == ("blue", "red")
    assert by_name["first_name"].enum == ()
    assert by_name["first_name"].classification == "confidential"
    assert by_name["word"].enum == ()
    assert "Ann" not in text
    assert "w1" not in text


def test_ranges_tell_an_order_of_magnitude_and_no_value(tmp_path: Path) -> None:
    rows = "".join(f"{i * 37},{i - 5}\n" for i in range(60))
    contract, text = drafted(tmp_path, written(tmp_path, "t.csv", f"pieces,change\n{rows}"))
    pieces, change = contract.columns
    assert (pieces.minimum, pieces.maximum) == (0, 100_000)
    assert change.minimum is None
    assert "2183" not in text


@pytest.mark.parametrize(
    ("name", "sample", "classification"),
    [
        ("contact", ["ann@example.com", "bob@example.org", "zoe@example.net"], "confidential"),
        ("contact", ["+493065917100", "+442079460958", "+14155552671"], "confidential"),
        ("ref", ["DE89370400440532013000", "GB82WEST12345698765432", "FR1420041010050500013M02606"], "restricted"),
        ("ref", ["4111111111111111", "5500005555555559", "340000000000009"], "restricted"),
        ("origin", ["10.0.0.1", "::1", "192.168.0.1"], "confidential"),
        ("CustomerID", [], "internal"),
        ("dateOfBirth", [], "confidential"),
        ("colour", ["red", "blue", "green"], None),
        ("sku", ["P00001", "P00002", "P00003"], None),
        ("shipment", ["1", "2", "3"], None),
    ],
)
def test_personal_data_is_hinted_at_by_name_and_by_values(
    name: str, sample: list[str], classification: str | None
) -> None:
    hint = personal_hint(name, sample)
    assert (hint.classification if hint else None) == classification


def test_an_empty_file_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="is empty"):
        draft_from_file(written(tmp_path, "t.csv", ""), name=NAME)
