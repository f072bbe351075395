from __future__ import annotations

import re
from importlib.resources import files
from pathlib import Path

import pytest

from data_platform.observability.slis.registry import INDICATORS, MEASURED, NO_SOURCE, Indicator, indicator

ROOT = Path(__file__).parents[4]
NAMED = re.compile(r"`(data_platform_tests/[\w/]+\.py)(?:::(test_\w+))?`")


@pytest.mark.parametrize("one", INDICATORS, ids=lambda one: one.name)
def test_every_indicator_has_a_page_whose_tests_are_there(one: Indicator) -> None:
    page = (files("data_platform") / one.page.removeprefix("data_platform/")).read_text(encoding="utf-8")
    assert page == one.explanation
    assert f"`{one.name}`" in page
    named = NAMED.findall(page)
    assert named or one.measure is None
    for path, test in named:
        assert f"def {test}" in (ROOT / path).read_text(encoding="utf-8")


def test_the_index_names_every_indicator_and_everything_without_a_source() -> None:
    index = (ROOT / "docs/reference/slis/README.md").read_text(encoding="utf-8")
    assert all(f"(../../../{one.page})" in index for one in INDICATORS)
    assert all(f"| {number} |" in index and why in index for number, (_, why) in NO_SOURCE.items())


def test_all_fifteen_of_the_guide_are_measured_or_told_to_have_no_source() -> None:
    numbers = {one.number for one in INDICATORS if one.number} | NO_SOURCE.keys()
    assert numbers == {f"M{number}" for number in range(1, 16)}
    assert not {one.number for one in INDICATORS} & NO_SOURCE.keys()


def test_what_has_no_source_is_never_measured() -> None:
    assert all(indicator(name) is None for name, _ in NO_SOURCE.values())
    assert len(MEASURED) == len({measure.__module__ for measure in MEASURED})
