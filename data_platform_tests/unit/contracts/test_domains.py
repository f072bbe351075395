"""Finding domains, datasets and connectors, and every fault between files."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path

import pytest

import data_platform
from data_platform.contracts.domain_files import Budget
from data_platform.contracts.domains import discover, read_project
from data_platform.contracts.model import DatasetName, Layer
from data_platform.contracts.parse_cache import ParseCache
from data_platform.errors import ConfigurationError, FaultyProject
from data_platform_tests.unit.contracts.shop_project import copy_of_shop, exchange

ORDERS = DatasetName(Layer.CURATED, "shop", "orders")


def faults_of(*paths: Path) -> list[str]:
    return [fault.message for fault in read_project(paths)[1]]


def test_a_good_project_is_found_whole(tmp_path: Path) -> None:
    shop = copy_of_shop(tmp_path)
    (shop / "runbooks").mkdir()
    (shop / "runbooks" / "late.yaml").write_text("anything: goes")
    (tmp_path / "__pycache__").mkdir()
    project = discover([tmp_path])
    assert [str(name) for name in project.datasets] == [
        "curated.shop.customers",
        "curated.shop.orders",
        "raw.shop.customers",
        "raw.shop.orders",
        "served.shop.daily_sales",
    ]
    (domain,) = project.domains
    assert (domain.name, domain.team, domain.on_call, domain.cost_centre) == (
        "shop",
        "Shop Data",
        "#shop-on-call",
        "CC-1",
    )
    assert domain.budget == Budget(amount=Decimal("120.50"), currency="EUR", period="month")
    assert [(entry.name, entry.kind, str(entry.dataset), entry.line) for entry in domain.connectors] == [
        ("order_files", "file_drop", "raw.shop.orders", 2),
        ("customer_files", "file_drop", "raw.shop.customers", 6),
    ]
    assert dict(domain.connectors[0].options) == {"path": "orders/*.csv"}
    assert project.dataset(ORDERS).sql_text == "SELECT * FROM raw.shop.orders\n"
    assert project.dataset(DatasetName(Layer.RAW, "shop", "orders")).sql_path is None


def test_the_sample_domains_have_no_fault() -> None:
    samples = Path(data_platform.__file__).parent / "domains"
    if not samples.is_dir():
        pytest.skip("the sample domains are not in this checkout")
    project = discover([samples])
    assert "commerce" in [domain.name for domain in project.domains]


def test_an_unknown_dataset_is_refused_with_the_nearest_name(tmp_path: Path) -> None:
    copy_of_shop(tmp_path)
    with pytest.raises(ConfigurationError, match=r"write 'curated\.shop\.orders'"):
        discover([tmp_path]).dataset(DatasetName(Layer.CURATED, "shop", "order"))


@pytest.mark.parametrize(
    ("file", "old", "new", "says"),
    [
        ("domain.yaml", "team: Shop Data\n", "", "domain 'shop' does not say who answers for it"),
        ("domain.yaml", "cost_centre: CC-1\n", "", "domain 'shop' does not say who pays"),
        ("domain.yaml", "team:", "name: store\nteam:", "name is 'store', but the folder 'shop'"),
        ("domain.yaml", "team:", "teem:", "unknown key 'teem' at the top level"),
        ("domain.yaml", "amount: 120.50", "amount: -1", "the budget has no amount above zero"),
        ("domain.yaml", "EUR", "Euro", "the budget has no currency of ISO 4217"),
        ("domain.yaml", "month", "moon", "the budget has no period 'moon'"),
        ("connectors.yaml", "connectors:", "conectors:", "unknown key 'conectors' at the top level"),
        ("connectors.yaml", "    kind: file_drop\n", "", "connector 'order_files' has no kind"),
        ("connectors.yaml", "raw.shop.orders", "raw.shop.order", "fills raw.shop.order, which does not exist"),
        ("connectors.yaml", "raw.shop.orders", "curated.shop.orders", "does not name a raw dataset of its domain"),
        ("connectors.yaml", "raw.shop.orders", "raw.shop.customers", "no connector fills raw.shop.orders"),
        ("connectors.yaml", "  order_files:", "  Order Files:", "connector 'Order Files' is not a lower case name"),
        ("curated/orders.sql", "SELECT * FROM raw.shop.orders\n", " ", "is empty"),
        (
            "curated/orders.odcs.yaml",
            "shop.customers.cust",
            "shop.buyers.cust",
            "curated.shop.buyers, which does not exist",
        ),
        (
            "curated/orders.odcs.yaml",
            "customers.customer_no",
            "customers.number",
            "customers.number, which does not exist",
        ),
        ("curated/orders.odcs.yaml", "customers.customer_no", "customers.valid_to", "'customer_no' is a string, but"),
    ],
)
def test_a_fault_between_files_is_named(file: str, old: str, new: str, says: str, tmp_path: Path) -> None:
    exchange(copy_of_shop(tmp_path) / file, old, new)
    found = faults_of(tmp_path)
    assert [says in message for message in found].count(True) == 1, found


def test_sql_and_contracts_stand_in_pairs(tmp_path: Path) -> None:
    shop = copy_of_shop(tmp_path)
    (shop / "curated/orders.sql").rename(shop / "curated/order.sql")
    (shop / "raw/orders.sql").write_text("SELECT 1")
    (shop / "served/more.yml").write_text("kind: DataContract")
    assert sorted(faults_of(tmp_path)) == [
        "a raw dataset is filled by a connector and has no SQL",
        "curated.shop.orders has a contract but no SQL",
        "has no contract beside it",
        "is not read: it is not named as a contract",
    ]


def test_two_domains_of_one_name_are_a_fault(tmp_path: Path) -> None:
    copy_of_shop(tmp_path / "a")
    copy_of_shop(tmp_path / "b")
    found = faults_of(tmp_path / "a", tmp_path / "b")
    assert sum("domain 'shop' is in" in message for message in found) == 1
    assert sum("dataset curated.shop.orders is in" in message for message in found) == 1


def test_a_domain_may_not_have_the_platforms_own_name(tmp_path: Path) -> None:
    copy_of_shop(tmp_path).rename(tmp_path / "platform")
    assert "'platform' is the name of what the platform measures of itself" in faults_of(tmp_path)


def test_contracts_without_a_domain_file_are_a_fault(tmp_path: Path) -> None:
    (copy_of_shop(tmp_path) / "domain.yaml").unlink()
    assert "cannot be read: No such file or directory" in faults_of(tmp_path)


def test_a_path_that_is_no_folder_is_a_fault(tmp_path: Path) -> None:
    assert faults_of(tmp_path / "nowhere") == ["is no folder of domains"]


def test_discovering_a_faulty_project_raises_all_its_faults(tmp_path: Path) -> None:
    shop = copy_of_shop(tmp_path)
    exchange(shop / "curated/orders.odcs.yaml", "status: active", "status: activ")
    exchange(shop / "connectors.yaml", "    kind: file_drop\n", "")
    with pytest.raises(FaultyProject) as raised:
        discover([tmp_path])
    assert len(raised.value.faults) == 2


def test_a_faulty_contract_does_not_make_others_faulty(tmp_path: Path) -> None:
    exchange(copy_of_shop(tmp_path) / "curated/customers.odcs.yaml", "status: active", "status: activ")
    assert faults_of(tmp_path) == ["status 'activ' is unknown"]


def test_a_damaged_cache_changes_nothing(tmp_path: Path) -> None:
    copy_of_shop(tmp_path / "domains")
    cache = ParseCache(tmp_path / "cache")
    first = discover([tmp_path / "domains"], cache=cache)
    kept = sorted((tmp_path / "cache").iterdir())
    assert len(kept) == 7
    for number, path in enumerate(kept):
        path.write_bytes([b"", b"{}", b"[1, 2, [[[3], 4]]]", b"\xff"][number % 4])
    assert discover([tmp_path / "domains"], cache=cache).datasets == first.datasets
