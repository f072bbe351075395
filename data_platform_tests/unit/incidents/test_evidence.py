"""Evidence in words."""

from __future__ import annotations

import pytest

from data_platform.incidents.evidence import facts


@pytest.mark.parametrize(
    ("name", "value", "shown"),
    [("age_seconds", 7_500, ("age", "2 h 5 min")), ("state", "dead", ("state", "dead")), ("is_late", True, ("is late", "yes")),
     ("at", "2026-03-20T13:00:00.123+01:00", ("at", "2026-03-20 12:00 UTC")), ("day", "2026-03-20", ("day", "2026-03-20")),
     ("ratio", 0.123456789, ("ratio", "0.123457")), ("budget_left", -199.0, ("budget left", "spent 200 times over")),
      ("rows", [1, 2], ("rows", "1, 2")), ("by", {"a": 1}, ("by", "a 1"))],
)  # fmt: skip
def test_evidence_is_in_words(name: str, value: object, shown: tuple[str, str]) -> None:
    assert facts({name: value}) == [shown]


def test_what_says_nothing_is_left_out_and_zero_is_said() -> None:
    assert facts({"run": None, "error": "", "partitions": [], "rows": 0, "late": False}) == [
        ("late", "no"),
        ("rows", "0"),
    ]
