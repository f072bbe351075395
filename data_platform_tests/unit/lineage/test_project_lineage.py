from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path
from types import MappingProxyType

import pytest

import data_platform
import data_platform_tests
from data_platform.contracts.domains import Project, discover
from data_platform.contracts.model import DatasetName
from data_platform.errors import ConfigurationError
from data_platform.lineage.declared import copied, declared
from data_platform.lineage.facts import Edge, Influence, SourceColumn
from data_platform.lineage.project_lineage import ProjectLineage
from data_platform_tests.coverage_oracle import coverage

COMMERCE = discover([Path(data_platform.__file__).parent / "domains"])
RETAIL = discover([Path(data_platform_tests.__file__).parent / "domains"])
CUSTOMERS = DatasetName.parse("curated.commerce.customers")
REVENUE = DatasetName.parse("served.commerce.daily_revenue")


def written(edges: Iterable[Edge]) -> set[str]:
    return {f"{e.source.table.split('.')[0]}.{e.source.column}:{e.influence}" for e in edges}


def with_sql(project: Project, name: DatasetName, sql: str | None) -> Project:
    datasets = dict(project.datasets)
    datasets[name] = replace(datasets[name], sql_text=sql)
    return replace(project, datasets=MappingProxyType(datasets))


@pytest.mark.parametrize(("project", "domain"), [(COMMERCE, "commerce"), (RETAIL, "retail")])
def test_every_served_column_of_the_sample_and_of_retail_has_a_full_path_to_raw(project: Project, domain: str) -> None:
    (found,) = coverage(ProjectLineage(project))
    served = [d.contract for name, d in project.datasets.items() if name.layer == "served"]
    assert (found.domain, found.unresolved, found.ratio) == (domain, (), 1.0)
    assert found.columns == found.traced == sum(len(contract.columns) for contract in served) > 20


def test_a_query_that_cannot_be_told_takes_its_columns_and_those_made_of_them_out_of_the_coverage() -> None:
    broken = with_sql(
        COMMERCE, DatasetName.parse("curated.commerce.orders"), "SELECT COLUMNS('.*') FROM raw.commerce.orders"
    )
    (found,) = coverage(ProjectLineage(broken))
    assert "served.commerce.daily_revenue.gross_amount" in found.unresolved
    assert "served.commerce.conversion_funnel.visits_count" not in found.unresolved
    assert 0 < found.ratio < 1


def test_a_count_of_rows_is_traced_only_where_all_that_decides_the_rows_is() -> None:
    sql = "SELECT order_date, count(*) AS orders_count FROM curated.commerce.orders WHERE nobody_knows GROUP BY order_date"
    (found,) = coverage(ProjectLineage(with_sql(COMMERCE, REVENUE, sql)))
    assert "served.commerce.daily_revenue.orders_count" in found.unresolved
    assert "served.commerce.daily_revenue.order_date" not in found.unresolved


def test_landing_copies_each_field_of_the_source() -> None:
    lineage = ProjectLineage(COMMERCE).of(DatasetName.parse("raw.commerce.orders"))
    assert lineage.edges["status"] == {Edge(SourceColumn("orders", "status", "file"), Influence.IDENTITY)}


def test_admission_folds_by_key_and_holds_back_what_breaks_a_rule() -> None:
    lineage = ProjectLineage(COMMERCE).of(DatasetName.parse("curated.commerce.web_events"))
    assert written(lineage.edges["device"]) == {"raw.context:TRANSFORMATION"}
    rows = written(lineage.rows)
    assert {"raw.event_id:GROUP_BY", "raw.send_attempt:SORT", "raw.event_type:FILTER", "raw.event_time:FILTER"} <= rows


def test_history_adds_from_when_to_when_a_state_holds() -> None:
    lineage = ProjectLineage(COMMERCE).of(CUSTOMERS)
    assert lineage.unresolved == ()
    assert written(lineage.edges["valid_from"]) == {"raw.updated_at:TRANSFORMATION"}
    both = {"raw.updated_at:TRANSFORMATION", "raw.customer_id:WINDOW"}
    assert written(lineage.edges["valid_to"]) == written(lineage.edges["is_current"]) == both
    assert "raw.city:GROUP_BY" in written(lineage.rows)  # a state ends where the next one differs


def test_a_dataset_without_a_select_is_what_its_author_declares() -> None:
    project = with_sql(COMMERCE, REVENUE, None)
    contract = project.dataset(REVENUE).contract
    said = declared(
        contract,
        {
            "order_date": [("curated.commerce.orders.order_date", Influence.IDENTITY)],
            "gross_amount": ["curated.commerce.orders.total_amount"],
        },
        rows=[("curated.commerce.orders.order_date", Influence.GROUP_BY)],
    )
    lineage = ProjectLineage(project, {REVENUE: said})
    assert written(lineage.of(REVENUE).edges["gross_amount"]) == {"curated.total_amount:TRANSFORMATION"}
    assert "currency" in lineage.of(REVENUE).unresolved
    assert lineage.inputs(REVENUE) == (DatasetName.parse("curated.commerce.orders"),)
    (found,) = coverage(lineage)
    assert "served.commerce.daily_revenue.gross_amount" not in found.unresolved
    assert "served.commerce.daily_revenue.currency" in found.unresolved
    assert ProjectLineage(project).of(REVENUE).edges == {}


def test_a_declaration_that_does_not_fit_is_refused() -> None:
    contract = COMMERCE.dataset(REVENUE).contract
    with pytest.raises(ConfigurationError, match="has no column 'gros_amount'"):
        declared(contract, {"gros_amount": []})
    with pytest.raises(ConfigurationError, match="is no column; write"):
        declared(contract, {"gross_amount": ["orders.total_amount"]})


def test_a_copy_is_every_column_itself() -> None:
    contract = COMMERCE.dataset(REVENUE).contract
    lineage = copied(contract)
    assert list(lineage.edges) == [column.name for column in contract.columns]
    assert written(lineage.edges["currency"]) == {"served.currency:IDENTITY"}
