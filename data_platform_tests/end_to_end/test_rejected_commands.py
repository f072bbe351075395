"""What could not be read, as `run`, `status` and `rejected` tell it: on a project written by `init`, typed as commands."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from data_platform.cli.main import run

HEADER = "order_id,ordered_at,customer_email,quantity,amount\n"
RECORDS = HEADER + (
    "A0006,2026-01-07T07:55:00+00:00,finn@example.com,1,7.50\n"
    "A0007,2026-01-07T08:55:00+00:00,gina@example.com,many,7.50\n"
    "A0008,2026-01-07T09:55:00+00:00,hugo@example.com,1,dear\n"
)
WHOLE = "order_id,ordered_at\nA0009,2026-01-08T07:55:00+00:00\n"
BAD = {
    ("orders/1", 2, "orders_2026-01-07.csv", "quantity"),
    ("orders/1", 3, "orders_2026-01-07.csv", "amount"),
    ("orders/1", 4, "orders_2026-01-08.csv", None),
}


Type = Callable[..., tuple[int, str, str]]


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A project whose source offers a file with two records, and a file, that cannot be read."""
    folder = tmp_path_factory.mktemp("project") / "bakery"
    with pytest.MonkeyPatch.context() as patch:
        for name in [name for name in os.environ if name.startswith("DATA_PLATFORM_")]:
            patch.delenv(name)
        for name in ("DATA_PLATFORM_DOMAINS", "DATA_PLATFORM_SOURCE"):  # `.env` exports them; taken back at the end
            patch.setenv(name, "")
            patch.delenv(name)
        patch.setenv("DATA_PLATFORM_THREADS", "2")
        assert run(["init", str(folder), "--domain", "bakery"]) == 0
        patch.chdir(folder)
        for file in (folder / "data/orders").iterdir():
            file.unlink()
        for day, text in ((7, RECORDS), (8, WHOLE)):
            (folder / f"data/orders/orders_2026-01-0{day}.csv").write_text(text, encoding="utf-8")
        yield folder


@pytest.fixture
def typed(shop: Path, capsys: pytest.CaptureFixture[str]) -> Type:
    def type_(*arguments: str) -> tuple[int, str, str]:
        capsys.readouterr()
        code = run(list(arguments))
        captured = capsys.readouterr()
        return code, captured.out, captured.err

    return type_


def _json(typed: Type, *arguments: str) -> Any:
    return json.loads(typed(*arguments, "--json")[1])


def test_a_run_tells_by_source_what_it_could_not_read_and_the_next_command(typed: Type) -> None:
    _, _, said = typed("run", "raw.bakery.orders")
    assert "rejected from orders: 1 file whole: orders_2026-01-08.csv (SCHEMA_REMOVED); 2 records\n" in said
    assert "next: `data-platform rejected list raw.bakery.orders`" in said


def test_a_run_that_could_read_everything_says_nothing_of_it(typed: Type) -> None:
    assert "rejected" not in typed("run", "raw.bakery.orders")[2]


def test_status_goes_on_telling_it(typed: Type) -> None:
    assert "rejected so far from raw.bakery.orders: 3 (" in typed("status")[2]
    rejected = {each["dataset"]: each["rejected"] for each in _json(typed, "status")}
    assert sum(rejected["raw.bakery.orders"].values()) == 3
    assert rejected["curated.bakery.orders"] == {}


def test_counts_are_told_by_source_and_reason(typed: Type) -> None:
    lines = _json(typed, "rejected", "list")
    assert {(line["dataset"], line["source"]) for line in lines} == {("raw.bakery.orders", "orders")}
    assert sum(line["rejected"] for line in lines) == 3
    assert {line["reason"]: line["rejected"] for line in lines}["SCHEMA_REMOVED"] == 1


@pytest.mark.parametrize("name", ["raw.bakery.orders", "bakery.orders", "orders", "rejected.bakery.orders"])
def test_rejected_items_are_listed_with_their_place_and_without_what_they_hold(typed: Type, name: str) -> None:
    rows = _json(typed, "rejected", "list", name)
    assert {(row["batch_id"], row["record_no"], row["source_name"], row["column"]) for row in rows} == BAD
    for arguments in (("rejected", "list", name), ("rejected", "list", name, "--json")):
        code, out, _ = typed(*arguments)
        assert code == 0
        assert not any(text in out for text in ("example.com", "many", "dear", "A0007"))


def test_a_limit_lists_the_first_and_says_how_many_there_are(typed: Type) -> None:
    _, _, said = typed("rejected", "list", "orders", "--limit", "1")
    assert "1 of 3 rejected from raw.bakery.orders" in said


def test_only_what_sources_deliver_is_rejected(typed: Type) -> None:
    code, _, said = typed("rejected", "list", "curated.bakery.orders")
    assert code == 2
    assert "is not raw" in said
