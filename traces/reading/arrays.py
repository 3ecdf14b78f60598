"""Between NumPy and Arrow without pandas, which Arrow's own conversions import: that takes longer than most reading."""

from __future__ import annotations

from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray


def arrow_of(values: NDArray[Any]) -> pa.Array:
    """Make an Arrow array of floats (NaN becomes null), whole numbers or truths, shape (n,).

    Examples
    --------
    >>> arrow_of(np.array([1.5, np.nan])).to_pylist(), arrow_of(np.array([True, False])).to_pylist()
    ([1.5, None], [True, False])
    """
    n = values.size
    if values.dtype == bool:
        return pa.Array.from_buffers(pa.bool_(), n, [None, _bits(values)])
    if np.issubdtype(values.dtype, np.integer):
        return pa.Array.from_buffers(pa.int64(), n, [None, _buffer(values, np.int64)])
    empty = np.isnan(values)
    valid = _bits(~empty) if empty.any() else None
    return pa.Array.from_buffers(pa.float64(), n, [valid, _buffer(values, np.float64)])


def numpy_of(column: pa.Array) -> NDArray[Any]:
    """Make a NumPy array of an Arrow array of numbers; nulls become NaN.

    Examples
    --------
    >>> numpy_of(pa.array([1.0, None])).tolist(), numpy_of(pa.array([1, 2])).tolist()
    ([1.0, nan], [1, 2])
    """
    if column.null_count:
        return np.array([np.nan if value is None else value for value in column.to_pylist()], dtype=np.float64)
    values: NDArray[Any] = np.asarray(np.from_dlpack(column))
    return values


def repeated(value: str | float | None, kind: pa.DataType, n: int) -> pa.Array:
    """Make an array of `n` times the same text or number; None for nulls.

    Examples
    --------
    >>> repeated("ab", pa.string(), 2).to_pylist(), repeated(3, pa.int64(), 2).to_pylist()
    (['ab', 'ab'], [3, 3])
    """
    if value is None:
        return pa.nulls(n, kind)
    if isinstance(value, str):
        data = value.encode()
        starts = pa.py_buffer(np.arange(n + 1, dtype=np.int32) * np.int32(len(data)))
        return pa.Array.from_buffers(kind, n, [None, starts, pa.py_buffer(data * n)])
    return arrow_of(np.full(n, value, dtype=kind.to_pandas_dtype()))


def filled(column: pa.Array) -> pa.Array:
    """Make nulls in an array of strings empty strings.

    Examples
    --------
    >>> filled(pa.array(["a", None])).to_pylist()
    ['a', '']
    """
    if not column.null_count:
        return column
    _, starts, data = column.buffers()
    ends = np.frombuffer(starts, dtype=np.int32)[column.offset :][: len(column) + 1]
    missing = column.is_null()
    if np.diff(ends)[np.array(missing.to_pylist())].any():  # there is something where it says that there is nothing
        return column.fill_null("")
    return pa.Array.from_buffers(pa.string(), len(column), [None, starts, data], offset=column.offset)


def _buffer(values: NDArray[Any], kind: Any) -> pa.Buffer:
    return pa.py_buffer(np.ascontiguousarray(values, dtype=kind))


def _bits(values: NDArray[np.bool_]) -> pa.Buffer:
    return pa.py_buffer(np.packbits(values, bitorder="little"))
