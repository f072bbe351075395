from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from data_platform.catalog.intake import Intake
from data_platform.cli.main import run
from data_platform.clock import SystemClock
from data_platform.metastore.engine import open_metastore
from data_platform_tests.unit.catalog.estate import shop
from data_platform_tests.unit.catalog.sending import dataset, dataset_event, run_event, schema, texts


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("DATA_PLATFORM_HOME", str(tmp_path))
    metastore = open_metastore(f"sqlite:///{tmp_path / 'metastore.db'}")
    metastore.migrate()
    Intake(store=metastore.catalog, clock=SystemClock()).take(shop())
    metastore.close()
    return tmp_path


def said(capsys: pytest.CaptureFixture[str], *line: str) -> tuple[int, str]:
    code = run(["catalog", *line])
    return code, capsys.readouterr().out


def document(capsys: pytest.CaptureFixture[str], *line: str) -> Any:
    return json.loads(said(capsys, *line, "--json")[1])


def test_search_finds_a_dataset_by_a_word_of_a_column_s_description(capsys: pytest.CaptureFixture[str]) -> None:
    code, text = said(capsys, "search", "customers", "paid")
    assert code == 0
    assert "served.shop.revenue" in text
    assert said(capsys, "search", "walrus")[0] == 1
    assert document(capsys, "search", "revenue")["hits"][0]["dataset"]["name"] == "served.shop.revenue"


def test_show_tells_meaning_owner_and_where_columns_come_from(capsys: pytest.CaptureFixture[str]) -> None:
    code, text = said(capsys, "show", "served.shop.revenue")
    assert code == 0
    for word in ("Revenue of the shop by day", "team-finance", "curated.shop.orders.amount", "succeeded"):
        assert word in text
    assert document(capsys, "show", "served.shop.revenue")["columns"][1]["name"] == "revenue"


def test_lineage_goes_up_or_down_or_both_ways(capsys: pytest.CaptureFixture[str]) -> None:
    up = document(capsys, "lineage", "curated.shop.orders", "--up")
    assert {node["dataset"]: node["step"] for node in up["nodes"]} == {
        "curated.shop.orders": 0, "raw.shop.orders": -1, "kafka://host:9092/orders": -2,
    }  # fmt: skip
    assert "served.shop.revenue" in said(capsys, "lineage", "curated.shop.orders", "--depth", "1")[1]
    column = document(capsys, "lineage", "served.shop.revenue.revenue", "--up")
    assert {(node["dataset"], node["column"]) for node in column["nodes"]} >= {("raw.shop.orders", "amount")}
    assert "filter" in said(capsys, "lineage", "served.shop.revenue.revenue", "--up")[1]


def test_impact_lists_who_is_hit_and_whom_to_ask(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["catalog", "impact", "raw.shop.orders.amount"]) == 0
    captured = capsys.readouterr()
    assert "raw.shop.orders → curated.shop.orders → served.shop.revenue" in captured.out
    assert "ask team-finance, team-shop" in captured.err
    assert len(document(capsys, "impact", "raw.shop.orders")["hits"]) == 3


def test_history_and_coverage_are_told(capsys: pytest.CaptureFixture[str]) -> None:
    code, text = said(capsys, "history", "curated.shop.orders")
    assert code == 0
    assert "2.1.0" in text
    assert said(capsys, "coverage")[0] == 0
    assert document(capsys, "coverage")["columns"][0]["ratio"] == 1.0


def test_refused_texts_are_listed_with_what_is_wrong_and_where(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["catalog", "refused"]) == 0
    assert "nothing was refused" in capsys.readouterr().err
    metastore = open_metastore(f"sqlite:///{home / 'metastore.db'}")
    bad = json.dumps({"eventTime": "yesterday", "producer": "a:b"})
    Intake(store=metastore.catalog, clock=SystemClock()).take([bad, "no event", bad])
    metastore.close()
    code, text = said(capsys, "refused")
    assert code == 0
    for word in ("NOT_DATE_TIME", "/eventTime", "NOT_JSON", "no event"):
        assert word in text
    kept = document(capsys, "refused")
    assert [(one["error"], one["times"]) for one in kept] == [("NOT_JSON", 1), ("NOT_DATE_TIME", 2)]
    assert kept[1]["payload"] == bad
    assert len(document(capsys, "refused", "--limit", "1")) == 1


def test_a_name_that_is_not_there_is_told_with_what_comes_near(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["catalog", "show", "served.shop.revenu"]) == 2
    assert "did you mean served.shop.revenue?" in capsys.readouterr().err
    assert run(["trace", "nothing"]) == 2
    assert "nothing has the id 'nothing'" in capsys.readouterr().err


def test_trace_leads_from_a_run_of_another_tool_to_what_it_wrote(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["trace", "00000000-0000-0000-0000-000000000004"]) == 0
    captured = capsys.readouterr()
    assert "spark/export succeeded: wrote s3://lake/bucket/revenue.csv" in captured.err
    assert "COMPLETE" in captured.out


def take(home: Path, *events: dict[str, Any]) -> None:
    metastore = open_metastore(f"sqlite:///{home / 'metastore.db'}")
    Intake(store=metastore.catalog, clock=SystemClock()).take(texts(*events))
    metastore.close()


def test_what_the_catalog_does_not_know_is_said_and_not_counted_as_good(
    home: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    names = (f"column_{number}" for number in range(10_002))
    take(
        home,
        run_event(run=70, outputs=[dataset("served.dark.one")]),
        dataset_event(dataset("wide", schema=schema(*names))),
    )
    assert run(["catalog", "coverage"]) == 1
    captured = capsys.readouterr()
    assert "nothing to trace" in captured.out
    assert "no columns are known: served.dark.one" in captured.err
    dark = document(capsys, "coverage")["columns"][0]
    assert (dark["ratio"], dark["undescribed"]) == (None, ["served.dark.one"])
    assert run(["catalog", "show", "wide"]) == 0
    assert "2 more columns" in capsys.readouterr().err
    assert document(capsys, "show", "wide")["columns_left_out"] == 2


def test_a_version_of_too_many_digits_is_not_there(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["trace", "raw.shop.orders@" + "9" * 23]) == 2
    assert "nothing has the id" in capsys.readouterr().err
