from __future__ import annotations

import json
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path

import pytest

from data_platform.cli.main import run
from data_platform_tests.integration.costs.test_costs_of_runs import deliver, orders
from data_platform_tests.kit import Kit


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    kit = Kit(tmp_path)
    orders(kit, cost_tags={"product": "shop"})
    deliver(kit, 100)
    monkeypatch.chdir(tmp_path)
    for name, path in {"HOME": "home", "DOMAINS": "domains", "SOURCE": "source"}.items():
        monkeypatch.setenv(f"DATA_PLATFORM_{name}", str(tmp_path / path))
    (tmp_path / "domains" / "shop" / "domain.yaml").write_text(
        "team: Shop\non_call: '#shop'\ncost_centre: CC-1\nbudget: {amount: 50, currency: EUR, period: month}\n"
    )
    assert run(["ingest", "run", "orders"]) == 0
    yield tmp_path
    kit.close()


def test_costs_are_shown_metered_and_charged(project: Path, capsys: pytest.CaptureFixture[str]) -> None:
    capsys.readouterr()
    assert run(["costs", "meter", "--json"]) == 0
    metered = json.loads(capsys.readouterr().out)
    store = project / "home" / "store"
    assert sum(one["size_bytes"] for one in metered) == sum(p.stat().st_size for p in store.rglob("*") if p.is_file())

    assert run(["costs", "show", "--by", "dataset", "--json"]) == 0
    shown = json.loads(capsys.readouterr().out)
    parts = sum(Decimal(cost["total"]) for cost in shown["costs"])
    assert parts == pytest.approx(Decimal(shown["total"]))
    assert Decimal(shown["total"]) > 0
    assert [budget["domain"] for budget in shown["budgets"]] == ["shop"]
    assert {cost["name"] for cost in shown["costs"]} == {"raw.shop.orders"}

    assert run(["costs", "show"]) == 0
    told = capsys.readouterr()
    assert "shop" in told.out
    assert "50 EUR" in told.out
    assert "untagged" in told.err

    assert run(["costs", "statement", "Shop", "--json"]) == 0
    statement = json.loads(capsys.readouterr().out)
    assert sum(Decimal(line["amount"]) for line in statement["lines"]) == Decimal(statement["total"])
    assert run(["costs", "statement", "Shop"]) == 0
    assert run(["costs", "statement", "Nobody"]) == 2
    assert "charged are: Shop" in capsys.readouterr().err


def test_a_faulty_price_list_and_a_wrong_month_are_refused(
    project: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(["costs", "show", "--month", "March"]) == 2
    (project / "prices.yaml").write_text("currency: EUR\n")
    monkeypatch.setenv("DATA_PLATFORM_PRICES", str(project / "prices.yaml"))
    assert run(["costs", "show"]) != 0
    assert "prices.yaml:1: the list has no prices" in capsys.readouterr().err
