"""Sorts rows of which there may be more than fit in memory."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from itertools import chain

import numpy as np
import pyarrow as pa

from traces.reading.arrays import arrow_of
from traces.reading.database import AT_ONCE, temporary_database

#: So many rows are sorted in memory; of more, a data base on disk does it.
IN_MEMORY = 2**19
#: Memory of that data base; what it does not hold is written to the folder for temporary files.
MEMORY_LIMIT = "512MB"
#: Makes the order one and the same: rows that are equal otherwise stay as they came.
_NUMBER = "number in the order of coming"


def ordered(blocks: Iterable[pa.RecordBatch], by: Sequence[str]) -> Iterator[pa.RecordBatch]:
    """Give rows in the order of some of their columns; rows that are equal in these stay as they came.

    Parameters
    ----------
    blocks : iterable of pyarrow.RecordBatch
        All of one schema; read to their end before the first row is given.
    by : sequence of str
        Names of columns, without nulls, the more important first.

    Raises
    ------
    UserError
        If the folder for temporary files has no room for them.

    Notes
    -----
    Memory does not grow with the number of rows: beyond `IN_MEMORY` of them they are in a temporary data base.
    """
    coming = iter(blocks)
    held: list[pa.RecordBatch] = []
    rows = 0
    for piece in coming:
        held.append(piece)
        rows += piece.num_rows
        if rows > IN_MEMORY:
            return _on_disk(chain(held, coming), by)
    return _in_memory(held, by)


def _in_memory(held: list[pa.RecordBatch], by: Sequence[str]) -> Iterator[pa.RecordBatch]:
    if not held:
        return
    table = _numbered(pa.Table.from_batches(held), 0)
    table = table.sort_by([(name, "ascending") for name in (*by, _NUMBER)]).drop_columns(_NUMBER)
    yield from table.combine_chunks().to_batches(max_chunksize=AT_ONCE)


def _on_disk(blocks: Iterable[pa.RecordBatch], by: Sequence[str]) -> Iterator[pa.RecordBatch]:
    coming = iter(blocks)
    first = next(coming)
    with temporary_database(MEMORY_LIMIT) as base:
        base.add(
            "rows", _numbered(pa.Table.from_batches([], first.schema), 0).schema, _numbering(chain([first], coming))
        )
        order = ", ".join(f'"{name}"' for name in (*by, _NUMBER))
        yield from base.blocks(f'SELECT * EXCLUDE "{_NUMBER}" FROM rows ORDER BY {order}', AT_ONCE)


def _numbering(blocks: Iterable[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
    count = 0
    for block in blocks:
        if block.num_rows:
            yield from _numbered(pa.Table.from_batches([block]), count).combine_chunks().to_batches()
            count += block.num_rows


def _numbered(table: pa.Table, first: int) -> pa.Table:
    return table.append_column(_NUMBER, arrow_of(np.arange(first, first + table.num_rows)))
