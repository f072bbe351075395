"""An operator's day on a project written by `init`, typed as commands: one home, in order."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from data_platform.cli.environment import platform_here
from data_platform.cli.main import run
from data_platform.cli.refresh import refresh

Type = Callable[..., tuple[int, str, str]]


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A project with everything materialized, and the working directory in it."""
    folder = tmp_path_factory.mktemp("project") / "bakery"
    with pytest.MonkeyPatch.context() as patch:
        for name in list(os.environ):
            if name.startswith("DATA_PLATFORM_"):
                patch.delenv(name)
        for name in ("DATA_PLATFORM_DOMAINS", "DATA_PLATFORM_SOURCE"):  # `.env` exports them; taken back at the end
            patch.setenv(name, "")
            patch.delenv(name)
        patch.setenv("DATA_PLATFORM_THREADS", "2")
        assert run(["init", str(folder), "--domain", "bakery"]) == 0
        patch.chdir(folder)
        assert run(["ingest", "run", "orders"]) == 0
        with platform_here() as platform:
            done = refresh(platform, set(platform.graph.order), platform.run())
        assert [each.problem for each in done] == ["", ""]
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
    code, out, _ = typed(*arguments, "--json")
    assert code == 0
    return json.loads(out)


def _amounts(typed: Type) -> dict[str, str]:
    answer = _json(typed, "query", "SELECT order_date, amount FROM served.bakery.daily_sales")
    return {row["order_date"]: row["amount"] for row in answer["rows"]}


def test_the_written_project_is_sound_and_every_rule_is_proven(typed: Type) -> None:
    assert _json(typed, "contracts", "lint")["faults"] == []
    proofs = _json(typed, "contracts", "prove")
    assert proofs["rules"] == proofs["proven"] > 0


def test_init_refuses_a_folder_that_holds_something(typed: Type, shop: Path) -> None:
    code, _, err = typed("init", str(shop))
    assert code == 2
    assert "not empty" in err


def test_status_shows_every_dataset_with_a_closed_ledger(typed: Type) -> None:
    standings = {each["dataset"]: each for each in _json(typed, "status")}
    assert {name: each["rows"] for name, each in standings.items()} == {
        "raw.bakery.orders": 6, "curated.bakery.orders": 5, "served.bakery.daily_sales": 2,
    }  # fmt: skip
    assert {each["residual"] for each in standings.values()} == {0}


def test_a_query_masks_classified_columns_unless_told_and_leaves_audit_lines(typed: Type) -> None:
    statement = "SELECT order_id, customer_email FROM curated.bakery.orders ORDER BY 1 LIMIT 1"
    masked = _json(typed, "query", statement)
    assert masked["rows"] == [{"order_id": "A0001", "customer_email": "•••"}]
    shown = _json(typed, "query", statement, "--unmask")
    assert shown["rows"] == [{"order_id": "A0001", "customer_email": "ada@example.com"}]
    with platform_here() as platform:
        newest, before = platform.metastore.operator_log.recent(limit=2)
    assert (newest.statement, before.statement) == (f"{statement} -- unmasked", statement)
    assert set(newest.tables) == {"curated.bakery.orders"}


def test_a_query_that_fails_over_a_value_does_not_tell_what_the_masks_hide(typed: Type) -> None:
    code, _, err = typed("query", "SELECT CAST(customer_email AS INTEGER) FROM curated.bakery.orders")
    assert code == 2
    assert "customer_email" in err
    assert "@example.com" not in err
    assert 'column "order_it"' in typed("query", "SELECT order_it FROM curated.bakery.orders")[2]


def test_held_rows_are_listed_without_what_is_classified(typed: Type) -> None:
    (row,) = _json(typed, "quarantine", "list", "curated.bakery.orders")
    assert (row["record_no"], row["rules"]) == (3, "quantity_bounds")
    assert "cleo@example.com" not in json.dumps(row)
    code, out, _ = typed("query", "SELECT * FROM quarantine.bakery.orders", "--csv")
    assert code == 0
    assert "cleo@example.com" not in out


def test_a_release_needs_yes_and_then_reaches_the_served_layer_and_history_stays_readable(typed: Type) -> None:
    before = _amounts(typed)
    assert before == {"2026-01-05": "58.40", "2026-01-06": "54.92"}
    release = ("quarantine", "release", "bakery.orders", "orders/1", "3", "--note", "a return")
    code, out, _ = typed(*release)
    assert code == 1
    assert "release 1 quarantined" in out
    assert _amounts(typed) == before
    assert typed(*release, "--yes")[0] == 0
    assert _amounts(typed) == {"2026-01-05": "65.90", "2026-01-06": "54.92"}
    old = _json(typed, "query", "SELECT sum(amount) AS total FROM served.bakery.daily_sales", "--as-of", "1")
    assert old["rows"] == [{"total": "113.32"}]
    assert _json(typed, "query", "SELECT decision FROM decisions.bakery.orders")["rows"] == [{"decision": "release"}]


def test_a_deleted_metastore_is_derived_again(typed: Type, shop: Path) -> None:
    for file in (shop / ".data_platform").glob("metastore.db*"):
        file.unlink()
    code, out, _ = typed("doctor", "--json")
    assert code == 1
    assert {f["next"] for f in json.loads(out)["findings"] if f["state"] == "wrong"} == {
        "data-platform doctor --repair"
    }
    assert typed("doctor", "--repair")[0] == 0
    assert typed("doctor")[0] == 0
    assert _json(typed, "ingest", "run", "orders") == []


@pytest.mark.parametrize("table", ["raw", "rejected", "curated", "held", "served"])
def test_a_torn_acknowledged_head_is_recovered_to_the_same_content(table: str, typed: Type, shop: Path) -> None:
    name = "daily_sales" if table == "served" else "orders"
    log = shop / ".data_platform" / "store" / "tables" / table / "bakery" / name / "_delta_log"
    head = max(log.glob("*.json"))
    head.write_bytes(head.read_bytes()[:50])
    assert typed("doctor")[0] == 1
    assert typed("recover", f"{table}.bakery.{name}")[0] == 1
    assert typed("recover", f"{table}.bakery.{name}", "--yes")[0] == 0
    assert typed("doctor")[0] == 0
    assert _json(typed, "rebuild", "--verify")["is_equal"]


def test_decisions_cannot_be_recovered_and_the_message_says_so(typed: Type, shop: Path) -> None:
    log = shop / ".data_platform" / "store" / "tables" / "decisions" / "bakery" / "orders" / "_delta_log"
    head = max(log.glob("*.json"))
    whole = head.read_bytes()
    head.write_bytes(b"")
    code, _, err = typed("recover", "decisions.bakery.orders", "--yes")
    head.write_bytes(whole)
    assert code == 3
    assert "backup" in err
