"""The place of a span in a trace, written as W3C Trace Context writes it; whether a trace is drawn into the sample."""

from __future__ import annotations

import hashlib
import re
import secrets
import uuid
from dataclasses import dataclass

TRACEPARENT = "traceparent"  # the header, the run's tag and, in capitals, the environment variable
_SAMPLED = 0x01
_WRITTEN = re.compile(r"([0-9a-f]{2})-([0-9a-f]{32})-([0-9a-f]{16})-([0-9a-f]{2})(-.*)?")
_RANDOM_DIGITS = 14  # the rightmost 56 bits of a trace id are random (W3C Trace Context level 2, section 3.3.2)
_RANDOM = 1 << (4 * _RANDOM_DIGITS)


@dataclass(frozen=True, slots=True)
class TraceContext:
    """A span: 32 and 16 hexadecimal digits."""

    trace_id: str
    span_id: str
    is_sampled: bool = True

    @property
    def traceparent(self) -> str:
        """As the header says it (W3C Trace Context, section 3.2)."""
        return f"00-{self.trace_id}-{self.span_id}-{_SAMPLED if self.is_sampled else 0:02x}"

    @classmethod
    def read(cls, traceparent: str) -> TraceContext | None:
        """What a header says; None where it says nothing that can be believed: the trace then begins here."""
        found = _WRITTEN.fullmatch(traceparent.strip())
        if found is None:
            return None
        version, trace_id, span_id, flags, more = found.groups()
        if version == "ff" or (version == "00" and more) or not int(trace_id, 16) or not int(span_id, 16):
            return None
        return cls(trace_id, span_id, bool(int(flags, 16) & _SAMPLED))

    @classmethod
    def of_run(cls, run_id: str) -> TraceContext:
        """Of a run that goes on from nothing: every process of it comes to the same ids without asking another."""
        return cls(_trace_id(run_id), run_span_id(run_id))


def run_span_id(run_id: str) -> str:
    """The span of a run as a whole."""
    return hashlib.sha256(f"run/{run_id}".encode()).hexdigest()[:16]


def new_trace_id() -> str:
    """A trace id that nobody has."""
    return secrets.token_hex(16)


def new_span_id() -> str:
    """A span id that nobody has."""
    return secrets.token_hex(8)


def trace_id_of(traceparent: str) -> str:
    """The trace id in a traceparent; empty where there is none."""
    found = TraceContext.read(traceparent)
    return found.trace_id if found else ""


def is_drawn(trace_id: str, ratio: float) -> bool:
    """Whether a trace is in a sample of `ratio`; every process decides alike."""
    return int(trace_id[-_RANDOM_DIGITS:], 16) < ratio * _RANDOM


def _trace_id(run_id: str) -> str:
    try:
        return uuid.UUID(run_id).hex
    except ValueError:
        return hashlib.sha256(run_id.encode()).hexdigest()[:32]
