from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from data_platform.errors import ConfigurationError
from data_platform.incidents.model import Alert, Symptom, page_or_ticket
from data_platform.incidents.suppressing import Names, checked, covers_symptom, scope_of
from data_platform.metastore.suppressions import SuppressionEntry

NOON = datetime(2026, 3, 20, 12, tzinfo=UTC)
NAMES = Names(
    datasets={
        "raw.shop.orders": "shop",
        "curated.shop.orders": "shop",
        "served.shop.daily_revenue": "shop",
        "served.shop.daily_returns": "shop",
        "served.finance.ledger": "finance",
    },
    connectors=("raw.shop.orders/orders_db",),
)
ALERTS_TOLD = 16  # of the eighteen in the guide's list data_loss and security_breach are told all the same


def planned(scope: str, lasts: timedelta, *, ticket: str = "T-1") -> SuppressionEntry:
    return SuppressionEntry(
        ticket=ticket, scope=scope, starts_at=NOON, expires_at=NOON + lasts, who="ann", reason="a restart"
    )


def covered(text: str) -> tuple[int, int, int]:
    found = scope_of(text, NAMES)
    return len(found.datasets), len(found.connectors), len(found.alerts)


def test_a_scope_names_what_there_is_and_says_how_much_it_covers() -> None:
    assert covered("curated.shop.orders") == (1, 0, ALERTS_TOLD)
    assert covered("shop") == (4, 1, ALERTS_TOLD)
    assert covered("served.shop.*") == (2, 0, ALERTS_TOLD)
    assert covered("served.shop.daily_re*") == (2, 0, ALERTS_TOLD)
    assert covered("raw.shop.orders/orders_db") == (0, 1, ALERTS_TOLD)
    assert covered("lineage_stuck") == (0, 0, 1)
    assert str(scope_of("shop", NAMES)) == "16 alerts of 4 datasets and 1 connector"
    assert str(scope_of("disk_low", NAMES)) == "1 alert (disk_low) of everything"


@pytest.mark.parametrize(
    ("scope", "said"),
    [
        ("", "name a dataset"),
        ("*", "no pattern"),
        ("**.*", "no pattern"),
        ("[a-z]*", "no pattern"),
        ("?erved.shop.*", "no pattern"),
        ("served.*", "no pattern"),
        ("*.shop.orders", "no pattern"),
        ("served.*.daily_revenue", "no pattern"),
        ("served.shop.da*ly*", "no pattern"),
        ("gold.shop.*", "no pattern"),
        ("served.shop.monthly*", "there is no 'served.shop.monthly\\*'"),
        ("served.shop.daily_revenu", "write served.shop.daily_revenue"),
        ("daily_revenue", "write served.shop.daily_revenue"),
        ("shopp", "write shop"),
        ("raw.shop.orders/order_db", "write raw.shop.orders/orders_db"),
        ("lineage_stck", "write lineage_stuck"),
        ("data_loss", "told whatever is suppressed"),
        ("security_breach", "told whatever is suppressed"),
    ],
)
def test_a_scope_that_names_nothing_or_too_much_is_refused_with_what_is_near(scope: str, said: str) -> None:
    with pytest.raises(ConfigurationError, match=said):
        scope_of(scope, NAMES)


def test_a_domain_that_is_everything_is_refused() -> None:
    alone = Names(datasets={name: "shop" for name in NAMES.datasets if ".shop." in name})
    with pytest.raises(ConfigurationError, match="covers everything, all 4 datasets"):
        scope_of("shop", alone)
    assert scope_of("served.shop.*", alone).text == "served.shop.*"


@pytest.mark.parametrize(("ticket", "hours"), [("", 1), (" ", 1), ("T-1", 0), ("T-1", -2), ("T-1", 7 * 24 + 1)])
def test_a_suppression_needs_a_ticket_and_a_near_end_in_the_future(ticket: str, hours: int) -> None:
    with pytest.raises(ConfigurationError):
        checked(planned("shop", timedelta(hours=hours), ticket=ticket))
    assert checked(planned("shop", timedelta(days=7), ticket=" T-1 ")) == planned("shop", timedelta(days=7))


def holds(scope: str, alert: Alert, subject: str, dataset: str = "") -> bool:
    entry = planned(scope, timedelta(hours=1))
    symptom = Symptom(
        alert=alert, subject=subject, dataset=dataset, severity=page_or_ticket(is_page=False), began_at=NOON,
        ready_at=None,
    )  # fmt: skip
    return covers_symptom([entry], symptom, domain=dataset.split(".")[1] if dataset else "")


def test_a_scope_holds_what_it_covers_and_nothing_else() -> None:
    orders = "raw.shop.orders"
    assert holds(orders, Alert.CONNECTOR_LOST, f"{orders}/orders_db", orders)
    assert holds(f"{orders}/orders_db", Alert.CONNECTOR_LOST, f"{orders}/orders_db", orders)
    assert not holds(f"{orders}/orders_db", Alert.RUN_FAILED, orders, orders)
    assert holds("shop", Alert.RUN_FAILED, orders, orders)
    assert holds("raw.shop.*", Alert.RUN_FAILED, orders, orders)
    assert not holds("raw.shop.orders", Alert.RUN_FAILED, "raw.shop.orders_old", "raw.shop.orders_old")
    assert holds("disk_low", Alert.DISK_LOW, "disk")
    assert not holds("disk_low", Alert.LINEAGE_STUCK, "lineage")
    assert not holds("shop", Alert.DATA_LOSS, orders, orders)
