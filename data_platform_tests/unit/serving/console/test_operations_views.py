"""What pages for those on call compute from facts, held against hand-computed numbers."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from data_platform.metastore.component_beats import ComponentBeat
from data_platform.metastore.incident_tables import IncidentSeverity, IncidentState
from data_platform.metastore.incidents import IncidentEntry
from data_platform.metastore.notifications import NotificationEntry
from data_platform.metastore.objective_tables import ObjectiveState
from data_platform.metastore.objectives import ObjectiveEntry
from data_platform.metastore.partitions import PartitionEntry
from data_platform.metastore.runs import RunEntry
from data_platform.metastore.spans import SpanEntry
from data_platform.metastore.tables import PartitionState, RunState
from data_platform.observability.words import budget_left, duration, share, size
from data_platform.serving.console.operations.debugging import lag_chart, lags, waterfall
from data_platform.serving.console.operations.filters import Filter, sliced
from data_platform.serving.console.operations.incident import deliveries, milestones, version_changes
from data_platform.serving.console.operations.objective import burns_of
from data_platform.serving.console.operations.runbook_text import rendered
from data_platform.serving.console.operations.signals import objective_tile, watching
from data_platform.serving.console.operations.spending import digits_of, evened

NOON = datetime(2026, 3, 20, 12, tzinfo=UTC)


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(None, "no evidence"), (0, "0 ms"), (0.25, "250 ms"), (2.94, "2.9 s"), (59, "59 s"), (61, "1 min 1 s"),
     (7_500, "2 h 5 min"), (7_201, "2 h"), (90_000, "1 d 1 h"), (-120, "−2 min")],
)  # fmt: skip
def test_a_duration_has_two_units_at_most(seconds: float | None, text: str) -> None:
    assert duration(seconds) == text
    if seconds is not None:
        assert duration(timedelta(seconds=seconds)) == text


@pytest.mark.parametrize(
    ("ratio", "text"),
    [(None, "no evidence"), (1.0, "100%"), (0.9999999, "99.999%"), (0.5, "50%"), (-4.87, "−487%"), (0.0, "0%"),
     (0.29, "29%"), (-0.5, "−50%")],
)  # fmt: skip
def test_a_share_that_is_not_all_never_reads_as_all(ratio: float | None, text: str) -> None:
    assert share(ratio) == text


def test_sizes_are_in_thousands() -> None:
    assert [size(n) for n in (0, 999, 1_500, 2_340_000, 5 * 10**15)] == [
        "0 B",
        "999 B",
        "1.5 kB",
        "2.3 MB",
        "5,000.0 TB",
    ]


def test_an_address_keeps_the_filter_and_what_is_given_wins() -> None:
    narrowed = Filter(domain="shop", dataset="a b&c")
    assert narrowed.href("/debug") == "/debug?domain=shop&dataset=a+b%26c"
    assert narrowed.href("/debug", dataset="x", page=None, run="") == "/debug?domain=shop&dataset=x"
    assert Filter().href("/debug", page=2) == "/debug?page=2"


def test_slices_end_where_the_rows_end() -> None:
    pages = [sliced(range(7), page, size=3) for page in (1, 2, 3, 99)]
    assert [list(one.rows) for one in pages] == [[0, 1, 2], [3, 4, 5], [6], [6]]
    assert [(one.first, one.back, one.on) for one in pages] == [(1, None, 2), (4, 1, 3), (7, 2, None), (7, 2, None)]
    empty = sliced([], 1)
    assert (list(empty.rows), empty.total, empty.first, empty.back, empty.on) == ([], 0, 0, None, None)


@pytest.mark.parametrize(
    ("seconds_ago", "every", "detail", "tone", "is_silent"),
    [(10, 15, "", "good", False), (60, 15, "", "good", False), (61, 15, "", "bad", True), (170, 60, "", "good", False),
     (241, 60, "", "bad", True), (5, 15, "slis: no answer", "warn", False), (5, 0, "", "warn", True)],
)  # fmt: skip
def test_a_watch_that_misses_its_turns_is_silent(
    seconds_ago: int, every: float, detail: str, tone: str, is_silent: bool
) -> None:
    beat = ComponentBeat(component="watch", instance="host:1", beat_at=NOON - timedelta(seconds=seconds_ago),
                         expected_every_seconds=every, detail=detail)  # fmt: skip
    found = watching(beat, NOON)
    assert (found.tone, found.is_silent) == (tone, is_silent)
    assert watching(None, NOON).is_silent


def test_spans_are_a_tree_in_time_and_one_with_a_foreign_parent_is_a_root() -> None:
    def span(key: str, parent: str, after: float, took: float) -> SpanEntry:
        began = NOON + timedelta(seconds=after)
        return SpanEntry(trace_id="t", span_id=key, parent_id=parent, name=key, started_at=began,
                         ended_at=began + timedelta(seconds=took))  # fmt: skip

    spans = [span("c", "b", 4, 1), span("b", "a", 2, 6), span("a", "elsewhere", 0, 10), span("d", "a", 1, 1)]
    found = [(bar.span.span_id, bar.depth, bar.start, bar.share) for bar in waterfall(spans)]
    assert found == [("a", 0, 0, 100), ("d", 1, 10, 10), ("b", 1, 20, 60), ("c", 2, 40, 10)]
    assert waterfall([]) == []
    assert waterfall([span("a", "a", 0, 0)])[0].share == 0


def test_an_incident_counts_its_times_from_detection_and_detection_from_its_beginning() -> None:
    at = {name: NOON + timedelta(minutes=m) for name, m in
          {"began_at": 0, "detected_at": 2, "notified_at": 3, "acknowledged_at": 7, "mitigated_at": 32}.items()}  # fmt: skip
    entry = IncidentEntry(
        incident_id="i", cause="c", alert="run_failed", severity=IncidentSeverity.PAGE, state=IncidentState.MITIGATED,
        title="t", dataset="d", domain="shop", owner="Shop", recipient="#shop", pressing_since=NOON, **at,
    )  # fmt: skip
    found = {step.name: step.seconds for step in milestones(entry)}
    assert found == {
        "began": None,
        "detected": 120,
        "notified": 60,
        "acknowledged": 300,
        "mitigated": 1800,
        "resolved": None,
    }


def test_a_change_is_where_a_run_had_another_version_than_the_one_before() -> None:
    versions = [("1.1", "2.0"), ("1.1", "1.9"), ("1.0", "1.9"), ("", "1.9"), ("0.9", "1.9")]
    runs = [RunEntry(run_id=str(n), dataset="d", started_at=NOON - timedelta(hours=n), state=RunState.SUCCEEDED,
                     code_version=code, contract_version=contract) for n, (code, contract) in enumerate(versions)]  # fmt: skip
    assert [(one.at, one.what) for one in version_changes(runs)] == [
        (NOON, "contract 1.9 → 2.0"),
        (NOON - timedelta(hours=1), "code 1.0 → 1.1"),
    ]


def test_a_notification_says_what_became_of_it() -> None:
    def note(**more: object) -> NotificationEntry:
        given: dict[str, object] = {"incident_id": "i", "kind": "opened", "channel": "mail", "recipient": "#shop"}
        return NotificationEntry(**given, severity="page", created_at=NOON, **more)  # type: ignore[arg-type]

    later = NOON + timedelta(seconds=40)
    notes = [note(delivered_at=later, attempts=1), note(attempts=3), note(), note(attempts=2, next_attempt_at=later),
             note(next_attempt_at=later)]  # fmt: skip
    assert [(one.state, one.tone) for one in deliveries(notes)] == [
        ("delivered after 40 s", "good"),
        ("given up", "bad"),
        ("nobody to send it to", "bad"),
        ("failed 2 times, tried again", "warn"),
        ("waiting", ""),
    ]


def test_a_burn_rate_alarms_at_the_limit_of_its_window() -> None:
    rates = {"5m": 14.5, "1h": 14.0, "30m": 6.5, "6h": 2.5, "3d": 1.0, "12h": None}
    found = {one.window: one.tone for one in burns_of(objective(burn=rates))}
    assert found == {"5m": "bad", "30m": "bad", "1h": "", "6h": "warn", "3d": "good", "12h": ""}


def test_objectives_without_evidence_are_no_zero() -> None:
    unknown, met, spent = (
        objective(state=state) for state in (ObjectiveState.UNKNOWN, ObjectiveState.MET, ObjectiveState.SPENT)
    )
    at_work, silent = (watching(beat(seconds), NOON) for seconds in (1, 600))
    assert objective_tile([], at_work).number == objective_tile([unknown], at_work).number == "?"
    assert objective_tile([unknown], at_work).tone == "warn"
    assert [(objective_tile(some, at_work).number, objective_tile(some, at_work).tone) for some in ([met], [unknown, met])] == [
        ("0", "good")] * 2  # fmt: skip
    assert (objective_tile([spent, met], at_work).number, objective_tile([spent, met], at_work).tone) == ("0", "bad")
    assert (objective_tile([met], silent).number, objective_tile([met], silent).tone) == ("0", "warn")


def test_what_burns_is_burning_whether_its_budget_is_spent_or_not() -> None:
    spent, both, burning = (
        objective(state=state, detail={"burning": pace})
        for state, pace in (
            (ObjectiveState.SPENT, ""),
            (ObjectiveState.SPENT, "fast"),
            (ObjectiveState.BURNING, "slow"),
        )
    )
    tile = objective_tile([spent, both, burning], watching(beat(1), NOON))
    assert (tile.number, tile.label) == ("2", "of 3 objectives burning, 2 with nothing left")
    assert [[one.stands(state) for one in (spent, both, burning)] for state in ("spent", "burning", "met")] == [
        [True, True, False], [False, True, True], [False, False, False]]  # fmt: skip
    assert [one.words for one in (spent, both, burning)] == ["spent", "spent, burning fast", "burning slow"]


@pytest.mark.parametrize(
    ("left", "said"),
    [(None, "no evidence"), (0.14285, "14.285%"), (0.0, "0%"), (-0.001, "all spent"), (-0.4, "spent 1.4 times over"),
     (-17.182, "spent 18.2 times over"), (-199.0, "spent 200 times over")],
)  # fmt: skip
def test_a_budget_is_left_or_spent_several_times_over(left: float | None, said: str) -> None:
    assert budget_left(left) == said


def test_a_day_that_was_published_before_it_was_over_has_no_lag() -> None:
    days = lags(
        PartitionEntry(dataset="d", partition=day, raw_dataset="r", raw_version=1, table_version=1, run_id="r",
                       state=PartitionState.PUBLISHED, raw_rows=1, recorded_at=datetime(2026, 3, 20, 7, tzinfo=UTC))
        for day in ("2026-03-19", "2026-03-20")
    )  # fmt: skip
    chart = lag_chart("d", days)
    assert (chart.x, chart.series[0].values) == (["2026-03-19"], [7.0])


def beat(seconds_ago: float) -> ComponentBeat:
    at = NOON - timedelta(seconds=seconds_ago)
    return ComponentBeat(component="watch", instance="host:1", beat_at=at, expected_every_seconds=15)


def objective(**more: object) -> ObjectiveEntry:
    given: dict[str, object] = {
        "objective": "o", "sli": "freshness", "subject": "s", "domain": "shop", "owner": "", "is_critical": False,
        "target": 0.99, "window_seconds": 3600, "state": ObjectiveState.MET, "ratio": None, "budget_left": None,
        "since": NOON, "evaluated_at": NOON,
    }  # fmt: skip
    return ObjectiveEntry(**given | more)  # type: ignore[arg-type]


@given(st.lists(st.decimals(0, 10_000, places=9), max_size=20), st.sampled_from([2, 4, 6]))
def test_amounts_as_shown_add_up_to_their_rounded_sum(amounts: list[Decimal], digits: int) -> None:
    shown = evened(amounts, digits)
    step = Decimal(1).scaleb(-digits)
    assert sum(shown, Decimal(0)) == sum(amounts, Decimal(0)).quantize(step)
    assert all(abs(one - amount) <= step for one, amount in zip(shown, amounts, strict=True))


def test_small_sums_are_shown_with_more_digits() -> None:
    assert [digits_of(Decimal(text)) for text in ("175", "9.99", "0.05", "0")] == [2, 4, 6, 6]


@pytest.mark.parametrize(
    "evil",
    ["<script>alert(1)</script>", "<img src=x onerror=alert(1)>", "[a](javascript:alert(1))", "[a](JaVaScRiPt&colon;alert(1))",
     "[a](data:text/html,x)", "![a](http://elsewhere/x.png)", "[a](vbscript:x)", "<http://a onclick=alert(1)>", "[a](java\nscript:x)",
     '[a](http://x "on\\"onmouseover=alert(1)")'],
)  # fmt: skip
def test_a_runbook_cannot_bring_markup_scripts_or_pictures_along(evil: str) -> None:
    text = str(rendered(evil)).lower()
    assert "<script" not in text
    assert "<img" not in text
    assert 'href="javascript' not in text
    assert 'href="data' not in text
    assert 'href="vbscript' not in text
    assert not any(f'" {name}=' in text for name in ("onclick", "onmouseover", "onerror"))


def test_a_runbook_keeps_headings_lists_code_tables_and_links() -> None:
    text = str(
        rendered(
            "# Do\n\n1. `data-platform doctor`\n2. [see](../x.md) [web](https://example.com)\n\n| a |\n|---|\n| b |\n"
        )
    )
    for piece in (
        "<h3>Do</h3>",
        "<ol>",
        "<code>data-platform doctor</code>",
        "<span>see</span>",
        "https://example.com",
        "<td>b</td>",
    ):
        assert piece in text
