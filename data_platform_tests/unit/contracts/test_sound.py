"""The sound part of a project: what a fault takes away, and what stays known of it."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from data_platform.contracts.domains import discover
from data_platform.contracts.last_sound import LastSound
from data_platform.contracts.model import DatasetName, Layer
from data_platform.contracts.parse_cache import ParseCache
from data_platform.contracts.sound import SoundReader
from data_platform.errors import FaultyProject
from data_platform.transforms.graph import query_faults
from data_platform_tests.unit.contracts.shop_project import copy_of_shop, exchange

ORDERS = DatasetName(Layer.CURATED, "shop", "orders")
ALL = 5


@pytest.fixture
def shop(tmp_path: Path) -> Path:
    return copy_of_shop(tmp_path / "domains")


def reader_of(shop: Path) -> SoundReader:
    """As a process that starts now has it: what was kept is in the folder beside the domains."""
    home = shop.parent.parent / "home"
    kept = LastSound(home / "sound.json")
    return SoundReader([shop.parent], cache=ParseCache(home / "contracts"), kept=kept, further=query_faults)


def test_a_sound_project_is_read_whole(shop: Path) -> None:
    found = reader_of(shop).known
    assert found.project == discover([shop.parent])
    assert found.faults == ()


def test_a_dataset_that_was_never_sound_is_left_out_and_the_others_are_there(shop: Path) -> None:
    line = exchange(shop / "curated/orders.odcs.yaml", "version:", "vershun:")
    found = reader_of(shop).known
    assert len(found.project.datasets) == ALL - 1
    assert found.project.unread == {ORDERS}
    (part,) = found.parts
    assert (part.name, part.domain, part.dataset) == ("curated.shop.orders", "shop", ORDERS)
    assert line in [fault.line for fault in part.faults]
    with pytest.raises(FaultyProject):
        discover([shop.parent])


@pytest.mark.parametrize(
    ("file", "old", "new"),
    [
        ("curated/orders.odcs.yaml", "version:", "vershun:"),
        ("curated/orders.odcs.yaml", "version:", "\t- {"),
        ("curated/orders.sql", "SELECT * FROM raw.shop.orders\n", "SELEKT ( FROM"),
        ("curated/orders.sql", "SELECT * FROM raw.shop.orders\n", ""),
        ("curated/orders.sql", "raw.shop.orders", "raw.shop.nothing"),
        ("raw/orders.odcs.yaml", "version:", "vershun:"),
        ("connectors.yaml", "connectors:", "\t{"),
        ("connectors.yaml", "    kind: file_drop\n", ""),
        ("domain.yaml", "team:", "teem:"),
        ("domain.yaml", "budget: {", "budget: {{{"),
    ],
)
def test_what_was_sound_before_stays_known_in_this_process_and_in_the_next(
    file: str, old: str, new: str, shop: Path
) -> None:
    reader = reader_of(shop)
    before = reader.known.project
    text = (shop / file).read_text()
    exchange(shop / file, old, new)
    assert reader.look()
    for found in (reader.known, reader_of(shop).known):
        assert found.project == before
        assert [Path(name).name for name in found.files] == [Path(file).name]
        assert len(found.parts) == 1
    (shop / file).write_text(text)
    assert reader.look()
    assert reader.known.faults == ()


def test_where_the_reader_stands_changes_nothing(shop: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(shop / "curated")
    reader = reader_of(shop)
    before = reader.known.project
    exchange(shop / "curated/orders.odcs.yaml", "version:", "vershun:")
    exchange(shop / "domain.yaml", "team:", "teem:")
    assert reader.look()
    assert [part.name for part in reader.known.parts] == ["curated.shop.orders", "shop"]
    assert reader.known.project == before


def test_of_two_faults_of_one_dataset_there_is_one_part(shop: Path) -> None:
    exchange(shop / "curated/orders.odcs.yaml", "version:", "vershun:")
    (shop / "curated/orders.sql").write_text("")
    (part,) = reader_of(shop).known.parts
    assert [Path(file).name for file in part.files] == ["orders.odcs.yaml", "orders.sql"]


def test_a_faulty_domain_file_leaves_its_datasets_and_its_connectors(shop: Path) -> None:
    exchange(shop / "domain.yaml", "team:", "teem:")
    found = reader_of(shop).known
    assert len(found.project.datasets) == ALL
    assert [len(domain.connectors) for domain in found.project.domains] == [2]
    assert [(part.name, part.dataset, part.domain) for part in found.parts] == [("shop", None, "shop")]


def test_a_path_that_is_no_folder_is_a_fault_of_the_project(tmp_path: Path, shop: Path) -> None:
    kept = LastSound(tmp_path / "sound.json")
    reader = SoundReader([shop.parent, tmp_path / "nowhere"], cache=ParseCache(tmp_path / "cache"), kept=kept)
    assert len(reader.known.project.datasets) == ALL
    assert [part.name for part in reader.known.parts] == ["project"]


def test_nothing_is_read_again_while_no_file_changes(shop: Path) -> None:
    reader = reader_of(shop)
    before = reader.known
    assert not reader.look()
    assert reader.known is before


def test_a_change_that_is_sound_is_read_too(shop: Path) -> None:
    reader = reader_of(shop)
    assert reader.known.faults == ()
    exchange(shop / "domain.yaml", "#shop-on-call", "#shop-by-night")
    assert reader.look()
    assert [domain.on_call for domain in reader.known.project.domains] == ["#shop-by-night"]


def test_a_dataset_that_was_taken_away_is_no_longer_known(shop: Path) -> None:
    reader = reader_of(shop)
    assert len(reader.known.project.datasets) == ALL
    for file in (shop / "served").iterdir():
        file.unlink()
    assert reader.look()
    assert len(reader.known.project.datasets) == ALL - 1
    assert reader.known.faults == ()


@pytest.mark.parametrize("text", ["", "[1, 2]", '{"a": ', "\x00"])
def test_what_was_kept_is_not_trusted_to_be_whole(text: str, shop: Path) -> None:
    home = shop.parent.parent / "home"
    home.mkdir()
    (home / "sound.json").write_text(text)
    exchange(shop / "curated/orders.odcs.yaml", "version:", "vershun:")
    assert len(reader_of(shop).known.project.datasets) == ALL - 1


@pytest.mark.parametrize("file", ["curated/orders.odcs.yaml", "curated/orders.sql", "connectors.yaml", "domain.yaml"])
def test_a_pipe_in_place_of_a_file_is_a_fault_and_nobody_waits_at_it(file: str, shop: Path) -> None:
    (shop / file).unlink()
    os.mkfifo(shop / file)
    assert file.split(".")[0] in " ".join(fault.path for fault in reader_of(shop).known.faults)
