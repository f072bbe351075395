"""The table of fault episodes itself: it covers what it should, and it does not contradict itself."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import pytest

from data_platform_tests.integration.incidents.episodes import ALERTS, PAGE_ALERTS, TABLE, Episode, Expected, load

ESTATE, EPISODES = load()
EXPECTED = [(episode, expected) for episode in EPISODES for expected in episode.expect]


def _name(value: object) -> str | None:
    return value.id if isinstance(value, Episode) else value.alert if isinstance(value, Expected) else None


def test_there_are_sixty_episodes_and_eight_of_which_nobody_should_hear() -> None:
    outcomes = Counter(episode.outcome for episode in EPISODES)
    assert outcomes.total() >= 60
    assert min(outcomes["none"], outcomes["page"], outcomes["ticket"]) >= 8


@pytest.mark.parametrize("alert", ALERTS)
def test_every_alert_opens_an_incident_in_one_episode_and_nearly_does_in_another(alert: str) -> None:
    assert any(expected.alert == alert for _, expected in EXPECTED)
    assert any(alert in episode.near_miss for episode in EPISODES)


@pytest.mark.parametrize("alert", PAGE_ALERTS)
def test_every_page_has_a_near_miss_in_which_nobody_is_woken(alert: str) -> None:
    assert any(alert in episode.near_miss and episode.outcome != "page" for episode in EPISODES)


def test_what_is_nearly_missed_does_not_open_an_incident_in_the_same_episode() -> None:
    assert [episode.id for episode, expected in EXPECTED if expected.alert in episode.near_miss] == []


def test_every_episode_says_what_happens_and_why_it_ends_so() -> None:
    texts = [text for episode in EPISODES for text in (episode.title, episode.why)]
    assert all(text.endswith(".") and len(text) > 10 for text in texts)
    assert len({episode.title for episode in EPISODES}) == len(EPISODES)


def test_every_zone_tier_domain_and_kind_of_step_occurs() -> None:
    causes = [ESTATE.datasets[e.cause.split("/")[0]] for _, e in EXPECTED if e.cause.split("/")[0] in ESTATE.datasets]
    assert {cause.name.split(".")[0] for cause in causes} == {"raw", "curated", "served"}
    assert {cause.tier for cause in causes} == {"gold", "silver", "bronze"}
    assert {cause.domain for cause in causes} == set(ESTATE.on_call)
    assert len({step.kind for episode in EPISODES for step in episode.timeline}) == 26


def test_five_hundred_generated_datasets_exist_only_where_they_are_asked_for() -> None:
    by_families = {episode.families: len(ESTATE.with_families(episode.families)) for episode in EPISODES}
    assert by_families == {(): 28, ("wide",): 528, ("deep",): 68}


@pytest.mark.parametrize(("episode", "expected"), EXPECTED, ids=_name)
def test_the_recipient_owns_the_cause(episode: Episode, expected: Expected) -> None:
    assert expected.recipient == ESTATE.owner_of(expected.cause)


@pytest.mark.parametrize(("episode", "expected"), EXPECTED, ids=_name)
def test_notifications_agree_with_severity_and_state(episode: Episode, expected: Expected) -> None:
    first, *others = expected.notifications
    assert first.startswith("opened@")
    assert len(set(expected.notifications)) == len(expected.notifications)
    assert [sent.split("@")[0] for sent in others].count("escalated") <= 1
    told = [sent.split("@")[1] for sent in expected.notifications]
    assert told == sorted(told, reverse=True), "severity only rises"  # ticket, then page
    assert told[-1] == expected.severity
    assert ("raised@page" in others) == (first == "opened@ticket" and expected.severity == "page")
    if expected.state == "resolved":
        assert others[-1] == f"resolved@{expected.severity}"
    elif not expected.reopened:
        assert f"resolved@{expected.severity}" not in others
    if first == "opened@page":
        assert expected.alert in PAGE_ALERTS


@pytest.mark.parametrize(("episode", "expected"), EXPECTED, ids=_name)
def test_an_open_page_that_nobody_takes_is_escalated_after_its_time_and_not_before(
    episode: Episode, expected: Expected
) -> None:
    if expected.state == "open" and expected.notifications[0] == "opened@page" and not expected.reopened:
        open_minutes = episode.end - expected.opened_by
        assert ("escalated@page" in expected.notifications) == (open_minutes > ESTATE.clockwork["escalate_page"])


_FAULTS = {
    "an unknown key": ("  - id: E001\n", "  - id: E001\n    sevrity: page\n"),
    "an unknown step": ("run: {dataset: raw.shop.returns, outcome", "runs: {dataset: raw.shop.returns, outcome"),
    "an unknown word": ("outcome: failed", "outcome: fialed"),
    "an unknown dataset": ("{dataset: raw.shop.returns, outcome", "{dataset: raw.shop.retruns, outcome"),
    "an unknown cause": ("cause: raw.shop.returns, ", "cause: raw.shop.retruns, "),
    "an unknown alert": ("alert: run_failed", "alert: run_fialed"),
    "an id twice": ("- id: E002\n", "- id: E001\n"),
    "a negative time": ("- {at: 5, run", "- {at: -5, run"),
    "a time after the end": ("- {at: 5, run", "- {at: 500, run"),
    "an opening before the start": ("opened_by: 7", "opened_by: -7"),
    "a missing reason": ("    why: A failed run is a non-urgent failure, whatever its layer.\n", ""),
    "an input that is no dataset": ("inputs: [raw.shop.clicks]", "inputs: [raw.shop.click]"),
    "a span without a unit": ("latency: 15m", "latency: '15'"),
}


@pytest.mark.parametrize("fault", _FAULTS)
def test_the_reader_refuses(fault: str, tmp_path: Path) -> None:
    before, after = _FAULTS[fault]
    text = TABLE.read_text(encoding="utf-8")
    assert before in text
    file = tmp_path / "table.yaml"
    file.write_text(text.replace(before, after, 1), encoding="utf-8")
    with pytest.raises(ValueError):
        load(file)
