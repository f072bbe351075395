"""Traceparents are read and written as W3C Trace Context says, and every process draws the same sample."""

from __future__ import annotations

import random
import uuid

import pytest
from hypothesis import given
from hypothesis import strategies as st

from data_platform.observability.tracing.context import TraceContext, is_drawn, trace_id_of

TRACE, SPAN = "4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7"
hexadecimal = st.sampled_from("0123456789abcdef")


@pytest.mark.parametrize("flags", ["00", "01", "03", "ff"])
def test_the_example_of_the_recommendation_is_read(flags: str) -> None:
    assert TraceContext.read(f"00-{TRACE}-{SPAN}-{flags}") == TraceContext(TRACE, SPAN, flags != "00")


@pytest.mark.parametrize(
    "text",
    [
        "",
        "nonsense",
        f"00-{TRACE}-{SPAN}",
        f"00-{TRACE}-{SPAN}-1",
        f"00-{TRACE.upper()}-{SPAN}-01",  # lower case only
        f"ff-{TRACE}-{SPAN}-01",  # a forbidden version
        f"00-{'0' * 32}-{SPAN}-01",  # all zeros are no id
        f"00-{TRACE}-{'0' * 16}-01",
        f"00-{TRACE}-{SPAN}-01-more",  # version 00 has four fields
        f"00-{TRACE}-{SPAN}-01\nx: y",
    ],
)
def test_what_the_recommendation_refuses_begins_no_trace(text: str) -> None:
    assert TraceContext.read(text) is None
    assert trace_id_of(text) == ""


def test_a_later_version_may_say_more() -> None:
    assert TraceContext.read(f"01-{TRACE}-{SPAN}-01-more") == TraceContext(TRACE, SPAN)


@given(st.text(hexadecimal, min_size=32, max_size=32), st.text(hexadecimal, min_size=16, max_size=16), st.booleans())
def test_what_is_written_is_read_as_it_was(trace_id: str, span_id: str, is_sampled: bool) -> None:
    context = TraceContext(trace_id, span_id, is_sampled)
    is_one = bool(int(trace_id, 16) and int(span_id, 16))
    assert TraceContext.read(context.traceparent) == (context if is_one else None)


def test_a_run_has_the_same_ids_in_every_process() -> None:
    run_id = str(uuid.UUID(int=7 << 64 | 9))
    assert TraceContext.of_run(run_id) == TraceContext.of_run(run_id)
    assert TraceContext.of_run(run_id).trace_id == uuid.UUID(run_id).hex
    assert TraceContext.read(TraceContext.of_run("no uuid").traceparent) == TraceContext.of_run("no uuid")


@pytest.mark.parametrize("ratio", [0.0, 0.1, 0.5, 1.0])
def test_the_sample_has_the_size_that_was_asked_for(ratio: float) -> None:
    chance = random.Random(5)
    ids = [uuid.UUID(int=chance.getrandbits(128), version=4).hex for _ in range(4_000)]  # as ids of runs are
    drawn = sum(is_drawn(one, ratio) for one in ids)
    assert abs(drawn - ratio * 4_000) <= 4 * (4_000 * ratio * (1 - ratio)) ** 0.5  # four standard deviations


def test_a_larger_sample_holds_the_smaller_one() -> None:
    chance = random.Random(6)
    ids = [f"{chance.getrandbits(128):032x}" for _ in range(500)]
    small = {one for one in ids if is_drawn(one, 0.2)}
    assert small <= {one for one in ids if is_drawn(one, 0.4)}
