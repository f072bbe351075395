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
from data_platform.contracts.model import Contract, DatasetName, FileKind, SchemaChange
from data_platform.contracts.odcs import read_contract
from data_platform.contracts.types import ColumnType, TypeKind
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


def test_card_numbers_are_seen_among_integers_and_make_no_key(tmp_path: Path) -> None:
    cards = ("4111111111111111", "5500005555555559", "4012888888881881", "6011111111111117")
    contract, text = drafted(tmp_path, written(tmp_path, "t.csv", "cc\n" + "".join(f"{card}\n" for card in cards)))
    (column,) = contract.columns
    assert (column.type.kind, column.classification) == (TypeKind.INTEGER, "restricted")
    assert (contract.primary_key, column.minimum, column.maximum) == ((), None, None)
    assert "Column 'cc' tells the rows apart, but is no primary key here" in text
    assert not any(card in text for card in cards)


@pytest.mark.parametrize("suffix", ["csv", "ndjson"])
def test_one_card_number_is_enough_for_a_hint_and_times_in_milliseconds_are_none(suffix: str, tmp_path: Path) -> None:
    at = 1_700_000_000_000
    lines = {"csv": f"cc,at\n4111111111111111,{at}\n", "ndjson": f'{{"cc": 4111111111111111, "at": {at}}}\n'}
    contract, _ = drafted(tmp_path, written(tmp_path, f"t.{suffix}", lines[suffix]))
    assert [column.classification for column in contract.columns] == ["restricted", "public"]
    assert contract.primary_key == ("at",)


def test_words_throughout_are_records_where_the_first_line_repeats_one_and_the_draft_says_so(tmp_path: Path) -> None:
    contract, text = drafted(tmp_path, written(tmp_path, "t.csv", "red,red,blue\nblue,red,green\n"))
    assert [column.name for column in contract.columns] == ["column_1", "column_2", "column_3"]
    assert "The first line was taken for a record" in text


def test_a_column_named_like_one_of_the_platform_is_left_out_and_passed_over(tmp_path: Path) -> None:
    contract, text = drafted(tmp_path, written(tmp_path, "t.csv", "_record_no,id\n1,2\n"))
    assert [column.name for column in contract.columns] == ["id"]
    assert "Left out is '_record_no': the platform keeps such names for itself." in text
    assert "passed over when files are read, by platform.schema_change: ignore" in text


def test_a_header_in_brackets_is_no_json_array(tmp_path: Path) -> None:
    contract, _ = drafted(tmp_path, written(tmp_path, "t.csv", "[id],[name]\n1,x\n"))
    assert [column.name for column in contract.columns] == ["[id]", "[name]"]


def test_a_byte_order_mark_hides_no_record(tmp_path: Path) -> None:
    contract, _ = drafted(tmp_path, written(tmp_path, "t.ndjson", '\ufeff{"id":1,"only_here":"x"}\n{"id":2}\n'))
    assert [(c.name, c.required) for c in contract.columns] == [("id", True), ("only_here", False)]


@pytest.mark.parametrize(
    ("member", "told"),
    [
        ('"": 2', "Left out is '': it has no name."),
        ('"ID": 2', "Left out is 'ID': another one's name differs by case at most."),
        ('"_at": 2', "Left out is '_at': the platform keeps such names for itself."),
        ('"o": {}', "Left out is 'o': it holds objects without fields."),
        ('"o": {"": 1, "k": 2}', "Left out is 'o': its field '': it has no name."),
        ('"o": {"k": [1, "x"]}', "Left out is 'o': its field 'k': its items: it holds numbers and text"),
        ('"o": [{"k": 1}, true]', "Left out is 'o': its items: it holds booleans and objects."),
        ('"o": ' + 20 * "[" + 20 * "]", "Left out is 'o': it nests deeper than 16 levels."),
        ('"o": ' + 60 * '{"k": ' + "1" + 60 * "}", "Left out is 'o': it nests deeper than 16 levels."),
        ('"n": 1' + 400 * "0", "Left out is 'n': it holds numbers beyond every number type."),
    ],
)
def test_a_field_that_no_column_holds_is_left_out_with_the_reason(member: str, told: str, tmp_path: Path) -> None:
    source = written(tmp_path, "t.ndjson", f'{{"id": 1, {member}}}\n{{}}\n{{"id": 3, {member}}}\n')
    contract, text = drafted(tmp_path, source)
    assert [(c.name, c.required) for c in contract.columns] == [("id", False)]
    assert told in text
    assert contract.schema_change is SchemaChange.IGNORE
