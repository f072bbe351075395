"""Redaction: what is not public is a fixed mask, which says nothing of the value."""

from __future__ import annotations

import pandas as pd
from hypothesis import given
from hypothesis import strategies as st

from data_platform.governance.redaction import MASK, redact_frame, redact_row, redact_value, redactor
from data_platform_tests.unit.quality.rule_makers import STRING, column, contract

CONTRACT = contract(column("city", STRING), column("email", STRING, classification="confidential"))


@given(st.none() | st.text() | st.integers() | st.binary(), st.text().filter(lambda text: text != "public"))
def test_a_sensitive_value_becomes_the_same_mask_whatever_it_is(value: object, classification: str) -> None:
    assert redact_value(column("x", STRING, classification=classification), value) == MASK
    assert redact_value(column("x", STRING), value) == value


def test_a_row_shows_public_and_platform_columns_only() -> None:
    row = {"city": "Bern", "email": "a@b", "_batch_id": "s/1", "_extra": '{"email": "a@b"}', "unheard_of": "a@b"}
    shown = {"city": "Bern", "email": MASK, "_batch_id": "s/1", "_extra": MASK, "unheard_of": MASK}
    assert redact_row(CONTRACT, row) == redactor(CONTRACT)(row) == shown


def test_a_frame_is_redacted_in_a_copy_whatever_its_types() -> None:
    frame = pd.DataFrame({"city": ["Bern"], "email": ["a@b"], "n": [7]}, index=[4])
    redacted = redact_frame(CONTRACT, frame)
    assert redacted.to_dict("index") == {4: {"city": "Bern", "email": MASK, "n": MASK}}
    assert frame.loc[4, "email"] == "a@b"
    assert redact_frame(CONTRACT, frame.iloc[:0]).empty
