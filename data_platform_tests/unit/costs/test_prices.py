from __future__ import annotations

from datetime import date
from decimal import Decimal
from pathlib import Path

import pytest

from data_platform.costs.prices import DEFAULT_LIST, ZONES, SharedMethod, read_prices
from data_platform.errors import FaultyProject

GOOD = """\
currency: CHF
shared: even
prices:
  - {cpu_hour: 0.1, memory_gib_hour: 0.01, read_gib: 0, written_gib: 0.005, storage_gib_month: {default: 0.02}}
  - from: 2026-03-10
    cpu_hour: 0.2
    memory_gib_hour: 0.01
    read_gib: 0
    written_gib: 0.005
    storage_gib_month: {default: 0.02, landing: 0.004}
"""


def faults_of(folder: Path, text: str) -> list[tuple[int, str]]:
    file = folder / "prices.yaml"
    file.write_text(text)
    with pytest.raises(FaultyProject) as refusal:
        read_prices(file)
    return [(fault.line, fault.message) for fault in refusal.value.faults]


def test_the_list_of_the_package_can_be_read_and_prices_every_zone() -> None:
    found = read_prices(DEFAULT_LIST)
    assert (found.currency, found.shared) == ("EUR", SharedMethod.PROPORTIONAL)
    assert set(found.prices[0].storage_gib_month) == set(ZONES)


def test_prices_are_exact_and_a_zone_may_have_its_own(tmp_path: Path) -> None:
    file = tmp_path / "prices.yaml"
    file.write_text(GOOD)
    found = read_prices(file)
    assert found.prices[0].cpu_hour == Decimal("0.1")
    assert found.prices[1].storage_gib_month["landing"] == Decimal("0.004")
    assert found.prices[1].storage_gib_month["raw"] == Decimal("0.02")


def test_days_are_cut_where_prices_change(tmp_path: Path) -> None:
    file = tmp_path / "prices.yaml"
    file.write_text(GOOD)
    spans = [(low, high, prices.cpu_hour) for low, high, prices in read_prices(file).spans(*march(1, 31))]
    assert spans == [(*march(1, 9), Decimal("0.1")), (*march(10, 31), Decimal("0.2"))]
    only_old = [(low, high) for low, high, _ in read_prices(file).spans(*march(2, 9))]
    only_new = [(low, high) for low, high, _ in read_prices(file).spans(*march(10, 12))]
    assert (only_old, only_new) == ([march(2, 9)], [march(10, 12)])


@pytest.mark.parametrize(
    ("old", "new", "line", "message"),
    [
        ("currency: CHF", "currency: chf", 1, "the list has no currency of ISO 4217"),
        ("shared: even", "shared: fairly", 2, "shared costs cannot be split by 'fairly'"),
        ("shared: even", "sharing: even", 2, "unknown key 'sharing' at the top level"),
        ("cpu_hour: 0.1,", "", 4, "cpu_hour has no price"),
        ("cpu_hour: 0.1,", "cpu_hour: -1,", 4, "cpu_hour is below zero"),
        ("cpu_hour: 0.2", "cpu_hour: dear", 6, "'cpu_hour' in prices[1] has the wrong type"),
        ("from: 2026-03-10", "from: March", 5, "'March' is no day"),
        ("- from: 2026-03-10\n    cpu", "- cpu", 5, "these prices have no day from which they hold"),
        ("- {cpu", "- {from: 2026-01-01, cpu", 4, "the first prices have a day, so the days before have none"),
        ("{default: 0.02, landing", "{landing", 10, "storage has no price for raw, rejected, curated, held, decisions, served, other"),
        ("landing: 0.004", "lending: 0.004", 10, "storage has no key 'lending'"),
    ],
)  # fmt: skip
def test_a_fault_names_its_line(tmp_path: Path, old: str, new: str, line: int, message: str) -> None:
    assert GOOD.count(old) == 1
    assert faults_of(tmp_path, GOOD.replace(old, new)) == [(line, message)]


def test_prices_stand_in_order_of_time(tmp_path: Path) -> None:
    later = GOOD[GOOD.index("  - from:") :]
    assert faults_of(tmp_path, GOOD + later) == [(11, "2026-03-10 is not after 2026-03-10")]


def test_a_list_without_prices_or_without_text_is_a_fault(tmp_path: Path) -> None:
    assert faults_of(tmp_path, "currency: EUR\n") == [(1, "the list has no prices")]
    assert faults_of(tmp_path, "") == [(1, "the file does not hold a mapping at its top")]
    assert len(faults_of(tmp_path, "currency: [")) == 1
    with pytest.raises(FaultyProject, match="cannot be read"):
        read_prices(tmp_path / "absent.yaml")


def march(first: int, last: int) -> tuple[date, date]:
    return date(2026, 3, first), date(2026, 3, last)
