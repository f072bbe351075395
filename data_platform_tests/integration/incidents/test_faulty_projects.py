"""Watching a project of which a file is faulty: the rest is watched, the fault is a ticket, and nobody writes."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Callable, Iterator
from datetime import timedelta
from functools import cached_property
from pathlib import Path
from typing import Any

import pytest
import yaml
from starlette.testclient import TestClient

from data_platform.cli.lookout import Lookout, looking_out
from data_platform.cli.main import run
from data_platform.errors import ConfigurationError, FaultyProject
from data_platform.incidents.model import RECOVERY
from data_platform.metastore.security_events import SecurityEvent
from data_platform.metastore.sli_values import SliValueEntry
from data_platform.serving.app import platform_app
from data_platform.settings import load_settings
from data_platform.wiring.platform import Platform, open_platform
from data_platform.wiring.reading import sound_reader
from data_platform_tests.integration.incidents.webhooks import Received
from data_platform_tests.kit import Kit

OBJECTIVE = "freshness.served.shop.sales"
Start = Callable[[], Platform]


@pytest.fixture
def kit(tmp_path: Path, hook: Received, monkeypatch: pytest.MonkeyPatch) -> Iterator[Kit]:
    made = Kit(tmp_path)
    made.raw("orders", ("id int key", "amount int"))
    made.raw("visits", ("id int key",))
    made.curated("orders", ("id int key",), "SELECT id FROM raw.shop.orders", materialization="admit")
    made.served("sales", ("n int",), "SELECT count(*) AS n FROM curated.shop.orders", materialization="table")
    promise = [{"property": "latency", "value": 8, "unit": "h"}, {"property": "frequency", "value": 1, "unit": "d"}]
    sales = contract_of(made, "served/sales")
    sales.write_text(yaml.safe_dump({**yaml.safe_load(sales.read_text()), "slaProperties": promise}))
    routes = {"platform": {"channels": ["h"]}, "teams": {"#shop": {"channels": ["h"]}},
              "channels": {"h": {"webhook": hook.address}}}  # fmt: skip
    (tmp_path / "routes.yaml").write_text(yaml.safe_dump(routes))
    monkeypatch.chdir(tmp_path)
    for name, value in (("HOME", "home"), ("DOMAINS", "domains"), ("SOURCE", "source"), ("ROUTES", "routes.yaml")):
        monkeypatch.setenv(f"DATA_PLATFORM_{name}", str(tmp_path / value))
    monkeypatch.setenv("DAGSTER_HOME", str(tmp_path / "dagster"))
    yield made
    made.close()


@pytest.fixture
def start(kit: Kit) -> Iterator[Start]:
    """A process that watches, as it starts now."""
    opened: list[Any] = []

    def started() -> Platform:
        settings = load_settings()
        opened.append(open_platform(settings, kit.clock, reader=sound_reader(settings)))
        platform: Platform = opened[-1].__enter__()
        return platform

    yield started
    for one in opened:
        one.__exit__(None, None, None)


def contract_of(kit: Kit, dataset: str) -> Path:
    return kit.folder / "domains" / "shop" / f"{dataset}.odcs.yaml"


def spoiled(kit: Kit, dataset: str) -> str:
    """Puts a key into a contract that no contract has; gives the text before."""
    file = contract_of(kit, dataset)
    text = file.read_text()
    file.write_text(text.replace("version:", "vershun:"))
    return text


def go_round(kit: Kit, platform: Platform, *, turns: int = 3) -> None:
    for _ in range(turns):
        assert Lookout(platform).tick().failed == {}
        kit.clock.advance(timedelta(seconds=20))


def told(hook: Received) -> list[tuple[str, str, str]]:
    return [(body["kind"], body["cause"], body["recipient"]) for body in hook.bodies]


def test_a_watch_that_starts_over_a_fault_watches_the_rest_and_tells_the_owner_what_to_mend(
    kit: Kit, start: Start, hook: Received
) -> None:
    text = spoiled(kit, "curated/orders")
    (kit.folder / "domains/shop/curated/orders.sql").write_text("SELEKT")
    platform = start()
    event = SecurityEvent(at=kit.clock.now(), kind="leaked_credential", subject="token:x")
    platform.metastore.operations.security_events.append(event)
    go_round(kit, platform)
    assert sorted(told(hook)) == [
        ("opened", "files:curated.shop.orders", "#shop"),
        ("opened", "token:x", "platform"),
    ]
    ticket = next(body for body in hook.bodies if body["cause"].startswith("files:"))
    assert (ticket["alert"], ticket["severity"], ticket["owner"]) == ("metadata_gap", "ticket", "Shop")
    assert ticket["title"] == "files of curated.shop.orders have faults"
    line = text[: text.index("version:")].count("\n") + 1
    (symptom,) = ticket["lasting"]
    places = [re.match(r"domains/shop/curated/orders\.odcs\.yaml:(\d+): .*\(fix: .+\)$", one)
              for one in symptom["evidence"]["faults"]]  # fmt: skip
    assert str(line) in [place[1] for place in places if place]
    contract_of(kit, "curated/orders").write_text(text)
    (kit.folder / "domains/shop/curated/orders.sql").write_text("SELECT id FROM raw.shop.orders")
    go_round(kit, platform, turns=1)
    kit.clock.advance(RECOVERY)
    go_round(kit, platform, turns=1)
    assert told(hook)[-1] == ("resolved", "files:curated.shop.orders", "#shop")


@pytest.mark.parametrize(
    "file",
    ["raw/orders.odcs.yaml", "curated/orders.sql", "domain.yaml", "connectors.yaml", "objectives/a.openslo.yaml"],
)
def test_whatever_file_is_faulty_at_the_start_a_turn_and_the_pages_work(kit: Kit, start: Start, file: str) -> None:
    place = kit.folder / "domains" / "shop" / file
    place.parent.mkdir(exist_ok=True)
    place.write_text("x: [(")
    platform = start()
    go_round(kit, platform)
    found = platform.metastore.operations.incidents.recent()
    assert [one.cause for one in found if one.cause.startswith("files:")] != []
    with TestClient(platform_app(platform), base_url="http://localhost") as client:
        for path in ("/", "/on-call", f"/incidents/{found[0].incident_id}", "/objectives", "/connectors", "/metrics"):
            assert client.get(path).status_code == 200, path


def test_a_fault_in_a_domains_own_file_goes_to_the_platform_team_where_its_owner_is_not_known(
    kit: Kit, start: Start, hook: Received
) -> None:
    (kit.folder / "domains/shop/domain.yaml").write_text("teem: Shop\n")
    go_round(kit, start())
    assert told(hook) == [("opened", "files:shop", "platform")]


def test_a_fault_that_comes_while_it_is_watched_goes_to_the_owner_that_was_known_last(
    kit: Kit, start: Start, hook: Received
) -> None:
    platform = start()
    go_round(kit, platform, turns=1)
    (kit.folder / "domains/shop/domain.yaml").write_text("teem: Shop\n")
    (kit.folder / "domains/shop/connectors.yaml").write_text("connectors: {orders: {kind: nonsense}}")
    go_round(kit, platform)
    assert told(hook) == [("opened", "files:shop", "#shop")]
    assert [one.dataset for one in platform.connector_standings(kit.clock.now())] == [
        "raw.shop.orders",
        "raw.shop.visits",
    ]


def test_a_change_that_is_sound_takes_effect_at_the_next_turn(kit: Kit, start: Start) -> None:
    platform = start()
    go_round(kit, platform, turns=1)
    kit.served("more", ("n int",), "SELECT count(*) AS n FROM raw.shop.visits", materialization="table")
    domain = kit.folder / "domains/shop/domain.yaml"
    domain.write_text(domain.read_text().replace("#shop", "#night"))
    go_round(kit, platform, turns=1)
    estate = platform.watch.engine.estate
    assert (estate.on_call["shop"], "served.shop.more" in estate.datasets) == ("#night", True)


def measured(kit: Kit, platform: Platform, *, good: float) -> None:
    values = platform.metastore.operations.sli_values
    entry = SliValueEntry(sli="freshness", subject="served.shop.sales", measured_at=kit.clock.now(), value=None,
                          good=good, provenance="test")  # fmt: skip
    assert values.append([entry], sli="freshness", after=values.cursor("freshness"))


def test_an_objective_goes_on_with_the_contract_that_was_sound_last(kit: Kit, start: Start) -> None:
    first = start()
    first.objectives.evaluate(kit.clock.now())
    kit.clock.advance(timedelta(minutes=10))
    spoiled(kit, "served/sales")
    second = start()
    measured(kit, second, good=600)
    second.objectives.evaluate(kit.clock.now())
    standing = second.metastore.operations.objectives.get(OBJECTIVE)
    assert standing is not None
    assert (standing.good_total, standing.evaluated_at) == (600, kit.clock.now())


def test_an_objective_whose_contract_nobody_remembers_keeps_its_samples(kit: Kit, start: Start) -> None:
    first = start()
    measured(kit, first, good=600)
    kit.clock.advance(timedelta(minutes=10))
    first.objectives.evaluate(kit.clock.now())
    spoiled(kit, "served/sales")
    (kit.folder / "home/cache/sound.json").unlink()
    second = start()
    second.objectives.evaluate(kit.clock.now() + timedelta(minutes=10))
    standing = second.metastore.operations.objectives.get(OBJECTIVE)
    assert standing is not None
    assert standing.good_total == 600


def test_nobody_writes_over_a_fault(kit: Kit, start: Start, capsys: pytest.CaptureFixture[str]) -> None:
    spoiled(kit, "curated/orders")
    platform = start()
    for writer in ("ingester", "materializer", "registration"):
        with pytest.raises(FaultyProject):
            getattr(platform, writer)
    assert run(["ingest", "run", "visits"]) == 2
    assert run(["query", "SELECT id FROM raw.shop.visits"]) == 2  # what its masks are is not known
    assert run(["quarantine", "list", "curated.shop.orders"]) == 2
    assert run(["contracts", "lint"]) == 1
    assert "2 faults in the project" in capsys.readouterr().err


def test_commands_that_show_say_how_many_files_are_faulty_and_which(
    kit: Kit, capsys: pytest.CaptureFixture[str]
) -> None:
    kit.platform.metastore.migrate()
    spoiled(kit, "curated/orders")
    codes = {}
    for words in (["status"], ["watch", "--once"], ["metrics"], ["slo", "list"], ["runbook", "list"],
                  ["ingest", "list"], ["costs", "show"]):  # fmt: skip
        codes[words[0]] = run(words)
        said = " ".join(capsys.readouterr().err.split())
        assert "1 faulty file" in said, words
        assert "domains/shop/curated/orders.odcs.yaml" in said, words
    assert codes["status"] == 1
    assert codes["watch"] == codes["metrics"] == codes["slo"] == codes["runbook"] == 0
    assert run(["status", "--json"]) == 1
    shown = {one["dataset"]: one["is_faulty"] for one in json.loads(capsys.readouterr().out)}
    assert [name for name, is_faulty in shown.items() if is_faulty] == ["curated.shop.orders"]
    assert len(shown) == 4
    assert run(["doctor"]) == 1
    said = " ".join(capsys.readouterr().out.split())
    assert "curated.shop.orders" in said
    assert "wrong" in said


def test_the_on_call_page_says_what_is_faulty_until_it_is_mended(kit: Kit, start: Start) -> None:
    platform = start()
    with TestClient(platform_app(platform), base_url="http://localhost") as client:
        assert "faulty" not in client.get("/on-call").text
        text = spoiled(kit, "curated/orders")
        platform.refresh()
        page = client.get("/on-call").text
        assert "1 faulty file<" in page
        assert "domains/shop/curated/orders.odcs.yaml" in page
        for path in ("/", "/incidents", "/objectives", "/debug", "/costs", "/connectors"):
            assert client.get(path).status_code == 200, path
        contract_of(kit, "curated/orders").write_text(text)
        platform.refresh()
        assert "faulty" not in client.get("/on-call").text


@pytest.mark.parametrize("odd", [b"shop/curated/\xff.odcs.yaml", b"shop/curated/\xff.sql", b"\xff/domain.yaml"])
def test_a_file_whose_name_is_no_text_is_one_ticket_and_hides_no_page(
    kit: Kit, start: Start, hook: Received, odd: bytes
) -> None:
    file = os.path.join(os.fsencode(kit.folder / "domains"), odd)
    os.makedirs(os.path.dirname(file), exist_ok=True)
    with open(file, "w") as opened:
        opened.write(contract_of(kit, "curated/orders").read_text())
    platform = start()
    go_round(kit, platform, turns=4)
    assert [kind for kind, *_ in told(hook)] == ["opened"]
    with TestClient(platform_app(platform), base_url="http://localhost") as client:
        for path in ("/", "/on-call", "/incidents", "/costs", "/metrics"):
            assert client.get(path).status_code == 200, path
    os.unlink(file)  # a folder without files is no domain
    go_round(kit, platform, turns=1)
    kit.clock.advance(RECOVERY)
    go_round(kit, platform, turns=1)
    assert [kind for kind, *_ in told(hook)] == ["opened", "resolved"]


def test_nothing_that_was_made_of_the_project_outlives_a_change_of_it(kit: Kit, start: Start) -> None:
    platform = start()
    names = {name for kind in type(platform).__mro__ for name, value in vars(kind).items()
             if isinstance(value, cached_property)}  # fmt: skip
    made = {name: getattr(platform, name) for name in names}
    before = platform.project
    assert not platform.refresh()
    assert all(getattr(platform, name) is one for name, one in made.items())
    spoiled(kit, "curated/orders")
    assert platform.refresh()
    for name, one in platform.__dict__.items():
        parts = [one, *(vars(one).values() if hasattr(one, "__dict__") else ())]
        assert not any(part is before for part in parts), name
    assert {"metastore", "engine", "tracer", "delivery", "meter"} <= set(platform.__dict__)  # what `close` closes


def test_routes_that_cannot_be_used_are_told_at_once_and_nobody_seems_to_watch(kit: Kit, start: Start) -> None:
    (kit.folder / "routes.yaml").write_text("channels: [h]\n")
    with pytest.raises(ConfigurationError, match="the routes cannot be used"), looking_out(start()):
        pass


def test_a_watch_says_once_in_its_terminal_that_a_file_got_a_fault_and_that_it_was_mended(
    kit: Kit, start: Start, capsys: pytest.CaptureFixture[str]
) -> None:
    lookout = Lookout(start())
    said = []
    text = contract_of(kit, "curated/orders").read_text()
    for change in (lambda: None, lambda: spoiled(kit, "curated/orders"), lambda: None,
                   lambda: contract_of(kit, "curated/orders").write_text(text)):  # fmt: skip
        change()
        lookout.tick()
        said.append(capsys.readouterr().err)
    assert said[0] == said[2] == ""
    assert "there is 1 faulty file, of which is shown what was sound last: " in said[1]
    assert "orders.odcs.yaml; data-platform contracts lint" in said[1]
    assert said[3] == "there are no faulty files any more\n"
