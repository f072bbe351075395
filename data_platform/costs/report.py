"""What a month cost, by dataset, domain, owner, cost centre or a cost tag; and what one owner is charged for.

Costs are added up in the database. What is shown here is exact; only statements are in cents.
"""

from __future__ import annotations

from calendar import monthrange
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, timedelta
from decimal import Decimal
from types import MappingProxyType

from data_platform.clock import Clock
from data_platform.contracts.domain_files import Domain
from data_platform.contracts.model import Layer
from data_platform.costs.allocation import in_cents, rounded, split_shared
from data_platform.costs.budgets import BudgetStanding, period_of
from data_platform.costs.charges import Charge, Covered, charges, covered
from data_platform.costs.grouping import grouped, merged, naming
from data_platform.costs.prices import PriceList, SharedMethod
from data_platform.errors import ConfigurationError
from data_platform.metastore.engine import Metastore
from data_platform.metastore.tables import RunState

GRACE = timedelta(minutes=2)  # after it, a run that leaves no meter will not leave one any more
_TERABYTE = Decimal(10**12)
_RAW = f"{Layer.RAW.value}."
_UNMETERED: Mapping[RunState, str] = MappingProxyType({
    RunState.RUNNING: "began, and neither an end nor a meter was written: the process died or still works at it",
    RunState.SUCCEEDED: "succeeded, and no meter was written",
    RunState.FAILED: "failed, and no meter was written",
    RunState.BLOCKED: "blocked, and no meter was written",
})  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class CostOf:
    """What one group cost, in the currency of the report.

    Attributes:
        name: of the dataset, domain, owner …; `untagged` where nobody is named.
        compute, memory, transfer, storage: direct costs. shared: its part of the platform's own work.
        logical_bytes_in: of a dataset, what it worked on; of any other group, what its raw datasets took in.
        stored_bytes: on average over the days of the report.
    """

    name: str
    compute: Decimal
    memory: Decimal
    transfer: Decimal
    storage: Decimal
    shared: Decimal
    runs: int
    cpu_seconds: float
    bytes_read: int
    bytes_written: int
    logical_bytes_in: int
    stored_bytes: int

    @property
    def total(self) -> Decimal:
        """All of it."""
        return self.compute + self.memory + self.transfer + self.storage + self.shared

    @property
    def compute_per_tb(self) -> Decimal | None:
        """Compute, memory and transfer for each terabyte (10^12 bytes) that came in; None where nothing did."""
        return self._per_tb(self.compute + self.memory + self.transfer)

    @property
    def storage_per_tb(self) -> Decimal | None:
        """Storage for each terabyte that came in; None where nothing did."""
        return self._per_tb(self.storage)

    def _per_tb(self, amount: Decimal) -> Decimal | None:
        return amount * _TERABYTE / self.logical_bytes_in if self.logical_bytes_in else None


@dataclass(frozen=True, slots=True, kw_only=True)
class Unmetered:
    """Runs that left no meter.

    Attributes:
        state: where the ledger says they stand.
        estimate: what they would have cost as the dataset's other runs did; None where there are none. In no total.
    """

    dataset: str
    state: RunState
    runs: int
    estimate: Decimal | None

    @property
    def reason(self) -> str:
        """Why nothing is known of what they used."""
        return _UNMETERED[self.state]


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """What the days from `first` to `last`, both included, cost. The totals of `costs` add up to `total`.

    Attributes:
        by: dataset, domain, owner, cost_centre or `tag:<key>`.
        shared: the platform's own work, which `shared_method` splits.
        untagged: what datasets cost that lack an owner, a cost centre or cost tags; a part of `total`.
        price_list: the file that the prices are from.
    """

    first: date
    last: date
    by: str
    currency: str
    price_list: str
    shared_method: SharedMethod
    total: Decimal
    shared: Decimal
    costs: tuple[CostOf, ...]
    whole: CostOf
    untagged: Decimal
    untagged_datasets: tuple[str, ...]
    unmetered: tuple[Unmetered, ...]
    budgets: tuple[BudgetStanding, ...]
    storage_days: Covered


@dataclass(frozen=True, slots=True, kw_only=True)
class StatementLine:
    """What a dataset is charged, in cents."""

    dataset: str
    amount: Decimal


@dataclass(frozen=True, slots=True, kw_only=True)
class Statement:
    """What one owner is charged for a month, in cents. All owners' totals add up to the month's, rounded."""

    owner: str
    first: date
    last: date
    currency: str
    shared_method: SharedMethod
    total: Decimal
    lines: tuple[StatementLine, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Costs:
    """Reads meters and answers for what they cost.

    Attributes:
        price_list: asked for with each report, so that a new file holds at once.
        domains: whose budgets are shown.
    """

    metastore: Metastore
    clock: Clock
    price_list: Callable[[], PriceList]
    domains: Sequence[Domain]

    def report(self, month: date | None = None, *, by: str = "domain") -> Report:
        """What a month cost until now.

        Args:
            month: any day of it; the present one by default.
            by: one of `grouping.WAYS`, or `tag:<key>`.

        Raises:
            ConfigurationError: costs cannot be shown that way, or the month has not begun.
            FaultyProject: the price list has faults.
        """
        return self.reports((by,), month)[by]

    def reports(self, ways: Sequence[str], month: date | None = None) -> dict[str, Report]:
        """What a month cost until now, shown in several ways: meters are added up once for all of them.

        Raises:
            ConfigurationError: costs cannot be shown in one of the ways, or the month has not begun.
            FaultyProject: the price list has faults.
        """
        namings, price_list = {by: naming(by) for by in ways}, self.price_list()
        first, last = self._month(month)
        direct = charges(self.metastore, price_list, first, last)
        borne = split_shared(direct, price_list.shared)
        days = max((last - first).days + 1, 1)
        untagged = [charge for charge in borne if charge.is_untagged]
        whole = Report(
            first=first,
            last=last,
            by="",
            currency=price_list.currency,
            price_list=price_list.path,
            shared_method=price_list.shared,
            total=merged(borne).total,
            shared=sum((charge.direct for charge in direct if charge.is_shared), Decimal(0)),
            costs=(),
            whole=_cost("total", borne, days=days, by=""),
            untagged=sum((charge.total for charge in untagged), Decimal(0)),
            untagged_datasets=tuple(sorted({charge.dataset for charge in untagged})),
            unmetered=self._unmetered(direct, first, last),
            budgets=self._budgets(price_list, (first, last), borne),
            storage_days=covered(self.metastore, first, last),
        )
        return {
            by: replace(whole, by=by, costs=_costs(grouped(borne, name_of), days=days, by=by))
            for by, name_of in namings.items()
        }

    def statement(self, owner: str, month: date | None = None) -> Statement:
        """What one owner is charged.

        Raises:
            ConfigurationError: nothing of that month is the owner's, or it has not begun.
        """
        price_list = self.price_list()
        first, last = self._month(month)
        borne = split_shared(charges(self.metastore, price_list, first, last), price_list.shared)
        groups = grouped(borne, naming("owner"))
        owed = dict(groups)
        if owner not in owed:
            known = ", ".join(sorted(owed)) or "nobody"
            raise ConfigurationError(f"nothing of {first:%Y-%m} is charged to {owner!r}; charged are: {known}")
        sums = [merged(own).total for _, own in groups]
        totals = dict(zip(owed, rounded(sums, in_cents(sum(sums, Decimal(0)))), strict=True))
        of_datasets = grouped(owed[owner], naming("dataset"))
        amounts = rounded([merged(own).total for _, own in of_datasets], totals[owner])
        lines = [
            StatementLine(dataset=name, amount=amount) for (name, _), amount in zip(of_datasets, amounts, strict=True)
        ]
        return Statement(
            owner=owner,
            first=first,
            last=last,
            currency=price_list.currency,
            shared_method=price_list.shared,
            total=totals[owner],
            lines=tuple(sorted(lines, key=lambda line: (-line.amount, line.dataset))),
        )

    def _month(self, month: date | None) -> tuple[date, date]:
        """The first day of a month, and its last one or, of the present one, today."""
        today = self.clock.now().date()
        day = month or today
        if day.replace(day=1) > today:
            raise ConfigurationError(f"{day:%Y-%m} has not begun; name a month up to {today:%Y-%m}")
        return day.replace(day=1), min(day.replace(day=monthrange(day.year, day.month)[1]), today)

    def _unmetered(self, direct: Sequence[Charge], first: date, last: date) -> tuple[Unmetered, ...]:
        known = {name: merged(own) for name, own in grouped(direct, naming("dataset"))}
        found = self.metastore.operations.run_meters.unmetered(first, last, now=self.clock.now(), grace=GRACE)
        return tuple(
            Unmetered(
                dataset=one.dataset,
                state=one.state,
                runs=one.runs,
                estimate=_estimate(known.get(one.dataset), one.runs),
            )
            for one in found
        )

    def _budgets(
        self, price_list: PriceList, reported: tuple[date, date], borne: Sequence[Charge]
    ) -> tuple[BudgetStanding, ...]:
        """Those of all domains; `borne` are the charges of the reported days, which most budgets are for."""
        standings = []
        spent = {reported: _by_domain(borne)}
        for domain in self.domains:
            if domain.budget is None:
                continue
            first, end = period_of(reported[1], domain.budget.period)
            span = (first, min(end, self.clock.now().date()))
            if span not in spent:
                others = charges(self.metastore, price_list, *span)
                spent[span] = _by_domain(split_shared(others, price_list.shared))
            amount = spent[span].get(domain.name, Decimal(0))
            standings.append(BudgetStanding.of(domain, span, amount, price_list.currency))
        return tuple(standings)


def _by_domain(borne: Sequence[Charge]) -> dict[str, Decimal]:
    return {name: merged(own).total for name, own in grouped(borne, naming("domain"))}


def _costs(groups: Sequence[tuple[str, list[Charge]]], *, days: int, by: str) -> tuple[CostOf, ...]:
    return tuple(sorted((_cost(*group, days=days, by=by) for group in groups), key=_dearest_first))


def _cost(name: str, own: Sequence[Charge], *, days: int, by: str) -> CostOf:
    sums = merged(own)
    # Of what came in, each byte once: what a dataset reads of another came in there already.
    entering = own if by == "dataset" else [c for c in own if c.dataset.startswith(_RAW)]
    return CostOf(
        name=name,
        compute=sums.compute,
        memory=sums.memory,
        transfer=sums.transfer,
        storage=sums.storage,
        shared=sums.shared,
        runs=sums.runs,
        cpu_seconds=sums.cpu_seconds,
        bytes_read=sums.bytes_read,
        bytes_written=sums.bytes_written,
        logical_bytes_in=sum(charge.logical_bytes_in for charge in entering),
        stored_bytes=round(sums.stored_byte_days / days),
    )


def _dearest_first(cost: CostOf) -> tuple[Decimal, str]:
    return (-cost.total, cost.name)


def _estimate(known: Charge | None, runs: int) -> Decimal | None:
    if known is None or not known.runs:
        return None
    return (known.direct - known.storage) / known.runs * runs
