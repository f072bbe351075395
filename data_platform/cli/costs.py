"""The work of `costs`."""

from __future__ import annotations

from collections import Counter
from datetime import date
from decimal import Decimal
from typing import Any

from data_platform.cli.environment import platform_here, watching_here
from data_platform.cli.output import counted, plain, print_json, print_table, say, working
from data_platform.costs.report import CostOf, Report
from data_platform.errors import ConfigurationError

_COLUMNS = (
    "total", "compute", "memory", "transfer", "storage", "shared", "runs", "CPU h", "GB in", "GB stored",
    "compute/TB", "storage/TB",
)  # fmt: skip
_GIGABYTE = 10**9


def show(*, by: str, month: str | None, as_json: bool) -> int:
    """Prints what a month cost."""
    with watching_here() as platform:
        report = platform.costs.report(_month(month), by=by)
    if as_json:
        print_json(_facts(report))
        return 0
    title = f"{report.first} to {report.last}, {report.currency}"
    print_table(title, (by, *_COLUMNS), [_row(cost) for cost in (*report.costs, report.whole)])
    if report.budgets:
        columns = ("domain", "budget", "spent", "used", "period")
        print_table("\nbudgets", columns, [_budget_row(each) for each in report.budgets])
    for line in _remarks(report):
        say(line)
    return 0


def statement(*, owner: str, month: str | None, as_json: bool) -> int:
    """Prints what an owner is charged."""
    with watching_here() as platform:
        found = platform.costs.statement(owner, _month(month))
    if as_json:
        print_json(found)
        return 0
    title = f"{found.owner}, {found.first} to {found.last}, {found.currency}"
    rows = [(line.dataset, line.amount) for line in found.lines]
    print_table(title, ("dataset", "charged"), [*rows, ("total", found.total)])
    say(f"shared costs are in it, split by the method {found.shared_method!s}")
    return 0


def meter(*, as_json: bool) -> int:
    """Meters what the store holds."""
    with platform_here() as platform, platform.meter.work("metering"), working("listing the store"):
        found = platform.storage_meter.meter()
    if as_json:
        print_json(found)
        return 0
    sizes: Counter[str] = Counter()
    files: Counter[str] = Counter()
    for line in found:
        sizes[line.zone] += line.size_bytes
        files[line.zone] += line.files
    print_table("", ("zone", "files", "bytes"), [(zone, files[zone], sizes[zone]) for zone in sorted(sizes)])
    say(f"{counted(len(found), 'place')}, {sum(sizes.values()):,} bytes")
    return 0


def _month(text: str | None) -> date | None:
    if text is None:
        return None
    try:
        return date.fromisoformat(f"{text}-01")
    except ValueError as error:
        raise ConfigurationError(f"{text!r} is no month; write it as 2026-07") from error


def _facts(report: Report) -> Any:
    return {
        **plain(report),
        "costs": [_cost_facts(cost) for cost in report.costs],
        "whole": _cost_facts(report.whole),
    }


def _cost_facts(cost: CostOf) -> dict[str, Any]:
    per_tb = {"compute_per_tb": plain(cost.compute_per_tb), "storage_per_tb": plain(cost.storage_per_tb)}
    return {**plain(cost), "total": plain(cost.total), **per_tb}


def _row(cost: CostOf) -> tuple[object, ...]:
    return (
        cost.name,
        *map(_amount, (cost.total, cost.compute, cost.memory, cost.transfer, cost.storage, cost.shared)),
        cost.runs,
        _number(cost.cpu_seconds / 3600),
        _number(cost.logical_bytes_in / _GIGABYTE),
        _number(cost.stored_bytes / _GIGABYTE),
        _amount(cost.compute_per_tb),
        _amount(cost.storage_per_tb),
    )


def _budget_row(each: Any) -> tuple[object, ...]:
    used = "other currency" if each.used_percent is None else f"{each.used_percent:.1f} %"
    return (each.domain, f"{each.amount} {each.currency}", f"{each.spent:.2f} {each.spent_currency}", used, each.period)


def _remarks(report: Report) -> list[str]:
    lines = [f"prices: {report.price_list}; {_amount(report.shared)} of shared work, split: {report.shared_method!s}"]
    named = ", ".join(report.untagged_datasets[:5]) + (", …" if len(report.untagged_datasets) > 5 else "")
    lines.append(f"untagged (without owner, cost centre or cost tags): {_amount(report.untagged)} {named}".rstrip())
    for one in report.unmetered:
        worth = "" if one.estimate is None else f", about {_amount(one.estimate)}, which is in no total"
        lines.append(f"unmetered: {counted(one.runs, 'run')} of {one.dataset} {one.reason}{worth}")
    days = report.storage_days
    if days.carried:
        lines.append(f"storage of {counted(days.carried, 'day')} was not metered and counts as the day before")
    if days.unknown:
        lines.append(f"storage of {counted(days.unknown, 'day')} before the first metering is not known")
    return lines


def _amount(value: Decimal | None) -> Decimal | None:
    """Money for people: cents, and of less than one what can be told."""
    if value is None or not value:
        return value
    return value.quantize(Decimal("0.01") if value >= 1 else Decimal("0.000001"))


def _number(value: float) -> Decimal:
    return Decimal(f"{value:.3f}")
