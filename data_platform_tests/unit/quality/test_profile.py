"""Previews are small and redacted."""

from __future__ import annotations

import duckdb

from data_platform.governance.redaction import MASK, redactor
from data_platform.quality.profile import preview
from data_platform.quality.verdicts import HIDDEN, hide_everything
from data_platform_tests.unit.quality.rule_makers import INTEGER, STRING, column, contract


def test_a_preview_shows_public_columns_of_the_first_rows_only() -> None:
    shown = contract(column("n", INTEGER), column("name", STRING, classification="pii"))
    relation = "(SELECT range AS n, 'secret' || range AS name FROM range(50))"
    with duckdb.connect(config={"threads": 1}) as con:
        frame = preview(con, relation, redactor(shown), limit=3)
        hidden = preview(con, relation, hide_everything)
        empty = preview(con, f"(SELECT * FROM {relation} LIMIT 0)", hide_everything)
    assert frame.to_dict("list") == {"n": [0, 1, 2], "name": [MASK] * 3}
    assert (len(hidden), set(hidden["n"])) == (5, {HIDDEN})
    assert (len(empty), list(empty.columns)) == (0, ["n", "name"])
