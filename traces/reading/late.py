"""Rows that come a little late are put where they belong, in memory that does not grow."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import pairwise

import numpy as np
import pyarrow as pa

from traces.reading.arrays import arrow_of, numpy_of


class Window:
    """Sorts rows by one column as far as a bounded number of rows allows.

    Parameters
    ----------
    by : str
        The column, of floats without nulls.
    rows : int
        How many rows are held back at least, until there are no more.

    Attributes
    ----------
    handed_on : float
        The highest value that was handed on: what comes with less is too late, and whoever makes the blocks must
        refuse it; asked after each block it is right for the next one.
    late : int
        How many rows were put in their place before others that stood above them.
    """

    def __init__(self, by: str, rows: int) -> None:
        self._by, self._rows = by, rows
        self.handed_on = -np.inf
        self.late = 0

    def sorted(self, blocks: Iterable[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        """Give the rows in order; rows of one value stay as they came."""
        held: list[pa.RecordBatch] = []
        for block in blocks:
            if not block.num_rows:
                continue
            held = self._in_order([*held, block])
            count = sum(piece.num_rows for piece in held)
            # A whole block at a time, so that a row is not moved again and again.
            while count - held[0].num_rows >= self._rows:
                first = held.pop(0)
                count -= first.num_rows
                self.handed_on = first[self._by][-1].as_py()
                yield first
        yield from held

    def _in_order(self, pieces: list[pa.RecordBatch]) -> list[pa.RecordBatch]:
        """Sort pieces of which all but the last are in order."""
        values = numpy_of(pieces[-1][self._by])
        above = pieces[-2][self._by][-1].as_py() if len(pieces) > 1 else self.handed_on
        top = np.maximum.accumulate(np.concatenate(([above], values)))
        late = int((values < top[:-1]).sum())
        if not late:
            return pieces
        self.late += late
        rows = pa.Table.from_batches(pieces).combine_chunks()
        order = np.argsort(numpy_of(rows[self._by].chunk(0)), kind="stable")
        sizes = np.cumsum([0] + [piece.num_rows for piece in pieces])
        whole = rows.take(arrow_of(order)).combine_chunks().to_batches()[0]
        return [whole.slice(start, end - start) for start, end in pairwise(sizes.tolist())]
