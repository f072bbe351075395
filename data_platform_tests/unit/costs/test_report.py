"""Reports over generated estates, held against sums over every single line in fractions."""

from __future__ import annotations

from calendar import monthrange
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from fractions import Fraction
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from data_platform.clock import ManualClock
from data_platform.contracts.domain_files import Budget, Domain
from data_platform.costs.prices import ZONES, PriceList, Prices, SharedMethod
from data_platform.costs.report import Costs
from data_platform.errors import ConfigurationError
from data_platform.metastore.engine import Metastore, open_metastore
from data_platform.metastore.run_meters import RunMeterEntry
from data_platform.metastore.runs import RunEntry
from data_platform.metastore.storage_meters import StorageMeterEntry
from data_platform.metastore.tables import RunState

TODAY = date(2026, 3, 20)
NOON = datetime(2026, 3, 20, 12, tzinfo=UTC)
GIB = 2**30
CHANGE = date(2026, 3, 9)
DATASETS = (
    "raw.shop.a",
    "curated.shop.a",
    "raw.retail.b",
    "served.retail.c",
    "platform.scan",
    "platform.idle",
    "_rejected",
)
OWNERS = ("Shop", "Retail & Co", "")
WAYS = ("dataset", "domain", "owner", "cost_centre", "tag:product")


def rates(scale: int, since: date | None) -> Prices:
    storage = {zone: Decimal(scale * number) / 10 for number, zone in enumerate(ZONES, 1)}
    return Prices(
        since=since,
        cpu_hour=Decimal(36) * scale,
        memory_gib_hour=Decimal("7.2") * scale,
        read_gib=Decimal("0.1"),
        written_gib=Decimal("0.3") * scale,
        storage_gib_month=storage,
    )


def price_list(method: SharedMethod) -> PriceList:
    prices = (rates(1, None), rates(3, CHANGE))
    return PriceList(path="prices.yaml", currency="EUR", shared=method, prices=prices)


@dataclass(frozen=True)
class Estate:
    """What was metered."""

    used: Sequence[RunMeterEntry]
    stored: Sequence[StorageMeterEntry]

    def cost(self, first: date, last: date, *, domain: str = "") -> Fraction:
        """Every line of use and every day of every place at the price of its day, of one domain or of all."""
        total = Fraction(0)
        for line in self.used:
            if first <= line.metered_on <= last and domain in line.dataset:
                total += self.of_use(line)
        day = first
        while day <= last:
            scale, length = (3 if day >= CHANGE else 1), monthrange(day.year, day.month)[1]
            for line in (one for one in self.standing(day) if domain in one.dataset):
                price = Fraction(scale * (ZONES.index(line.zone) + 1), 10)
                total += Fraction(line.size_bytes, GIB) / length * price
            day += timedelta(days=1)
        return total

    def of_use(self, line: RunMeterEntry) -> Fraction:
        scale = 3 if line.metered_on >= CHANGE else 1
        cpu = Fraction(line.cpu_seconds) / 3600 * 36 * scale
        memory = Fraction(line.memory_byte_seconds) / GIB / 3600 * Fraction(72, 10) * scale
        moved = Fraction(line.bytes_read, GIB) / 10 + Fraction(line.bytes_written, GIB) * Fraction(3, 10) * scale
        return cpu + memory + moved

    def standing(self, day: date) -> list[StorageMeterEntry]:
        """What the newest metering up to a day found."""
        days = [line.metered_on for line in self.stored if line.metered_on <= day]
        return [line for line in self.stored if days and line.metered_on == max(days)]


SIZES = st.integers(0, 2**44)
DAYS = st.dates(date(2026, 2, 20), date(2026, 4, 3))
NAMES = st.tuples(
    st.sampled_from(DATASETS), st.sampled_from(OWNERS), st.sampled_from(("CC-1", "")), st.sampled_from(("shop", ""))
)


@st.composite
def estates(draw: st.DrawFn) -> Estate:
    used = [
        RunMeterEntry(
            run_id=f"run-{number}",
            dataset=dataset,
            metered_on=draw(DAYS),
            started_at=NOON,
            ended_at=NOON,
            owner=owner,
            cost_centre=centre,
            tags={"product": tag} if tag else {},
            cpu_seconds=draw(st.floats(0, 1e6)),
            memory_byte_seconds=draw(st.floats(0, 1e15)),
            bytes_read=draw(SIZES),
            bytes_written=draw(SIZES),
            logical_bytes_in=draw(SIZES),
        )
        for number, (dataset, owner, centre, tag) in enumerate(draw(st.lists(NAMES, max_size=12)))
    ]
    stored = [
        StorageMeterEntry(
            place=f"place-{number}",
            metered_on=day,
            zone=draw(st.sampled_from(ZONES)),
            dataset=dataset,
            owner=owner,
            cost_centre=centre,
            tags={"product": tag} if tag else {},
            size_bytes=draw(SIZES),
            files=1,
            metered_at=NOON,
        )
        for day in draw(st.lists(DAYS, max_size=5, unique=True))
        for number, (dataset, owner, centre, tag) in enumerate(draw(st.lists(NAMES, min_size=1, max_size=4)))
        if not dataset.startswith("platform")
    ]
    return Estate(used, stored)


@pytest.fixture(scope="module")
def metastore(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Metastore]:
    opened = open_metastore(f"sqlite:///{tmp_path_factory.mktemp('costs')}/metastore.db")
    opened.migrate()
    yield opened
    opened.close()


def over(metastore: Metastore, estate: Estate, method: SharedMethod, *, today: date = TODAY) -> Costs:
    """The costs of an estate, in place of whatever the metastore held before."""
    for table in (metastore.operations.run_meters, metastore.operations.storage_meters):
        table.prune(NOON + timedelta(days=365))
    metastore.operations.run_meters.add(estate.used)
    for day in {line.metered_on for line in estate.stored}:
        metastore.operations.storage_meters.replace(day, [line for line in estate.stored if line.metered_on == day])
    clock = ManualClock(datetime(today.year, today.month, today.day, 12, tzinfo=UTC))
    budget = Budget(amount=Decimal(1000), currency="EUR", period="quarter")
    domains = (Domain(name="shop", team="Shop", path=Path(), budget=budget),)
    return Costs(metastore=metastore, clock=clock, price_list=lambda: price_list(method), domains=domains)


def equal(found: Decimal, expected: Fraction) -> bool:
    return abs(Fraction(found) - expected) <= max(expected, Fraction(1)) * Fraction(1, 10**9)


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(estate=estates(), method=st.sampled_from(SharedMethod), by=st.sampled_from(WAYS))
def test_every_way_of_showing_costs_adds_up_to_what_was_metered(
    metastore: Metastore, estate: Estate, method: SharedMethod, by: str
) -> None:
    costs = over(metastore, estate, method)
    expected = estate.cost(date(2026, 3, 1), TODAY)
    report = costs.report(by=by)
    assert equal(report.total, expected)
    assert equal(sum((cost.total for cost in report.costs), Decimal(0)), expected)
    assert len({cost.name for cost in report.costs}) == len(report.costs)
    past = costs.report(date(2026, 2, 25), by=by)
    assert equal(past.total, estate.cost(date(2026, 2, 1), date(2026, 2, 28)))


@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(estate=estates())
def test_a_budget_is_held_against_what_its_domain_cost_in_its_period(metastore: Metastore, estate: Estate) -> None:
    (standing,) = over(metastore, estate, SharedMethod.NONE).report().budgets
    assert (standing.domain, standing.first, standing.last) == ("shop", date(2026, 1, 1), TODAY)
    assert equal(standing.spent, estate.cost(date(2026, 1, 1), TODAY, domain=".shop."))


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(estate=estates(), method=st.sampled_from(SharedMethod))
def test_statements_of_all_owners_add_up_to_the_month_in_cents(
    metastore: Metastore, estate: Estate, method: SharedMethod
) -> None:
    costs = over(metastore, estate, method)
    report = costs.report(by="owner")
    statements = [costs.statement(cost.name) for cost in report.costs]
    assert all(sum((line.amount for line in one.lines), Decimal(0)) == one.total for one in statements)
    assert sum((one.total for one in statements), Decimal(0)) == report.total.quantize(Decimal("0.01"))
    exact = {cost.name: cost.total for cost in report.costs}
    assert all(abs(one.total - exact[one.owner]) < Decimal("0.01") for one in statements)


def use(dataset: str, **changes: object) -> RunMeterEntry:
    entry = RunMeterEntry(
        run_id="run-1",
        dataset=dataset,
        metered_on=TODAY,
        started_at=NOON,
        ended_at=NOON,
        owner="Shop",
        cost_centre="CC-1",
        tags={"product": "shop"},
    )
    return replace(entry, **changes)  # type: ignore[arg-type]


def keep(place: str, day: date, size_bytes: int, **changes: object) -> StorageMeterEntry:
    entry = StorageMeterEntry(
        place=place,
        metered_on=day,
        zone="raw",
        dataset="raw.shop.a",
        owner="Shop",
        cost_centre="CC-1",
        tags={"product": "shop"},
        size_bytes=size_bytes,
        files=1,
        metered_at=NOON,
    )
    return replace(entry, **changes)  # type: ignore[arg-type]


def test_a_new_price_does_not_change_what_days_before_it_cost(metastore: Metastore) -> None:
    used = [
        use("raw.shop.a", metered_on=CHANGE - timedelta(days=1), cpu_seconds=100.0),
        use("raw.shop.a", run_id="run-2", metered_on=CHANGE, cpu_seconds=100.0),
    ]
    report = over(metastore, Estate(used, []), SharedMethod.NONE).report()
    assert report.total == 1 + 3  # 36 and 108 an hour


def test_cost_for_each_terabyte_keeps_storage_apart_and_counts_each_byte_that_came_in_once(
    metastore: Metastore,
) -> None:
    first = date(2026, 3, 1)
    used = [
        use("raw.shop.a", metered_on=first, cpu_seconds=500.0, logical_bytes_in=5 * 10**11),
        use("curated.shop.a", metered_on=first, cpu_seconds=300.0, logical_bytes_in=2 * 10**11),
    ]
    estate = Estate(used, [keep("a", first, 31 * GIB)])  # the third zone: 0.2 before the change, 0.6 after it
    report = over(metastore, estate, SharedMethod.NONE).report()
    (shop,) = report.costs
    assert shop.compute_per_tb == (5 + 3) * 2
    stored = Decimal("0.2") * 8 + Decimal("0.6") * 12
    assert shop.storage_per_tb is not None
    assert abs(shop.storage_per_tb - stored * 2) < Decimal("1e-12")
    by_dataset = {cost.name: cost for cost in over(metastore, estate, SharedMethod.NONE).report(by="dataset").costs}
    assert by_dataset["curated.shop.a"].compute_per_tb == 15
    assert by_dataset["curated.shop.a"].storage_per_tb == 0


def test_a_group_that_took_nothing_in_has_no_cost_for_a_terabyte(metastore: Metastore) -> None:
    report = over(metastore, Estate([use("served.shop.a", cpu_seconds=1.0)], []), SharedMethod.NONE).report()
    assert report.costs[0].compute_per_tb is None


def test_what_has_no_owner_cost_centre_or_tag_is_a_line_of_its_own(metastore: Metastore) -> None:
    used = [
        use("raw.shop.a", cpu_seconds=10.0),
        use("raw.shop.b", cpu_seconds=20.0, owner=""),
        use("raw.shop.c", cpu_seconds=30.0, tags={}),
        use("raw.shop.d", cpu_seconds=40.0, cost_centre=""),
    ]
    costs = over(metastore, Estate(used, []), SharedMethod.NONE)
    report = costs.report(by="owner")
    assert {cost.name: cost.cpu_seconds for cost in report.costs} == {"Shop": 80.0, "untagged": 20.0}
    assert report.untagged_datasets == ("raw.shop.b", "raw.shop.c", "raw.shop.d")
    assert abs(report.untagged - report.total * 90 / 100) < Decimal("1e-20")
    assert {c.name: c.cpu_seconds for c in costs.report(by="tag:product").costs} == {"shop": 70.0, "untagged": 30.0}


def test_days_on_which_nobody_metered_count_as_the_day_before_and_are_told(metastore: Metastore) -> None:
    estate = Estate([], [keep("a", date(2026, 3, 5), GIB), keep("a", date(2026, 3, 8), 2 * GIB)])
    report = over(metastore, estate, SharedMethod.NONE).report()
    days = report.storage_days
    assert (days.days, days.unknown, days.carried) == (20, 4, 16 - 2)
    assert report.whole.stored_bytes == round((3 * GIB + 13 * 2 * GIB) / 20)


def test_a_run_that_left_no_meter_is_a_line_with_an_estimate_outside_the_total(tmp_path: Path) -> None:
    metastore = open_metastore(f"sqlite:///{tmp_path}/metastore.db")
    metastore.migrate()
    used = [
        use("raw.shop.a", cpu_seconds=100.0),
        use("raw.shop.a", run_id="run-2", cpu_seconds=300.0),
    ]
    costs = over(metastore, Estate(used, []), SharedMethod.NONE)
    begun = NOON - timedelta(hours=1)
    for dataset in ("raw.shop.a", "raw.shop.new"):
        line = RunEntry(run_id="killed", dataset=dataset, started_at=begun, state=RunState.RUNNING)
        metastore.runs.record([line])
    report = costs.report()
    assert [(one.dataset, one.runs, one.estimate) for one in report.unmetered] == [
        ("raw.shop.a", 1, Decimal(6)),
        ("raw.shop.new", 1, None),
    ]
    assert report.total == 12
    metastore.close()


def test_only_a_run_without_an_end_is_perhaps_dead(metastore: Metastore) -> None:
    begun = NOON - timedelta(hours=1)
    metastore.runs.record(
        [
            RunEntry(run_id=f"run-{number}", dataset="raw.shop.a", started_at=begun, ended_at=begun, state=state)
            for number, state in enumerate((RunState.RUNNING, RunState.SUCCEEDED, RunState.SUCCEEDED))
        ]
    )
    found = over(metastore, Estate([], []), SharedMethod.NONE).report().unmetered
    assert [(one.state, one.runs, "died" in one.reason) for one in found] == [
        ("running", 1, True),
        ("succeeded", 2, False),
    ]


def test_costs_of_no_known_way_and_statements_of_strangers_are_refused(metastore: Metastore) -> None:
    costs = over(metastore, Estate([use("raw.shop.a", cpu_seconds=1.0)], []), SharedMethod.NONE)
    with pytest.raises(ConfigurationError, match="cannot be shown by 'team'"):
        costs.report(by="team")
    with pytest.raises(ConfigurationError, match="2026-04 has not begun"):
        costs.report(date(2026, 4, 1))
    with pytest.raises(ConfigurationError, match="charged are: Shop"):
        costs.statement("Retail")
