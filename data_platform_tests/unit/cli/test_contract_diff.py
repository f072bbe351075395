"""`contracts diff`, sunsets and waivers on a small project under git: who is told, what is refused, what may pass."""

from __future__ import annotations

import json
import os
import subprocess
from datetime import date
from pathlib import Path
from typing import Any

import pytest
import yaml
from click.testing import CliRunner

from data_platform.cli.contract_diff import Diff, diff_of
from data_platform.cli.contract_reports import markdown
from data_platform.cli.contract_trees import tree_of_folders
from data_platform.cli.main import root
from data_platform.contracts.domains import read_project
from data_platform.contracts.sunsets import sunset_faults, sunset_reminders
from data_platform.contracts.waivers import read_waivers
from data_platform.errors import ConfigurationError
from data_platform.transforms.graph import read_graph
from data_platform_tests.kit import contract

TODAY = date(2026, 11, 22)
_RAW = ["order_no string required", "amount decimal(12,2)", "note string"]
_ORDERS = ["order_no string key", "amount decimal(12,2)", "note string"]
_SALES = ["revenue decimal(38,2)", "orders int"]


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """raw.shop.orders → curated.shop.orders → served.shop.sales (amount) and served.shop.notes (rows by note)."""
    folder = tmp_path / "domains"
    write(folder, "raw/orders", contract("raw.orders", _RAW))
    write(folder, "curated/orders", contract("curated.orders", _ORDERS, materialization="admit"))
    write(folder, "served/sales", contract("served.sales", _SALES, materialization="table"))
    write(folder, "served/counts", contract("served.counts", ["orders int"], materialization="table"))
    domain = folder / "shop"
    (domain / "domain.yaml").write_text("team: Shop\non_call: '#shop'\ncost_centre: CC-1\n")
    (domain / "connectors.yaml").write_text(
        "connectors:\n  orders: {kind: file_drop, dataset: raw.shop.orders, path: o/*}\n"
    )
    (domain / "curated/orders.sql").write_text("SELECT order_no, amount, note FROM raw.shop.orders\n")
    (domain / "served/sales.sql").write_text(
        "SELECT sum(amount) AS revenue, count(*) AS orders FROM curated.shop.orders\n"
    )
    (domain / "served/counts.sql").write_text(
        "SELECT count(*) AS orders FROM curated.shop.orders WHERE note IS NOT NULL\n"
    )
    git(tmp_path, "init", "-q", "-b", "main")
    git(tmp_path, "add", "-A")
    git(tmp_path, "commit", "-qm", "one")
    return folder


def write(folder: Path, name: str, text: str) -> None:
    path = folder / "shop" / f"{name}.odcs.yaml"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)


def git(folder: Path, *words: str) -> None:
    who = {"GIT_AUTHOR_NAME": "a", "GIT_AUTHOR_EMAIL": "a@example.com"}
    who |= {"GIT_COMMITTER_NAME": "a", "GIT_COMMITTER_EMAIL": "a@example.com"}
    subprocess.run(["git", *words], cwd=folder, check=True, capture_output=True, env=os.environ | who)


def change(folder: Path, name: str, **top: Any) -> dict[str, Any]:
    """Reads a contract, sets keys at its top, and writes it back."""
    path = folder / "shop" / f"{name}.odcs.yaml"
    document: dict[str, Any] = yaml.safe_load(path.read_text())
    document |= top
    path.write_text(yaml.safe_dump(document, sort_keys=False))
    return document


def drop_column(folder: Path, name: str, column: str, **top: Any) -> None:
    document = change(folder, name, **top)
    properties = document["schema"][0]["properties"]
    document["schema"][0]["properties"] = [p for p in properties if p["name"] != column]
    (folder / "shop" / f"{name}.odcs.yaml").write_text(yaml.safe_dump(document, sort_keys=False))


def compared(folder: Path, monkeypatch: pytest.MonkeyPatch, *words: str) -> tuple[int, Any]:
    """The exit code and the JSON of `contracts diff` typed beside the project."""
    monkeypatch.chdir(folder.parent)
    monkeypatch.setenv("DATA_PLATFORM_DOMAINS", str(folder))
    result = CliRunner().invoke(root, ["contracts", "diff", *words, "--json"], standalone_mode=False)
    assert result.exception is None, result.exception
    return result.return_value, json.loads(result.output)


def test_nothing_changed_may_pass(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    code, found = compared(project, monkeypatch, "main", "HEAD")
    assert (code, found["compared"], found["datasets"]) == (0, 4, [])


def test_a_removed_column_names_those_who_compute_with_it_and_is_refused(
    project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    drop_column(project, "curated/orders", "amount")
    code, found = compared(project, monkeypatch, "main")
    (dataset,) = found["datasets"]
    (removed,) = dataset["changes"]
    assert code == 1
    assert (removed["change"], removed["subject"], removed["readers"]) == ("column_removed", "amount", "breaking")
    assert [(a["dataset"], a["columns"], a["how"], a["owner"]) for a in removed["affected"]] == [
        ("served.shop.sales", ["revenue"], "values", "Shop")
    ]
    assert "curated.shop.orders_v2" in dataset["refused"]


def test_a_column_that_only_filters_bears_on_the_rows_of_its_readers(
    project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    drop_column(project, "curated/orders", "note")
    _, found = compared(project, monkeypatch, "main")
    affected = found["datasets"][0]["changes"][0]["affected"]
    assert [(a["dataset"], a["how"]) for a in affected] == [("served.shop.counts", "rows")]


def test_lineage_is_followed_through_several_datasets(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    drop_column(project, "raw/orders", "amount")
    _, found = compared(project, monkeypatch, "main")
    affected = found["datasets"][0]["changes"][0]["affected"]
    assert [(a["dataset"], a["columns"]) for a in affected] == [
        ("curated.shop.orders", ["amount"]),
        ("served.shop.sales", ["revenue"]),
    ]


def test_a_column_that_is_selected_and_filters_bears_on_whoever_reads_the_rows(
    project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    query = "SELECT order_no, amount, note FROM raw.shop.orders WHERE note <> 'test'\n"
    (project / "shop/curated/orders.sql").write_text(query)
    git(project.parent, "commit", "-qam", "filters")
    drop_column(project, "raw/orders", "note")
    _, found = compared(project, monkeypatch, "main")
    affected = found["datasets"][0]["changes"][0]["affected"]
    assert [(a["dataset"], a["columns"], a["how"]) for a in affected] == [
        ("curated.shop.orders", ["note"], "values"),
        ("served.shop.counts", [], "rows"),
        ("served.shop.sales", [], "reads"),  # its revenue is of other rows now
    ]


def test_what_the_platform_does_with_a_key_counts_as_the_query_does(
    project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write(project, "curated/orders", contract("curated.orders", _ORDERS, materialization="admit", dedupe_key=["note"]))
    git(project.parent, "commit", "-qam", "folds by note")
    drop_column(project, "raw/orders", "note")
    _, found = compared(project, monkeypatch, "main")
    affected = found["datasets"][0]["changes"][0]["affected"]
    assert "served.shop.sales" in [a["dataset"] for a in affected]


def test_a_major_version_lets_a_breaking_change_pass_and_says_where_it_belongs(
    project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    drop_column(project, "curated/orders", "amount", version="2.0.0")
    code, found = compared(project, monkeypatch, "main")
    assert code == 0
    assert "curated.shop.orders_v2" in found["datasets"][0]["advice"]


def test_the_same_change_in_a_new_table_touches_nobody(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    text = contract("curated.orders_v2", _ORDERS[:1], version="2.0.0", materialization="admit")
    write(project, "curated/orders_v2", text)
    (project / "shop/curated/orders_v2.sql").write_text("SELECT order_no FROM raw.shop.orders\n")
    code, found = compared(project, monkeypatch, "main")
    assert code == 0
    assert [(d["dataset"], d["verdict"]) for d in found["datasets"]] == [("curated.shop.orders_v2", "compatible")]


@pytest.mark.parametrize(
    ("said", "code"),
    [
        ({"change": "column_removed:amount"}, 0),
        ({"change": "column_removed"}, 0),
        ({"change": "column_removed:note"}, 1),
        ({"dataset": "curated.shop.others"}, 1),
        ({"expires": "2020-01-01"}, 1),
        ({"reason": ""}, 1),
    ],
)
def test_a_waiver_lets_its_change_pass_until_its_day(
    said: dict[str, str], code: int, project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    drop_column(project, "curated/orders", "amount")
    waiver = {"dataset": "curated.shop.orders", "change": "column_removed:amount", "reason": "nobody reads it"}
    waiver |= {"who": "ann@example.com", "expires": "2999-12-31"} | said
    (project / "shop/waivers.yaml").write_text(yaml.safe_dump({"waivers": [waiver]}))
    assert compared(project, monkeypatch, "main")[0] == code


def test_faults_of_waivers_name_file_and_line(project: Path) -> None:
    path = project / "shop/waivers.yaml"
    path.write_text(
        "waivers:\n"
        "  - dataset: curated.shop.orders\n    change: column_removed\n    reason: r\n    who: ann\n"
        "    expires: '2026-11-21'\n"
        "  - {dataset: curated.other.orders, change: c, reason: r, who: w, expires: soon}\n"
        "  - {dataset: curated.shop.orders, change: c, reason: r, expires: 2027-01-01, until: x}\n"
    )
    waivers, faults = read_waivers(path, today=TODAY)
    assert waivers == ()
    told = [(fault.line, fault.message.split(":")[0]) for fault in faults]
    assert {line for line, _ in told} == {6, 7, 8}
    assert any("expired on 2026-11-21" in fault.message for fault in faults)
    assert any("no who" in fault.message for fault in faults)
    assert any("'until'" in fault.message for fault in faults)


def test_the_lint_refuses_an_expired_waiver(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (project / "shop/waivers.yaml").write_text(
        "waivers:\n- {dataset: curated.shop.orders, change: c, reason: r, who: w, expires: 2020-01-01}\n"
    )
    monkeypatch.chdir(project.parent)
    result = CliRunner().invoke(root, ["contracts", "lint", str(project), "--json"], standalone_mode=False)
    assert result.return_value == 1
    assert [(f["path"], f["line"]) for f in json.loads(result.output)["faults"]] == [("domains/shop/waivers.yaml", 2)]


def remove(project: Path, name: str) -> None:
    (project / "shop" / f"{name}.odcs.yaml").unlink()
    (project / "shop" / f"{name}.sql").unlink()


def ends(sunset: str) -> dict[str, Any]:
    value = {"sunset": sunset, "note": "nobody looked at it"}
    properties = [{"property": "platform.materialization", "value": "table"}]
    return {
        "status": "deprecated",
        "customProperties": [*properties, {"property": "platform.deprecation", "value": value}],
    }


def of_trees(project: Path, base: str) -> Diff:
    """The old tree as git has it, against the folder as it is, on a fixed day."""
    other = project.parent / "before"
    other.mkdir()
    packed = subprocess.run(["git", "archive", base], cwd=project.parent, check=True, capture_output=True).stdout
    subprocess.run(["tar", "-x"], cwd=other, input=packed, check=True)
    return diff_of(tree_of_folders([other / "domains"]), tree_of_folders([project]), today=TODAY)


@pytest.mark.parametrize(
    ("top", "refused"),
    [
        ({}, "never deprecated"),
        (ends("2026-11-23"), "its sunset is 2026-11-23"),
        (ends("2026-11-22"), ""),
        ({"status": "draft"}, ""),
    ],
)
def test_a_dataset_goes_only_after_its_sunset(top: dict[str, Any], refused: str, project: Path) -> None:
    change(project, "served/sales", **top)
    git(project.parent, "commit", "-qam", "ends", "--allow-empty")
    remove(project, "served/sales")
    (dataset,) = of_trees(project, "HEAD").datasets
    assert refused in dataset.refused
    assert bool(refused) == bool(dataset.refused)


def test_a_dataset_with_readers_left_never_goes(project: Path) -> None:
    top = ends("2026-01-01")
    top["customProperties"][0]["value"] = "admit"
    change(project, "curated/orders", **top)
    git(project.parent, "commit", "-qam", "ends")
    remove(project, "curated/orders")
    (dataset,) = of_trees(project, "HEAD").datasets
    assert dataset.refused == "it is still read by served.shop.counts, served.shop.sales"


def test_a_dataset_goes_when_its_readers_have_moved_to_the_next_version(project: Path) -> None:
    top = ends("2026-01-01")
    top["customProperties"][0]["value"] = "admit"
    change(project, "curated/orders", **top)
    git(project.parent, "commit", "-qam", "ends")
    write(project, "curated/orders_v2", contract("curated.orders_v2", _ORDERS, materialization="admit"))
    (project / "shop/curated/orders_v2.sql").write_text((project / "shop/curated/orders.sql").read_text())
    for query in (project / "shop/served").glob("*.sql"):
        query.write_text(query.read_text().replace("curated.shop.orders", "curated.shop.orders_v2"))
    remove(project, "curated/orders")
    gone = next(one for one in of_trees(project, "HEAD").datasets if str(one.dataset) == "curated.shop.orders")
    assert gone.refused == ""


def test_a_contract_outside_of_the_layers_is_no_dataset(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (project / "shop" / "stray.odcs.yaml").write_text(contract("curated.stray", _ORDERS))
    code, found = compared(project, monkeypatch, "main")
    assert (code, found["datasets"]) == (0, [])


@pytest.mark.parametrize(
    ("sunset", "fault", "reminder"),
    [
        ("2026-11-22", "ended on 2026-11-22, but is still read by served.shop.counts (Shop)", ""),
        ("2026-12-22", "", "ends on 2026-12-22, in 30 days, and is read by served.shop.counts (Shop)"),
        ("2027-11-22", "", ""),
    ],
)
def test_a_sunset_reminds_its_readers_and_then_refuses(sunset: str, fault: str, reminder: str, project: Path) -> None:
    top = ends(sunset)
    top["customProperties"][0]["value"] = "admit"
    change(project, "curated/orders", **top)
    read, faults = read_project([project])
    assert faults == []
    consumers: dict[Any, list[Any]] = {}
    for name, inputs in read_graph(read).inputs.items():
        for source in inputs:
            consumers.setdefault(source, []).append(name)
    refused = [f.message for f in sunset_faults(read, consumers=consumers, today=TODAY)]
    told = [f.message for f in sunset_reminders(read, consumers=consumers, today=TODAY)]
    assert (len(refused), len(told)) == (bool(fault), bool(reminder))
    assert fault in "".join(refused)
    assert reminder in "".join(told)


def test_a_sunset_without_the_status_is_a_fault(project: Path) -> None:
    change(project, "served/sales", **ends("2027-01-01"), **{})
    change(project, "served/sales", status="active")
    (fault,) = read_project([project])[1]
    assert "has a sunset, but its status is active" in fault.message
    assert fault.line > 0


def test_two_files_are_two_versions_of_one_dataset(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, columns in (("old", _ORDERS), ("new", [*_ORDERS, "colour string"])):
        text = contract("curated.orders", columns, materialization="admit")
        (tmp_path / f"{name}.yaml").write_text(text.replace("urn:shop:curated.orders", "curated.shop.orders"))
    monkeypatch.chdir(tmp_path)
    result = CliRunner().invoke(root, ["contracts", "diff", "old.yaml", "new.yaml", "--json"], standalone_mode=False)
    assert result.exception is None, result.exception
    assert result.return_value == 0
    assert [c["change"] for c in json.loads(result.output)["datasets"][0]["changes"]] == ["column_added"]


def test_a_changed_query_is_risky_and_spaces_are_nothing(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    sql = project / "shop/served/sales.sql"
    sql.write_text(sql.read_text().replace(" AS ", "  AS\n") + "-- a remark\n")
    assert compared(project, monkeypatch, "main")[1]["datasets"] == []
    sql.write_text("SELECT sum(2 * amount) AS revenue, count(*) AS orders FROM curated.shop.orders\n")
    _, found = compared(project, monkeypatch, "main")
    assert [c["change"] for c in found["datasets"][0]["changes"]] == ["query_changed"]
    sql.write_text("SELECT sum(amount) AS income, count(*) AS orders FROM curated.shop.orders\n")
    code, found = compared(project, monkeypatch, "main")
    kinds = [(c["change"], c["subject"]) for c in found["datasets"][0]["changes"]]
    assert (code, kinds[0]) == (1, ("output_removed", "revenue"))


def test_a_reference_that_is_none_is_told(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(project.parent)
    result = CliRunner().invoke(root, ["contracts", "diff", "--", "--output=x", "HEAD"], standalone_mode=False)
    assert "no git reference" in str(result.exception)
    assert not (project.parent / "x").exists()


def test_a_comment_for_a_pull_request_cannot_be_broken_by_what_it_quotes(project: Path) -> None:
    document = change(project, "served/sales")
    document["schema"][0]["properties"][0]["description"] = "a | b <img src=x> `c`\n| d"
    (project / "shop/served/sales.odcs.yaml").write_text(yaml.safe_dump(document))
    text = markdown(of_trees(project, "HEAD"))
    rows = [line for line in text.splitlines() if line.startswith("|")]
    assert len(rows) == 3
    assert "<img" not in text


# ---- nothing passes where nothing was compared


def refused(folder: Path, monkeypatch: pytest.MonkeyPatch, *words: str, domains: Path | None = None) -> str:
    """What `contracts diff` says instead of comparing, typed in a folder."""
    monkeypatch.chdir(folder)
    monkeypatch.setenv("DATA_PLATFORM_DOMAINS", str(domains or folder / "domains"))
    result = CliRunner().invoke(root, ["contracts", "diff", *words], standalone_mode=False)
    assert isinstance(result.exception, ConfigurationError), result.output
    return str(result.exception)


def test_a_base_that_cannot_be_read_is_no_base(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    sales = project / "shop/served/sales.odcs.yaml"
    whole = sales.read_text()
    sales.write_text(whole.replace("status: active", "status: aktive"))
    git(project.parent, "commit", "-qam", "broken")
    sales.write_text(whole)
    drop_column(project, "served/sales", "orders")
    code, found = compared(project, monkeypatch, "main")
    (dataset,) = found["datasets"]
    assert (code, dataset["changes"][0]["change"]) == (1, "base_unreadable")
    assert "older commit" in dataset["refused"]
    (project / "shop/waivers.yaml").write_text(
        "waivers:\n  - {dataset: served.shop.sales, change: base_unreadable, reason: it never ran, who: ann@example.com, "
        "expires: 2099-01-01}\n"
    )
    assert compared(project, monkeypatch, "main")[0] == 0


def test_a_base_without_contracts_is_told(project: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    top = project.parent
    (top / "main").mkdir()
    (top / "README.md").write_text("no contract\n")
    assert "heads/main" in refused(top, monkeypatch, "main")
    assert "README.md is no contract" in refused(top, monkeypatch, "README.md", "domains")
    assert "an empty text" in refused(top, monkeypatch, "")
    assert "an empty text" in refused(top, monkeypatch, "HEAD", "")
    assert "is no folder of domains" in refused(top, monkeypatch, "HEAD", domains=top / "nowhere")
    elsewhere = tmp_path.parent / f"{tmp_path.name}-elsewhere"
    elsewhere.mkdir()
    assert "not in the git repository" in refused(top, monkeypatch, "HEAD", domains=elsewhere)
    assert "neither" in refused(top, monkeypatch, "HEAD~0", "HEAD", domains=top / "main")


def test_what_came_to_the_base_since_is_no_change_of_the_branch(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    git(project.parent, "checkout", "-qb", "branch")
    git(project.parent, "checkout", "-q", "main")
    write(project, "served/more", contract("served.more", ["orders int"], materialization="table"))
    (project / "shop/served/more.sql").write_text("SELECT count(*) AS orders FROM curated.shop.orders\n")
    git(project.parent, "add", "-A")
    git(project.parent, "commit", "-qm", "more")
    git(project.parent, "checkout", "-q", "branch")
    code, found = compared(project, monkeypatch, "main")
    assert (code, found["datasets"]) == (0, [])
    assert found["base"].startswith("main at ")
    assert compared(project, monkeypatch, "main", "branch")[1]["datasets"] == []
    assert [d["dataset"] for d in compared(project, monkeypatch, "branch", "main")[1]["datasets"]] == [
        "served.shop.more"
    ]


def test_attributes_of_exports_hide_nothing(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (project.parent / ".gitattributes").write_text("domains/shop/served/** export-ignore\n")
    git(project.parent, "add", "-A")
    git(project.parent, "commit", "-qm", "attributes")
    drop_column(project, "served/sales", "orders")
    code, found = compared(project, monkeypatch, "main")
    assert (code, found["datasets"][0]["changes"][0]["change"]) == (1, "column_removed")


def test_faults_of_a_loose_file_name_that_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    text = contract("curated.orders", _ORDERS, materialization="admit").replace(
        "urn:shop:curated.orders", "curated.x.y"
    )
    (tmp_path / "old.yaml").write_text(text)
    (tmp_path / "new.yaml").write_text(text + "nonsense: 1\n")
    assert "new.yaml:" in refused(tmp_path, monkeypatch, "old.yaml", "new.yaml")
