"""Whatever stands in a file, reading it gives a contract or faults, and never raises."""

from __future__ import annotations

import string
from pathlib import Path

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from data_platform.contracts.odcs import read_contract
from data_platform.contracts.parse_cache import ParseCache
from data_platform.contracts.rules import rules_of
from data_platform_tests.unit.contracts.shop_project import SHOP

SOURCES = [path.read_text(encoding="utf-8") for path in sorted(SHOP.rglob("*.odcs.yaml"))]
WORDS = sorted({word.strip("{}[],:\"'") for text in SOURCES for word in text.split()} - {""})
SCALARS = [
    "null",
    "true",
    "-1",
    "0",
    "1.5",
    ".nan",
    "1e99",
    "9" * 60,
    "''",
    "[]",
    "{}",
    "[[]]",
    "{a: {}}",
    "2020-01-01",
]
JUNK = st.one_of(
    st.sampled_from(
        [*WORDS, *SCALARS, "\n", "  ", "- ", ": ", "{", "}", "[", "]", "'", '"', "\\0", "\t", "&a", "*a", "!!int", "|"]
    ),
    st.text(string.printable, max_size=6),
    st.text(max_size=4),
)
EDITS = st.lists(st.tuples(st.integers(0, 5000), st.integers(0, 30), JUNK), min_size=1, max_size=6)
SETTINGS = settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


@pytest.fixture
def place(tmp_path: Path) -> Path:
    path = tmp_path / "shop" / "curated" / "orders.odcs.yaml"
    path.parent.mkdir(parents=True)
    return path


def read_twice(place: Path, content: bytes) -> None:
    """Reads, derives rules, and finds the same through the cache, filled and read again."""
    place.write_bytes(content)
    cache = ParseCache(place.parents[2] / "cache")
    result = read_contract(place)
    assert read_contract(place, cache=cache) == result
    assert read_contract(place, cache=cache) == result
    assert (result.contract is None) == bool(result.faults)
    if result.contract is not None:
        names = [rule.name for rule in rules_of(result.contract)]
        assert len(set(names)) == len(names)


@SETTINGS
@given(st.sampled_from(SOURCES), EDITS)
def test_edited_text_never_raises(place: Path, source: str, edits: list[tuple[int, int, str]]) -> None:
    for start, length, junk in edits:
        at = start % len(source)
        source = source[:at] + junk + source[at + length :]
    read_twice(place, source.encode("utf-8", "replace"))


@SETTINGS
@given(st.sampled_from(SOURCES), st.integers(0, 500), st.sampled_from([*SCALARS, *WORDS]))
def test_any_word_in_the_place_of_another_never_raises(place: Path, source: str, number: int, word: str) -> None:
    words = sorted({part.strip("{}[],") for part in source.split()} - {""})
    read_twice(place, source.replace(words[number % len(words)], word).encode())


@SETTINGS
@given(st.binary(max_size=200))
@example(b"[" * 100_000)
@example(b"a: " * 100)
@example(b'schema: [{name: "\\uD800"}]')
@example(b"\xef\xbb\xbfkind: DataContract")
def test_any_bytes_never_raise(place: Path, content: bytes) -> None:
    read_twice(place, content)
