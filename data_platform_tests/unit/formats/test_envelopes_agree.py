"""Whatever damage a line has, opening it by the shape of the line before says the same as reading it exactly."""

from __future__ import annotations

import json
import random
from typing import Any

import pytest

from data_platform.contracts.model import Contract
from data_platform.formats.envelope_lines import EnvelopeOpener
from data_platform_tests.unit.formats.makers import read
from data_platform_tests.unit.formats.mutations import mutate
from data_platform_tests.unit.formats.test_cloudevents import DATA, EVENT, events
from data_platform_tests.unit.formats.test_debezium import changes, event, field, unscaled, with_schema


def debezium_file(source: random.Random) -> bytes:
    """Changes of one table, some with their schema."""
    spaced, has_schema = source.random() < 0.3, source.random() < 0.5
    lines = []
    for number in range(source.randrange(1, 30)):
        names = ["ann", 'say "hi"', '"op":"d",', "é\\", '{"amount":1}', None]
        amount = unscaled(number) if has_schema else source.choice([number / 100, f"{number}.10", None])
        row = {"id": number, "name": source.choice(names), "amount": amount}
        line: Any = event(op := source.choice("cudr"), row if op in "ud" else None, None if op == "d" else row)
        if source.random() < 0.1:
            line = source.choice([None, {"ts_ms": 5}, {"op": "t", "source": {}}])
        if has_schema:
            decimal = field("amount", "org.apache.kafka.connect.data.Decimal", scale="2")
            line = with_schema(line, field("id"), field("name"), decimal)
        lines.append(json.dumps(line, ensure_ascii=source.random() < 0.3, separators=None if spaced else (",", ":")))
    return ("\n".join(lines) + "\n").encode()


def cloudevents_file(source: random.Random) -> bytes:
    """Events with and without optional attributes and data."""
    lines = []
    for number in range(source.randrange(1, 30)):
        line: dict[str, Any] = EVENT | {"id": f"e-{number}", "time": "2026-01-02T10:11:12Z", "subject": "é"}
        if source.random() < 0.9:
            line["data"] = DATA | {"name": source.choice(["ann", '"data":{', "é"])}
        lines.append(json.dumps(line, ensure_ascii=source.random() < 0.3))
    return ("\n".join(lines) + "\n").encode()


def exactly(*_: Any) -> None:
    """No line is opened by the shape of another."""


CASES = [(debezium_file, changes()), (cloudevents_file, events())]


@pytest.mark.parametrize(("make", "made"), CASES)
def test_both_ways_of_opening_a_line_agree(make: Any, made: Contract, monkeypatch: pytest.MonkeyPatch) -> None:
    for seed in range(400):
        source = random.Random(seed)
        data = make(source)
        data = mutate(data, source) if seed % 4 else data
        guided = read(made, data)
        assert guided.source_rows == len(guided.rows) + len(guided.rejected), f"seed {seed}"
        with monkeypatch.context() as patched:
            patched.setattr(EnvelopeOpener, "_by_shape", exactly)
            assert read(made, data) == guided, f"seed {seed}"


@pytest.mark.parametrize(("make", "made"), CASES)
def test_most_lines_of_a_file_are_opened_by_the_shape_of_the_first(
    make: Any, made: Contract, monkeypatch: pytest.MonkeyPatch
) -> None:
    calls = []
    exact = EnvelopeOpener._exactly

    def counted(self: EnvelopeOpener, line: bytes, name: str, *, is_torn: bool) -> Any:
        calls.append(line)
        return exact(self, line, name, is_torn=is_torn)

    monkeypatch.setattr(EnvelopeOpener, "_exactly", counted)
    line = make(random.Random(3)).splitlines()[0]
    assert len(read(made, b"\n".join([line] * 1_000)).rows) == 1_000
    assert len(calls) <= 2
