"""A cursor leads back to where a page ended; whatever else is sent as one is told so."""

from __future__ import annotations

import base64
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from data_platform.catalog.cursors import UnknownCursor, cursor_of, place_in

texts = st.text(st.characters(exclude_characters="\x00", exclude_categories=["Cs"]))


def packed(text: str) -> str:
    return base64.urlsafe_b64encode(text.encode()).decode().rstrip("=")


@given(st.floats(allow_nan=False, allow_infinity=False), texts, st.integers(0, 2**63 - 1))
def test_a_place_is_found_again(score: float, name: str, number: int) -> None:
    assert place_in(cursor_of(score, name, number), (float, str, int)) == (score, name, number)


def test_a_cursor_can_stand_in_an_address_as_it_is() -> None:
    assert set("+/=&?") & set(cursor_of("ÿ?>~" * 9, "\n")) == set()


@pytest.mark.parametrize(
    "cursor",
    [
        "",
        "nonsense",
        "é",
        "\udcff",
        packed("[" * 5_000),
        packed("null"),
        packed('{"a": 1, "b": 2, "c": 3}'),
        packed('[1.5, "one"]'),
        packed('["1.5", "a", "b"]'),
        packed('[true, "a", "b"]'),
        packed('[NaN, "a", "b"]'),
        packed('[1e999, "a", "b"]'),
        packed(f'[{"9" * 400}, "a", "b"]'),
        packed(f'[{"9" * 5_000}, "a", "b"]'),
        packed('[1.5, "a\\u0000", "b"]'),
        packed('[1.5, "a", "\\ud800"]'),
        packed('[1.5, "a", 7]'),
        base64.urlsafe_b64encode(b"\xff\xfe").decode(),
    ],
)
def test_what_no_page_gave_is_refused(cursor: str) -> None:
    with pytest.raises(UnknownCursor, match="first page"):
        place_in(cursor, (float, str, str))


@pytest.mark.parametrize("number", [-1, 2**63, 1.0])
def test_a_number_that_no_table_gives_is_refused(number: float) -> None:
    with pytest.raises(UnknownCursor):
        place_in(packed(json.dumps([number])), (int,))
