"""What the addresses of the catalog can be asked with, the same for programs and for people."""

from __future__ import annotations

from typing import Annotated, Literal, TypeAlias

from fastapi import Path, Query

from data_platform.catalog.walks import MOST_STEPS, Way

Key: TypeAlias = Annotated[
    str, Path(description="`layer.domain.dataset`, or `namespace/name` of others.", min_length=1)
]
Column: TypeAlias = Annotated[str | None, Query(description="One column of it.")]
Direction: TypeAlias = Annotated[Way, Query(description="Where to go from there.")]
Depth: TypeAlias = Annotated[int, Query(ge=1, le=MOST_STEPS, description="Steps each way.")]
Limit: TypeAlias = Annotated[int, Query(ge=1, le=200, description="Items a page.")]
Cursor: TypeAlias = Annotated[str | None, Query(description="From the page before.")]
Open: TypeAlias = Annotated[Literal["open", "all"], Query(description="Whether resolved ones are left out.")]
Month: TypeAlias = Annotated[
    str | None,
    Query(pattern=r"^(19|20)[0-9]{2}-(0[1-9]|1[0-2])$", description="As 2026-07; the present one by default."),
]
By: TypeAlias = Annotated[
    str,
    Query(
        pattern=r"^(dataset|domain|owner|cost_centre|tag:.+)$",
        description="What costs are shown by: dataset, domain, owner, cost_centre or tag:KEY.",
    ),
]
