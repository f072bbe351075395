"""Run by an interpreter that has `datacontract-cli`: its verdicts on pairs of contracts, for both perspectives.

Reads a JSON list of [base, head] contract texts on stdin; writes a JSON list of [consumer, producer] on stdout, each
info, warning or error, or `none` where nothing differs for it; null where it cannot read a contract.
"""

from __future__ import annotations

import json
import logging
import sys
from typing import Any

_ORDER = ("none", "info", "warning", "error")
_LEVELS = {  # of `BreakingChangeDetector`: (consumer, producer) by the direction of a change
    "both": ("error", "error"),
    "undetermined": ("warning", "warning"),
    "loosens": ("error", "info"),
    "tightens": ("info", "error"),
}


def verdicts(base: str, head: str) -> list[str] | None:
    """The worst level of all entries, as the consumer and as the producer sees it."""
    from datacontract.data_contract import DataContract

    pair = [DataContract(data_contract_str=text) for text in (base, head)]
    try:
        result: Any = pair[0].breaking(pair[1], perspective="consumer")
    except Exception:  # noqa: BLE001  whatever it raises means that it gives no verdict
        return None
    levels = [_LEVELS.get(str(getattr(e.direction, "value", e.direction)), ("info", "info")) for e in result.entries]
    return [max((level[side] for level in levels), key=_ORDER.index, default="none") for side in (0, 1)]


if __name__ == "__main__":
    logging.disable(logging.CRITICAL)
    json.dump([verdicts(base, head) for base, head in json.load(sys.stdin)], sys.stdout)
