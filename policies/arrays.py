"""Names for the arrays that everything is made of."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    IntArray = NDArray[np.int64]
    FloatArray = NDArray[np.float64]
    BoolArray = NDArray[np.bool_]
else:
    # Only type checkers look further, and importing what they see would cost every start a fiftieth of a second.
    IntArray = FloatArray = BoolArray = np.ndarray

__all__ = ["BoolArray", "FloatArray", "IntArray"]
