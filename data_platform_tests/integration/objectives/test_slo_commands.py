"""`slo`, `deploy-gate`, `metrics` and `dashboards` as they are typed."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
import yaml

from data_platform.cli.main import run
from data_platform.clock import SystemClock
from data_platform.metastore.sli_values import SliValueEntry
from data_platform_tests.integration.objectives.conftest import written
from data_platform_tests.kit import Kit

Type = Callable[..., tuple[int, str, str]]


@pytest.fixture
def typed(shop: Kit, capsys: pytest.CaptureFixture[str]) -> Type:
    assert shop.platform.metastore

    def type_(*words: str) -> tuple[int, str, str]:
        capsys.readouterr()
        code = run(list(words))
        captured = capsys.readouterr()
        return code, captured.out, captured.err

    return type_


def measured(shop: Kit, *, hours: float, sli: str = "freshness", subject: str = "served.shop.sales",
             good: float = 0.0, bad: float = 0.0, unknown: float = 0.0) -> None:  # fmt: skip
    """One value, `hours` before now."""
    values = shop.platform.metastore.operations.sli_values
    at = SystemClock().now() - timedelta(hours=hours)
    entry = SliValueEntry(sli=sli, subject=subject, measured_at=at, value=None, good=good, bad=bad, unknown=unknown,
                          provenance="test")  # fmt: skip
    assert values.append([entry], sli=sli, after=values.cursor(sli))


def gate(typed: Type, *words: str) -> tuple[int, Any]:
    code, out, _ = typed("deploy-gate", *words, "--json")
    return code, json.loads(out)


def burn(shop: Kit, typed: Type) -> None:
    """Three days, two hours at a time, of which all were 4 % bad: eight times what is promised."""
    for hours in range(71, 0, -2):
        measured(shop, hours=hours, good=6_912, bad=288)
    assert typed("slo", "evaluate")[0] == 0


def test_the_gate_is_open_where_nothing_burns_and_says_what_it_does_not_know(shop: Kit, typed: Type) -> None:
    measured(shop, hours=1, good=3_600)
    typed("slo", "evaluate")
    code, said = gate(typed, "curated.shop.orders")
    assert (code, said["is_open"]) == (0, True)
    assert "pipeline_success.platform" in {one["objective"] for one in said["verdict"]["unknown"]}
    assert gate(typed, "curated.shop.orders", "--strict")[0] == 1


def test_the_gate_refuses_what_is_above_a_dataset_that_burns_and_names_the_playbook(shop: Kit, typed: Type) -> None:
    burn(shop, typed)
    code, out, err = typed("deploy-gate", "raw.shop.orders")
    assert (code, out) == (1, "")
    assert "freshness.served.shop.sales burns its error budget 8 times too fast over 6 h and 8 times over 3 d" in err
    assert "playbook slo_slow_burn" in err
    assert gate(typed, "raw.shop.visits")[0] == 0  # nobody below it burns
    assert gate(typed)[0] == 1


def test_one_burst_does_not_stop_deploys(shop: Kit, typed: Type) -> None:
    for hours in (70, 60, 50, 40, 30, 20, 10):
        measured(shop, hours=hours, good=30_000)
    measured(shop, hours=2, bad=400)
    typed("slo", "evaluate")
    standing = shop.platform.metastore.operations.objectives.get("freshness.served.shop.sales")
    assert standing is not None
    naive = (standing.burn["6h"] or 0) > 2
    assert naive
    assert gate(typed, "served.shop.sales")[0] == 0


def test_what_is_spent_and_burns_is_listed_as_both(shop: Kit, typed: Type) -> None:
    burn(shop, typed)
    listed = [
        [one["objective"]["id"] for one in json.loads(typed("slo", "list", "--state", state, "--json")[1])]
        for state in ("spent", "burning")
    ]
    assert listed == [["freshness.served.shop.sales"]] * 2
    out = typed("slo", "show", "freshness.served.shop.sales", "--json")[1]
    assert json.loads(out)["standing"]["state"] == "spent"
    (entry,) = [one for one in shop.platform.metastore.operations.objectives.all() if one.is_burning]
    assert entry.words == "spent, burning slow"


def test_seconds_are_shown_as_durations(shop: Kit, typed: Type) -> None:
    values = shop.platform.metastore.operations.sli_values
    entry = SliValueEntry(sli="freshness", subject="served.shop.sales", measured_at=SystemClock().now(), value=21_880_000.0,
                          good=0.0, bad=1.0, unknown=0.0, provenance="test")  # fmt: skip
    assert values.append([entry], sli="freshness", after=values.cursor("freshness"))
    out = typed("sli", "show", "freshness")[1]
    assert "253 d 5 h" in out  # 21,880,000 s are 253 days and 20,800 s
    assert "e+07" not in out


def spend(shop: Kit, typed: Type) -> None:
    """A day, three weeks ago, that was all bad; good ever since: nothing burns, and 10 % against 0.5 % are gone."""
    measured(shop, hours=21 * 24, bad=86_400)
    for days in range(20, 0, -2):
        measured(shop, hours=days * 24, good=86_400)
    typed("slo", "evaluate")
    standing = shop.platform.metastore.operations.objectives.get("freshness.served.shop.sales")
    assert standing is not None
    assert (standing.state, standing.detail["burning"]) == ("spent", "")


def test_a_spent_budget_closes_the_gate_although_nothing_burns_any_more(shop: Kit, typed: Type) -> None:
    spend(shop, typed)
    code, said = gate(typed, "raw.shop.orders")
    assert (code, said["is_open"], said["verdict"]["burning"]) == (1, False, [])
    assert [one["objective"] for one in said["verdict"]["spent"]] == ["freshness.served.shop.sales"]
    (reason,) = said["reasons"]
    # of 950,400 seconds 0.5 % may be bad, 4,752: 86,400 are 18.18 times as many
    assert "freshness.served.shop.sales has spent its error budget: spent 18.2 times over within 30 d" in reason
    code, out, err = typed("deploy-gate", "served.shop.sales")
    assert (code, out) == (1, "")
    assert "has spent its error budget" in err
    assert "playbook budget_burn" in err
    assert gate(typed, "raw.shop.visits")[0] == 0
    assert typed("deploy-gate", "served.shop.sales", "--override", "OPS-9")[0] == 0
    assert "has spent" in shop.platform.metastore.operations.deploys.recent()[0].reason


def test_an_override_names_its_ticket_and_is_kept(shop: Kit, typed: Type) -> None:
    burn(shop, typed)
    assert typed("deploy-gate", "served.shop.sales", "--override", " ")[0] == 2
    assert typed("deploy-gate", "served.shop.sales")[0] == 1
    assert typed("deploy-gate", "served.shop.sales", "--override", "OPS-7")[0] == 0
    through, refused = shop.platform.metastore.operations.deploys.recent()
    assert (refused.is_allowed, refused.override_ticket) == (False, "")
    assert (through.is_allowed, through.override_ticket, through.what) == (True, "OPS-7", "served.shop.sales")
    assert through.who
    assert "slo_slow_burn" in through.reason


def test_an_old_judgement_says_nothing_about_now(shop: Kit, typed: Type) -> None:
    measured(shop, hours=1, good=3_600)
    shop.platform.objectives.evaluate(SystemClock().now() - timedelta(hours=1))
    code, said = gate(typed, "served.shop.sales")
    assert (code, said["is_open"]) == (0, True)
    assert "freshness.served.shop.sales" in {one["objective"] for one in said["verdict"]["unknown"]}
    assert gate(typed, "served.shop.sales", "--strict")[0] == 1


def test_what_burnt_when_it_was_last_judged_keeps_the_gate_closed(shop: Kit, typed: Type) -> None:
    for hours in range(71, 0, -2):
        measured(shop, hours=hours, good=6_912, bad=288)
    shop.platform.objectives.evaluate(SystemClock().now() - timedelta(minutes=20))
    assert gate(typed, "served.shop.sales")[0] == 1


def test_objectives_are_listed_shown_and_exported(shop: Kit, typed: Type) -> None:
    assert "nothing was evaluated yet" in typed("slo", "list")[2]
    measured(shop, hours=1, good=3_400, bad=200)
    typed("slo", "evaluate")
    listed = json.loads(typed("slo", "list", "--state", "spent", "--json")[1])
    assert [one["objective"]["id"] for one in listed] == ["freshness.served.shop.sales"]
    assert "94.444%" in typed("slo", "show", "freshness.served.shop.sales")[1]
    assert typed("slo", "show", "freshness.served.shop.sale")[0] == 2
    text = typed("slo", "export", "freshness.served.shop.sales")[1]
    assert yaml.safe_load(text)["spec"]["objectives"][0]["target"] == 0.995


def test_lint_ends_with_1_and_says_where(shop: Kit, typed: Type) -> None:
    assert typed("slo", "lint")[0] == 0
    file = written(shop, "wrong", "apiVersion: openslo/v1\nkind: Service\nmetadata: {name: x}\nspec:\n  descr: y\n")
    code, out, _ = typed("slo", "lint")
    assert code == 1
    assert "wrong.openslo.yaml:5: a Service has no key 'descr'" in out
    assert typed("slo", "lint", str(file))[0] == 1


def test_history_suggests_targets(shop: Kit, typed: Type) -> None:
    for day in range(10, 0, -1):
        measured(shop, hours=24 * day, good=86_300, bad=100)  # 0.116 % bad; half of 0.5 % may be used, not of 0.2 %
    typed("slo", "evaluate")
    found = {one["suggestion"]["objective"]["id"]: one for one in json.loads(typed("slo", "suggest", "--json")[1])}
    fresh = found["freshness.served.shop.sales"]
    assert (fresh["suggestion"]["suggested"], fresh["says"]) == (0.995, "fits")
    assert found["pipeline_success.shop"]["says"] == "known on 0 of at least 7 days: too early to say"


def test_rules_dashboards_and_metrics_are_written(shop: Kit, typed: Type) -> None:
    assert typed("slo", "rules", "--out", "rules")[0] == 0
    rules = yaml.safe_load((shop.folder / "rules" / "data_platform.rules.yaml").read_text())
    assert "sli:pipeline_success:ratio7d" in {
        rule.get("record") for group in rules["groups"] for rule in group["rules"]
    }
    assert typed("dashboards", "build", "--out", "grafana")[0] == 0
    assert len(list((shop.folder / "grafana").glob("*.json"))) == 3
    assert "data_platform_build_info{" in typed("metrics")[1]
    assert typed("metrics", "--openmetrics")[1].endswith("# EOF\n")
