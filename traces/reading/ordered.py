"""Sorts rows of which there may be more than fit in memory."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from contextlib import ExitStack
from itertools import chain
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import pyarrow as pa

from policies.errors import UserError
from traces.reading.arrays import arrow_of

#: So many rows are sorted in memory; of more, a data base on disk does it.
IN_MEMORY = 2**19
#: Memory of that data base; what it does not hold is written to the folder for temporary files.
MEMORY_LIMIT = "512MB"
#: Rows that are handed on at a time.
AT_ONCE = 2**15

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
    import duckdb  # only where it is used: it costs a start-up

    with ExitStack() as stack:
        folder = stack.enter_context(TemporaryDirectory(prefix="towtank-"))
        settings = {"memory_limit": MEMORY_LIMIT, "temp_directory": folder, "threads": 1, "enable_progress_bar": False}
        try:
            base = stack.enter_context(duckdb.connect(str(Path(folder, "rows")), config=settings))  # type: ignore[arg-type]
            count = 0
            for piece in blocks:
                if not piece.num_rows:
                    continue
                numbered = _numbered(pa.Table.from_batches([piece]), count)  # which DuckDB finds by its name here
                base.execute(f"{'INSERT INTO' if count else 'CREATE TABLE'} rows {'' if count else 'AS '}FROM numbered")
                count += numbered.num_rows
            order = ", ".join(f'"{name}"' for name in (*by, _NUMBER))
            sorted_rows = base.sql(f'SELECT * EXCLUDE "{_NUMBER}" FROM rows ORDER BY {order}')
            yield from sorted_rows.to_arrow_reader(AT_ONCE)
        except (duckdb.IOException, duckdb.OutOfMemoryException) as error:
            raise UserError(f"{folder}: cannot sort the trace there: {str(error).splitlines()[0]}") from None


def _numbered(table: pa.Table, first: int) -> pa.Table:
    return table.append_column(_NUMBER, arrow_of(np.arange(first, first + table.num_rows)))
