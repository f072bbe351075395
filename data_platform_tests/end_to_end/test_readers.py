"""Consumers read served while it is materialized: again and again, without an error or a half-published result."""

from __future__ import annotations

from datetime import date, timedelta
from pathlib import Path

import pytest

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

FIRST_DAY = date(2026, 1, 1)
MOST_ROUNDS = 70  # the session's clock says March; later days would lie in the future


@pytest.mark.parametrize("reads", [100, pytest.param(1000, marks=pytest.mark.campaign)])
def test_reads_during_materializations_see_published_states_only(tmp_path: Path, reads: int) -> None:
    home, source = tmp_path / "home", tmp_path / "source"
    write_members(source, "2026-03-01", {"M1": ("Bern", "2026-02-01")})
    write_prices(source, "2026-03-01", [(item, "2.00", 1) for item in ITEMS])
    write_ratings(source, "2026-03-01", [("R1", "tea", 5)])
    lines: list[str] = []
    states: list[list[list[object]]] = []
    with at(home, source) as platform:
        _round(source, lines, states)
        walk(platform)
        with reading(home, source, reads=reads) as seen:
            while seen["process"].poll() is None:
                if len(states) < MOST_ROUNDS:
                    _round(source, lines, states)
                walk(platform)
    assert seen["reads"] == reads
    assert len(states) > 2
    for door in ("served", "warehouse"):
        positions = [states.index(result) for result in seen[door]]  # every result is a published state
        assert positions == sorted(positions)  # and time does not run backwards
        assert len(positions) > 1


def _round(source: Path, lines: list[str], states: list[list[list[object]]]) -> None:
    """One more file: it adds to the newest day and opens the next, so that a half-published result would show.

    All orders are placed in the evening, so none is later than the allowed lateness.
    """
    number = len(states)
    days = [str(FIRST_DAY + timedelta(days=number + step)) for step in (0, 1)]
    fresh = [
        order(day, 100 * number + n, ordered_at=f"{day}T{18 + n % 3}:{number % 60:02}:00Z")
        for day in days
        for n in range(6)
    ]
    write_orders(source, f"orders_{days[1]}_{number:03}.csv", fresh)
    lines += fresh
    states.append(daily_sales(lines))
