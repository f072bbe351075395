"""Arrow constants made from buffers. `pa.scalar` and `pa.array` import pandas, which takes longer than most files."""

from __future__ import annotations

from functools import lru_cache

import numpy as np
import numpy.typing as npt
import pyarrow as pa


def int64_array(values: npt.NDArray[np.int64]) -> pa.Int64Array:
    """`values` as Arrow, sharing their memory."""
    return pa.Array.from_buffers(pa.int64(), len(values), [None, pa.py_buffer(np.ascontiguousarray(values, np.int64))])


@lru_cache(maxsize=256)
def int64_scalar(value: int, data_type: pa.DataType) -> pa.Scalar:
    """`value` as the storage of a 64-bit type, or of a date as days."""
    return (
        int64_array(np.array([value], np.int64))
        .cast(pa.int32() if pa.types.is_date32(data_type) else pa.int64())
        .view(data_type)[0]
    )


@lru_cache(maxsize=256)
def text_scalar(text: str) -> pa.StringScalar:
    """`text` as Arrow."""
    data = text.encode()
    offsets = pa.py_buffer(np.array([0, len(data)], np.int32))
    return pa.Array.from_buffers(pa.string(), 1, [None, offsets, pa.py_buffer(data)])[0]


@lru_cache(maxsize=256)
def null_scalar(data_type: pa.DataType) -> pa.Scalar:
    """NULL of a type."""
    return pa.nulls(1, data_type)[0]
