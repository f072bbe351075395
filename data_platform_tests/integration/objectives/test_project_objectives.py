"""Which objectives a project has: derived, written by hand, in each other's place; and what is refused with its line."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
import yaml

from data_platform.errors import FaultyProject
from data_platform.observability.objectives.exporting import exported
from data_platform.observability.objectives.openslo import parse_document
from data_platform_tests.integration.objectives.conftest import LATENCY, promise, written
from data_platform_tests.kit import Kit

SALES = "served.shop.sales"


def document(name: str = "sales-are-fresh", *, sli: str = "freshness", **asked: Any) -> dict[str, Any]:
    source = {"metricSource": {"type": "data_platform", "spec": {"sli": sli, **asked}}}
    return {
        "apiVersion": "openslo/v1",
        "kind": "SLO",
        "metadata": {"name": name},
        "spec": {
            "service": "sales",
            "indicator": {"metadata": {"name": "age"}, "spec": {"thresholdMetric": source}},
            "timeWindow": [{"duration": "7d", "isRolling": True}],
            "budgetingMethod": "Occurrences",
            "objectives": [{"target": 0.9, "op": "lte", "value": 3600}],
        },
    }


def test_contracts_and_connectors_promise_without_a_further_file(shop: Kit) -> None:
    found = {one.id: (one.target, str(one.window.duration), one.is_critical) for one in shop.platform.objectives.all}
    assert found == {
        # one of 30 daily runs may fail, rather than the thirtieth of one
        "pipeline_success.served.shop.sales": (0.966667, "30d", True),
        "pipeline_success.raw.shop.visits": (0.966667, "30d", False),
        "freshness.served.shop.sales": (0.995, "30d", True),
        "connector_heartbeat.raw.shop.orders/orders": (0.99, "7d", False),
        "connector_heartbeat.raw.shop.visits/visits": (0.99, "7d", False),
        "completeness.raw.shop.orders": (0.9995, "1d", False),
        "completeness.raw.shop.visits": (0.9995, "1d", False),
        "pipeline_success.shop": (0.999, "7d", True),
        "pipeline_success.platform": (0.999, "7d", True),
        "processing_lag.platform": (0.95, "7d", True),
        "task_age.platform": (0.95, "7d", False),
        "catalog_coverage.platform": (0.95, "30d", False),
        "schema_compatibility.platform": (0.999, "30d", False),
    }


def test_a_title_says_the_age_that_is_measured_against_a_period_and_what_its_data_may_take(shop: Kit) -> None:
    said = {one.sli: one.title for one in shop.platform.objectives.all if one.subject == SALES}
    assert said == {
        "freshness": "served.shop.sales is at most 1 d 8 h old",
        "pipeline_success": "served.shop.sales is published every 1 d",
    }


def test_availability_is_how_much_of_the_time_the_latency_is_kept(shop: Kit) -> None:
    promise(shop, "served/sales", [LATENCY, {"property": "availability", "value": "99.9", "unit": "%"}])
    (fresh,) = [one for one in shop.platform.objectives.all if one.sli == "freshness"]
    assert fresh.target == pytest.approx(0.999)


def test_a_document_of_the_same_name_takes_the_place_of_what_follows_from_the_contract(shop: Kit) -> None:
    written(shop, "fresh", document("freshness-served-shop-sales", dataset=SALES))
    written(shop, "own", document("sales-by-ten", dataset=SALES))
    found = {one.id: one for one in shop.platform.objectives.all if one.sli == "freshness"}
    assert set(found) == {"freshness.served.shop.sales", "sales-by-ten"}
    fresh = found["freshness.served.shop.sales"]
    assert (fresh.target, fresh.owner, fresh.is_critical) == (0.9, "Shop", True)
    assert fresh.threshold is not None
    assert fresh.origin.endswith("objectives/fresh.openslo.yaml:22")


def test_what_is_exported_reads_back_as_the_same_objective(shop: Kit) -> None:
    every = shop.platform.objectives.all
    for one in every:
        text = yaml.safe_dump(yaml.safe_load(yaml.dump(dict(exported(one)), Dumper=_Plain)))
        assert parse_document(text.encode(), "x")[1] == []
        written(shop, exported(one)["metadata"]["name"], text)
    again = {one.id: one for one in shop.platform.objectives.all}
    assert {name: _without_origin(one) for name, one in again.items()} == {
        one.id: _without_origin(one) for one in every
    }


class _Plain(yaml.SafeDumper):
    def ignore_aliases(self, _data: object) -> bool:
        return True


def _without_origin(one: Any) -> Any:
    return replace(one, origin="", title="")


@pytest.mark.parametrize(
    ("asked", "message"),
    [
        ({"sli": "freshnes", "dataset": SALES}, "there is no indicator 'freshnes'"),
        ({"sli": "query_availability", "dataset": SALES}, "there is no indicator 'query_availability'"),
        ({"dataset": "served.shop.sale"}, "there is no dataset 'served.shop.sale'"),
        ({"domain": "shops"}, "there is no domain 'shops'"),
        ({"dataset": "raw.shop.orders", "source": "till"}, "there is no source 'till'"),
        ({"sli": "connector_heartbeat", "dataset": "raw.shop.orders"}, "a heartbeat is one connector's"),
        ({}, "names not exactly one of"),
        ({"dataset": SALES, "platform": True}, "names not exactly one of"),
        ({"dataset": SALES, "tabel": "x"}, "no key 'tabel'"),
    ],
)
def test_an_indicator_that_the_platform_does_not_have_is_refused_with_its_line(
    shop: Kit, asked: dict[str, Any], message: str
) -> None:
    file = written(shop, "wrong", document(**asked))
    with pytest.raises(FaultyProject) as raised:
        _ = shop.platform.objectives.all
    (fault,) = raised.value.faults
    assert message in fault.message
    assert fault.path.endswith(file.name)
    assert fault.line > 0


def test_references_must_lead_somewhere(shop: Kit) -> None:
    wrong = document(dataset=SALES)
    wrong["spec"]["alertPolicies"] = [{"alertPolicyRef": "call-me"}]
    del wrong["spec"]["indicator"]
    wrong["spec"]["indicatorRef"] = "sales-age"
    written(shop, "wrong", wrong)
    (shop.folder / "domains/shop/objectives/notes.yaml").write_text("a: 1")
    with pytest.raises(FaultyProject) as raised:
        _ = shop.platform.objectives.all
    assert {fault.message for fault in raised.value.faults} == {
        "is not read: it is not named as an objective",
        "there is no SLI 'sales-age'",
        "there is no AlertPolicy 'call-me'",
    }


def test_metrics_of_other_systems_are_refused(shop: Kit) -> None:
    foreign = document(dataset=SALES)
    foreign["spec"]["indicator"]["spec"]["thresholdMetric"]["metricSource"]["type"] = "Datadog"
    written(shop, "wrong", foreign)
    with pytest.raises(FaultyProject, match="metrics come from 'Datadog'"):
        _ = shop.platform.objectives.all
