"""What an error means to Dagster: worth another attempt, or not. The retry policy of every asset is here too."""

from __future__ import annotations

import dagster as dg

from data_platform.errors import RetryableError
from data_platform.governance.error_text import told

MAX_RETRIES = 3
RETRY_POLICY = dg.RetryPolicy(
    max_retries=MAX_RETRIES, delay=1, backoff=dg.Backoff.EXPONENTIAL, jitter=dg.Jitter.PLUS_MINUS
)


def is_worth_retrying(error: Exception) -> bool:
    """Whether the same call may succeed later."""
    return isinstance(error, RetryableError)


def failure(error: Exception) -> dg.Failure:
    """The error as Dagster ends a step with it; the retry policy applies only where another attempt can help."""
    return dg.Failure(
        description=told(error),
        metadata={"error": type(error).__name__, "retried": is_worth_retrying(error)},
        allow_retries=is_worth_retrying(error),
    )
