"""A walk that prints how much memory its process took at most, in bytes: `python -m … HOME SOURCE [SETTING=VALUE …]`."""

from __future__ import annotations

import resource
import sys

from data_platform_tests.end_to_end.walker_process import main

if __name__ == "__main__":
    main(*sys.argv[1:])
    print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024)
