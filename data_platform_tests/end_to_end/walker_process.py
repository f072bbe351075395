"""The whole way as a process of its own: `python -m … HOME SOURCE [SOURCE …]` walks over one source folder after another.

Walking again over folders that were done changes nothing, so a process that was killed is simply started again.
"""

from __future__ import annotations

import sys
from pathlib import Path

from data_platform_tests.end_to_end.walking import at, walk


def main(home: str, *sources: str) -> None:
    for source in sources:
        with at(Path(home), Path(source)) as platform:
            walk(platform)


if __name__ == "__main__":
    main(*sys.argv[1:])
