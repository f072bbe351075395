"""The whole way as a process of its own: `python -m … HOME SOURCE [SOURCE …] [SETTING=VALUE …]` walks over one source
folder after another.

Walking again over folders that were done changes nothing, so a process that was killed is simply started again.
"""

from __future__ import annotations

import sys
from pathlib import Path

from data_platform_tests.end_to_end.walking import at, walk


def main(home: str, *words: str) -> None:
    settings = dict(word.split("=", 1) for word in words if "=" in word)
    for source in (word for word in words if "=" not in word):
        with at(Path(home), Path(source), **settings) as platform:
            walk(platform)


if __name__ == "__main__":
    main(*sys.argv[1:])
