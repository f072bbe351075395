"""Pages for those on call over very many datasets, and over files that are none of theirs."""

from __future__ import annotations

import re
from pathlib import Path

from starlette.testclient import TestClient

from data_platform.metastore.objective_tables import ObjectiveState
from data_platform.metastore.runs import RunEntry
from data_platform.metastore.tables import RunState
from data_platform.serving.app import platform_app
from data_platform_tests.integration.serving.operations_facts import incident, objective
from data_platform_tests.integration.serving.page_words import said
from data_platform_tests.kit import Kit


def test_a_thousand_datasets_are_shown_in_pages(tmp_path: Path) -> None:
    kit = Kit(tmp_path)
    kit.raw("orders", ("order_id string",))
    now, store = kit.clock.now(), kit.platform.metastore
    names = [f"curated.shop.d{n:04}" for n in range(1_000)]
    store.runs.record(
        RunEntry(run_id=f"run-{name}", dataset=name, started_at=now, state=RunState.FAILED, error="x") for name in names
    )
    store.operations.objectives.record(objective(f"freshness.{name}", now, subject=name) for name in names[17:])
    store.operations.objectives.record(
        objective(f"freshness.{name}", now, subject=name, state=ObjectiveState.SPENT, detail={"burning": "fast"})
        for name in names[:17]
    )
    store.operations.incidents.put(
        incident(f"i{n:04}", began_at=now, detected_at=now, cause=name) for n, name in enumerate(names)
    )
    with TestClient(platform_app(kit.platform), base_url="http://localhost") as client:
        for path, named in (("/incidents", "i%04d is wrong"), ("/objectives", "freshness.curated.shop.d%04d")):
            for page, first, last in ((1, 0, 49), (20, 950, 999)):
                text = said(client.get(path, params={"page": page}))
                assert (named % first).replace(".", ". ") in text
                assert (named % last).replace(".", ". ") in text
                assert f"{first + 1:,}–{last + 1:,} of 1,000" in text
            assert client.get(path).text.count("<tr>") == 51
        on_call = client.get("/on-call")
        assert (
            on_call.text.count("<tr>") == 1 + 12 + 1 + 50 + 1 + 12
        )  # incidents, failing pipelines, burning objectives
        assert "1–50 of 1,000 datasets" in said(on_call)
        assert "12 of 17 shown" in said(on_call, section="burning")
        assert "17 of 1,000 objectives burning, 17 with nothing left" in said(on_call)
        assert "spent 17 burning 17 unknown 0 met 983" in said(client.get("/objectives"))
        assert client.get("/objectives?state=burning").text.count("<tr>") == 1 + 17
        assert client.get("/debug").text.count("<tr>") == 1 + 25
        page_of = re.findall(r'hx-get="([^"]*)"', client.get("/on-call?page=3&domain=shop").text)
        assert page_of == ["/on-call?domain=shop&amp;page=3"]  # brought up to date, it stays where it was turned to
    kit.close()


def test_a_runbook_is_the_platforms_or_the_domains_own_and_no_other_file(tmp_path: Path) -> None:
    kit = Kit(tmp_path)
    kit.raw("orders", ("order_id string",))
    (domain,) = (one.path for one in kit.platform.project.domains)
    (domain / "runbooks").mkdir()
    (domain / "runbooks" / "run_failed.md").write_text("# Ours\n\nAsk the <b>shop</b>.\n")
    (tmp_path / "secret.md").write_text("a secret")
    files = {
        "own": str(domain / "runbooks" / "run_failed.md"),
        "shipped": "data_platform/incidents/runbooks/run_failed.md",
        "foreign": str(tmp_path / "secret.md"),
        "outside": str(domain / ".." / ".." / "secret.md"),
        "none": "",
    }
    now = kit.clock.now()
    kit.platform.metastore.operations.incidents.put(
        incident(key, began_at=now, detected_at=now, detail={"runbook": file}) for key, file in files.items()
    )
    with TestClient(platform_app(kit.platform), base_url="http://localhost") as client:
        shown = {key: client.get(f"/incidents/{key}") for key in files}
        assert "Ours Ask the <b>shop</b>." in said(shown["own"], section="runbook")
        assert "&lt;b&gt;shop" in shown["own"].text
        for key in ("shipped", "none"):
            assert "Diagnose" in said(shown[key], section="runbook")
        for key in ("foreign", "outside"):
            assert "secret" not in shown[key].text
            assert "Nobody has written down" in said(shown[key], section="runbook")
        assert "Diagnose" in said(client.get("/runbooks/run_failed"))
    kit.close()
