"""A pytest plugin for runs against a mutant: property tests repeat and fail fast, and no mutant takes the machine along.

A found example is not shrunk, which takes minutes and tells nothing here.
"""

from __future__ import annotations

import resource

from hypothesis import Phase, settings

_ADDRESS_SPACE_BYTES = 16 << 30

settings.register_profile("trial", phases=(Phase.explicit, Phase.generate), derandomize=True, database=None)
settings.load_profile("trial")
resource.setrlimit(resource.RLIMIT_AS, (_ADDRESS_SPACE_BYTES, resource.getrlimit(resource.RLIMIT_AS)[1]))
