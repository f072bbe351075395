"""How processes that share a metastore name themselves in what they write: by host and process id."""

from __future__ import annotations

import os
import socket


def this_instance() -> str:
    """`<host>:<process id>` of this process."""
    return f"{socket.gethostname()}:{os.getpid()}"
