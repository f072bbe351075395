"""Consumers read served while it is materialized: a thousand times, without an error or a half-published result."""

from __future__ import annotations

from pathlib import Path

from data_platform_tests.end_to_end.kiosk_files import (
    ITEMS,
    order,
    write_members,
    write_orders,
    write_prices,
    write_ratings,
)
from data_platform_tests.end_to_end.processes import reading
from data_platform_tests.end_to_end.sales import daily_sales
from data_platform_tests.end_to_end.walking import at, walk

READS = 1000


def test_a_thousand_reads_during_materializations_see_published_states_only(tmp_path: Path) -> None:
    home, source = tmp_path / "home", tmp_path / "source"
    write_members(source, "2026-03-01", {"M1": ("Bern", "2026-02-01")})
    write_prices(source, "2026-03-01", [(item, "2.00", 1) for item in ITEMS])
    write_ratings(source, "2026-03-01", [("R1", "tea", 5)])
    lines: list[str] = []
    states: list[list[list[object]]] = []
    with at(home, source) as platform:
        _round(source, lines, states)
        walk(platform)
        with reading(home, source, reads=READS) as seen:
            while seen["process"].poll() is None:
                _round(source, lines, states)
                walk(platform)
    assert seen["reads"] == READS
    assert len(states) > 3
    for door in ("served", "warehouse"):
        positions = [states.index(result) for result in seen[door]]  # every result is a published state
        assert positions == sorted(positions)  # and time does not run backwards
        assert len(positions) > 2


def _round(source: Path, lines: list[str], states: list[list[list[object]]]) -> None:
    """One more file: rows for all of the last three days, so that a half-published result would show."""
    number = len(states)
    fresh = [order(f"2026-03-{day:02}", 100 * number + n) for day in (1, 2, 3) for n in range(4)]
    write_orders(source, f"orders_2026-03-03_{number:03}.csv", fresh)
    lines += fresh
    states.append(daily_sales(lines))
