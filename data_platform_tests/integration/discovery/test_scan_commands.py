from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from data_platform.cli.main import run
from data_platform_tests.integration.discovery.estate import Estate

ORDERS = "curated.shop.orders"
Type = Callable[..., tuple[int, str, str]]


@pytest.fixture
def typed(estate: Estate, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Type:
    monkeypatch.chdir(estate.kit.folder)
    monkeypatch.setenv("DATA_PLATFORM_HOME", str(estate.kit.platform.settings.home))
    monkeypatch.setenv("DATA_PLATFORM_DOMAINS", str(estate.kit.folder / "domains"))
    monkeypatch.setenv("DATA_PLATFORM_SOURCE", str(estate.kit.folder / "source"))

    def type_(*words: str) -> tuple[int, str, str]:
        capsys.readouterr()
        code = run(["catalog", *words])
        captured = capsys.readouterr()
        return code, captured.out, captured.err

    return type_


def document(typed: Type, *words: str) -> Any:
    return json.loads(typed(*words, "--json")[1])


def test_a_healthy_store_ends_with_0_and_says_how_much_is_covered(estate: Estate, typed: Type) -> None:
    assert "nobody has looked what is in the store" in typed("coverage")[2]
    code, _, said = typed("scan")
    assert code == 0
    assert "6 tables in the store" in said
    assert "6 with a contract (100.0%); 0 to settle" in said
    assert "6 with a contract (100.0%)" in typed("coverage")[2]
    assert document(typed, "coverage")["tables"]["ratio"] == 1.0
    assert "data_platform_catalog_coverage_ratio 1.0" in estate.kit.platform.metrics.text()
    assert document(typed, "findings")["findings"] == []
    assert len(document(typed, "findings", "--all")["findings"]) == 8


def test_an_unmanaged_table_is_found_shown_rejected_and_moved(estate: Estate, typed: Type) -> None:
    estate.write("tables/curated/shop/extract", {"id": [1], "amount": [2.5]})
    code, out, said = typed("scan")
    assert code == 1
    assert "curated.shop.extract" in out
    assert "no contract" in out
    assert "1 to settle" in said
    assert "unmanaged" in typed("show", "curated.shop.extract")[1]
    assert "no contract" in typed("show", "curated.shop.extract")[1]
    numbers = estate.kit.platform.metrics.text()
    assert f"data_platform_catalog_coverage_ratio {6 / 7}" in numbers
    assert 'data_platform_catalog_findings{decision="none",standing="unmanaged"} 1.0' in numbers
    code, out, said = typed("reject", "curated.shop.extract", "--reason", "an old export")
    assert code == 1
    assert "say --yes" in said
    assert Path(estate.folder("tables/curated/shop/extract")).is_dir()
    assert typed("scan")[0] == 1  # noted, but it is still there
    assert document(typed, "findings")["findings"][0]["decision"] == "rejected"
    assert typed("reject", "curated.shop.extract", "--reason", "an old export", "--yes")[0] == 0
    assert not Path(estate.folder("tables/curated/shop/extract")).exists()
    assert list(Path(estate.folder("_rejected")).rglob("*.parquet"))
    assert typed("scan")[0] == 0


def test_an_unmanaged_table_is_adopted_by_a_draft_that_leaves_the_project_whole(estate: Estate, typed: Type) -> None:
    estate.write("tables/curated/shop/extract", {"id": [1, 2], "amount": [2.5, 3.5]})
    estate.write("exports/sales", {"id": [1], "year": [2026]}, partition_by=["year"])
    typed("scan")
    code, _, said = typed("adopt", "curated.shop.extract")
    assert code == 0
    draft = estate.kit.folder / "domains/shop/drafts/curated.extract.odcs.yaml"
    assert "name: amount" in draft.read_text()
    assert "contracts lint" in said
    assert typed("scan")[0] == 1  # the project is read as before
    assert typed("adopt", "curated.shop.extract")[0] == 2  # a draft is never replaced
    assert "name with --dataset what it shall be" in typed("adopt", "exports/sales")[2]
    assert typed("adopt", "exports/sales", "--dataset", "raw.shop.sales")[0] == 0
    assert "name: id" in (estate.kit.folder / "domains/shop/drafts/raw.sales.odcs.yaml").read_text()
    assert typed("adopt", ORDERS)[0] == 2


def test_a_drifted_table_is_compared_with_its_contract_and_taken_back(
    estate: Estate, typed: Type, capsys: pytest.CaptureFixture[str]
) -> None:
    estate.add_order(discount=[1])
    assert typed("scan")[0] == 1
    code, _, said = typed("adopt", ORDERS)
    assert code == 0
    contract = estate.kit.folder / "domains/shop/curated/orders.odcs.yaml"
    draft = estate.kit.folder / "domains/shop/drafts/curated.orders.odcs.yaml"
    assert f"contracts diff {contract} {draft}" in said
    assert "discount" in draft.read_text()
    owned = draft.read_text().replace("name: ''", "name: Shop", 1)
    draft.write_text(owned.replace("members: []", "members: [{username: ann@example.com, role: owner}]", 1))
    capsys.readouterr()
    assert run(["contracts", "diff", str(contract), str(draft)]) in (0, 1)
    assert "discount" in capsys.readouterr().out
    code, out, _ = typed("reject", ORDERS, "--reason", "nobody asked for it")
    assert code == 1
    assert "take curated.shop.orders back to version 1" in out
    assert estate.kit.table("curated.orders").version() == 2
    assert typed("reject", ORDERS, "--reason", "nobody asked for it", "--yes")[0] == 0
    assert estate.kit.table("curated.orders").version() == 1
    assert [row["order_id"] for row in estate.kit.rows("curated.orders")] == ["A1", "A2"]
    assert list(Path(estate.folder("tables/curated/shop/orders/_damaged")).iterdir())  # kept, not deleted
    assert typed("scan")[0] == 0


@pytest.mark.parametrize(
    ("table", "column"),
    [("raw.shop.orders", "order_id"), ("rejected.shop.orders", "reason"), ("held.shop.orders", "rule")],
)
def test_raw_and_the_tables_beside_are_taken_back_too(estate: Estate, typed: Type, table: str, column: str) -> None:
    place = f"tables/{table.replace('.', '/')}"
    before = sorted(path.name for path in Path(estate.folder(place), "_delta_log").glob("*.json"))
    estate.write(place, {column: ["X"]}, mode="append", schema_mode="merge")
    assert typed("scan")[0] == 1
    assert document(typed, "findings")["findings"][0]["name"] == table
    assert typed("reject", table, "--reason", "not ours", "--yes")[0] == 0
    assert sorted(path.name for path in Path(estate.folder(place), "_delta_log").glob("*.json")) == before
    assert typed("scan")[0] == 0


def test_a_drifted_table_is_accepted_with_a_reason(estate: Estate, typed: Type) -> None:
    estate.add_order()
    typed("scan")
    assert typed("accept", ORDERS, "--reason", " ")[0] == 2
    code, _, said = typed("accept", ORDERS, "--reason", "the migration of last week")
    assert code == 0
    assert "1 version that others wrote are acknowledged" in said
    assert typed("scan")[0] == 0
    (line,) = [one for one in document(typed, "findings", "--all")["findings"] if one["name"] == ORDERS]
    assert (line["decision"], line["reason"]) == ("accepted", "the migration of last week")


def test_an_altered_served_file_is_built_again_and_the_old_one_kept(estate: Estate, typed: Type) -> None:
    estate.served("ALTER TABLE shop.revenue ADD COLUMN guess INTEGER", "CREATE VIEW shop.mine AS SELECT 1 AS x")
    assert typed("scan")[0] == 1
    assert typed("adopt", "warehouse.shop.mine")[0] == 0
    assert typed("reject", "warehouse.shop.revenue", "--reason", "not ours", "--yes")[0] == 0
    assert len(list(estate.file.parent.glob("served.rejected-*.duckdb"))) == 1
    assert typed("scan")[0] == 0


def test_a_vanished_table_is_made_again(estate: Estate, typed: Type) -> None:
    typed("scan")
    away = estate.kit.folder / "away"
    Path(estate.folder("tables/served/shop/totals")).rename(away)
    assert typed("scan")[0] == 1
    assert typed("adopt", "served.shop.totals")[0] == 2
    assert typed("reject", "served.shop.totals", "--reason", "it is needed", "--yes")[0] == 0
    assert [row["orders"] for row in estate.kit.rows("served.totals")] == [2]
    assert typed("scan")[0] == 0
