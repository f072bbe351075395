"""What visitors do on the shop's web site on one day: sessions that walk towards a purchase, or stop on the way."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, time, timedelta
from random import Random

from data_platform.samples import vocabulary as words
from data_platform.samples.shop import Order, TradingDay

FUNNEL = ("page_view", "product_view", "add_to_cart", "checkout_start", "purchase")
_STEPS_OF_VISITORS = (1, 1, 1, 2, 2, 2, 3, 3, 4)  # how far a visit without a purchase gets
_VISITORS_PER_ORDER = 2


@dataclass(frozen=True, slots=True, kw_only=True)
class Context:
    """Where a visit comes from."""

    device: str
    browser: str
    country: str
    campaign: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class WebEvent:
    """One event as the collector writes it; `send_attempt` counts how often the browser sent it."""

    event_id: str
    session_id: str
    event_type: str
    event_time: datetime
    customer_id: str | None
    product_id: str | None
    order_id: str | None
    page_url: str
    send_attempt: int
    context: Context
    experiment: str | None = None  # written by newer collectors only; the contract does not name it


def events_of(trading: TradingDay, rng: Random, *, has_experiment: bool) -> list[WebEvent]:
    """All events of a day in order of time; the last stands at 23:59:30, so that the day's watermark is known."""
    events: list[WebEvent] = []
    products = [line.product_id for order in trading.orders for line in order.lines]
    number = 0
    for order in trading.orders:
        for buyer in (order, *(None,) * _VISITORS_PER_ORDER):
            number += 1
            session_id = f"S{trading.day:%Y%m%d}-{number:07d}"
            events.extend(_session(trading.day, session_id, buyer, rng.choice(products), rng))
    events.append(closing_event(trading.day, rng))
    events.sort(key=lambda event: (event.event_time, event.event_id))
    if has_experiment:
        return [_in_experiment(event) if index % 9 == 0 else event for index, event in enumerate(events)]
    return events


def closing_event(day: date, rng: Random) -> WebEvent:
    """A single page view at 23:59:30."""
    session = f"S{day:%Y%m%d}-closing"
    moment = datetime.combine(day, time(23, 59, 30), UTC)
    return _event(session, 1, moment, _context(None, rng))


def visit(day: date, session_id: str, start: datetime, rng: Random) -> WebEvent:
    """One page view of a session of its own."""
    return replace(_event(session_id, 1, start, _context(None, rng)), page_url=f"https://shop.example.com/?d={day}")


def _session(day: date, session_id: str, order: Order | None, product_id: str, rng: Random) -> Iterator[WebEvent]:
    steps = len(FUNNEL) if order else rng.choice(_STEPS_OF_VISITORS)
    gaps = [rng.randrange(5, 240) for _ in range(steps)]
    if order:
        moment, product_id = order.ordered_at - timedelta(seconds=sum(gaps[1:])), order.lines[0].product_id
    else:
        moment = datetime.combine(day, time(0, 20), UTC) + timedelta(seconds=rng.randrange(23 * 3600))
    context = _context(order, rng)
    for index in range(steps):
        moment += timedelta(seconds=gaps[index] if index else 0)
        event = _event(session_id, index + 1, moment, context)
        yield replace(
            event,
            event_type=FUNNEL[index],
            customer_id=order.customer_id if order and index >= 3 else None,
            product_id=product_id if index in (1, 2) else None,
            order_id=order.order_id if order and index == 4 else None,
            page_url=_url(FUNNEL[index], product_id),
        )


def _event(session_id: str, number: int, moment: datetime, context: Context) -> WebEvent:
    return WebEvent(event_id=f"E{session_id[1:]}-{number}", session_id=session_id, event_type="page_view",
                    event_time=moment, customer_id=None, product_id=None, order_id=None,
                    page_url="https://shop.example.com/", send_attempt=1, context=context)  # fmt: skip


def _context(order: Order | None, rng: Random) -> Context:
    place = rng.choice([p for p in words.PLACES if order is None or p.currency == order.currency])
    return Context(device=rng.choice(words.DEVICES), browser=rng.choice(words.BROWSERS), country=place.country,
                   campaign=rng.choice(words.CAMPAIGNS))  # fmt: skip


def _url(event_type: str, product_id: str) -> str:
    page = {"page_view": "", "product_view": f"p/{product_id}", "add_to_cart": f"p/{product_id}",
            "checkout_start": "checkout", "purchase": "thank-you"}[event_type]  # fmt: skip
    return f"https://shop.example.com/{page}"


def _in_experiment(event: WebEvent) -> WebEvent:
    return replace(event, experiment="short-checkout" if event.event_id[-1] in "135" else "control")
