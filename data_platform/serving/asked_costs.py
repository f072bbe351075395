"""A month's costs as an address asks for them, for pages and programs alike."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date
from http import HTTPStatus

from data_platform.costs.report import Costs, Report
from data_platform.errors import ConfigurationError, FaultyProject
from data_platform.serving.problems import Problem


def report_of(costs: Costs, month: str | None, *, by: str) -> Report:
    """What `month`, as 2026-07, cost until now; the present one where it is None or empty.

    Raises:
        Problem: the month has not begun or costs cannot be shown that way (422), or the price list has faults (503).
    """
    return reports_of(costs, month, ways=(by,))[by]


def reports_of(costs: Costs, month: str | None, *, ways: Sequence[str]) -> Mapping[str, Report]:
    """The same in several ways at once.

    Raises:
        Problem: as `report_of` does.
    """
    try:
        return costs.reports(ways, date.fromisoformat(f"{month}-01") if month else None)
    except FaultyProject as error:
        raise Problem(HTTPStatus.SERVICE_UNAVAILABLE, f"the price list has faults: {error.faults[0]}") from error
    except ConfigurationError as error:
        raise Problem(HTTPStatus.UNPROCESSABLE_ENTITY, str(error)) from error
