from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from types import MappingProxyType

import pytest

from data_platform.contracts.domain_files import Domain
from data_platform.contracts.domains import Dataset, Project
from data_platform.contracts.model import Contract, DatasetName, Materialization, Owner
from data_platform.costs.ownership import Ownership, domain_of, ownership_of, untagged

NAME = DatasetName.parse("served.shop.revenue")
CONTRACT = Contract(
    name=NAME,
    version="1.0.0",
    status="active",
    path="revenue.odcs.yaml",
    sha256="",
    columns=(),
    owner=Owner(team="Shop"),
    materialization=Materialization.TABLE,
    cost_tags=(("product", "shop"),),
)


def project(contract: Contract) -> Project:
    domain = Domain(name="shop", team="Shop", path=Path(), cost_centre="CC-1")
    return Project((domain,), MappingProxyType({contract.name: Dataset(contract)}))


def test_a_dataset_is_its_team_s_and_its_domain_s_cost_centre_pays() -> None:
    known = ownership_of(project(CONTRACT), "served.shop.revenue")
    assert known == Ownership(owner="Shop", cost_centre="CC-1", tags={"product": "shop"})


def test_a_cost_tag_names_another_cost_centre() -> None:
    contract = replace(CONTRACT, cost_tags=(("cost_centre", "CC-9"),))
    assert ownership_of(project(contract), str(NAME)).cost_centre == "CC-9"


@pytest.mark.parametrize("dataset", ["served.shop.gone", "platform.scan", "_rejected"])
def test_what_the_project_does_not_know_is_nobody_s(dataset: str) -> None:
    assert ownership_of(project(CONTRACT), dataset) == Ownership()


def test_a_name_tells_its_domain() -> None:
    names = ["served.shop.revenue", "platform.scan", "platform", "_rejected"]
    assert [domain_of(name) for name in names] == ["shop", "platform", "platform", ""]


def test_what_a_contract_lacks_is_said_in_words() -> None:
    assert untagged(CONTRACT, cost_centre="CC-1") == []
    assert untagged(CONTRACT) == []
    bare = replace(CONTRACT, owner=Owner(team=" "), cost_tags=())
    assert [text.split(":")[0] for text in untagged(bare, cost_centre="")] == [
        "no owner",
        "no cost tags",
        "no cost centre",
    ]
    assert untagged(replace(CONTRACT, cost_tags=(("product", ""),))) == ["cost tag 'product' is empty: give it a value"]
    assert untagged(replace(CONTRACT, cost_tags=(("cost_centre", "CC-9"),)), cost_centre="") == []
