"""Being told to end, by Ctrl-C or SIGTERM, as something that a long-lived process waits for: nothing is cut."""

from __future__ import annotations

import signal
from collections.abc import Callable

_ENDS = (signal.SIGTERM, signal.SIGINT)


def held_back() -> Callable[[], object]:
    """From now on neither signal interrupts anything; what is returned waits for the first of them.

    To be called before there are threads: they inherit it, so that only the wait sees a signal.
    """
    signal.pthread_sigmask(signal.SIG_BLOCK, _ENDS)
    return lambda: signal.sigwait(_ENDS)
