"""Tables that may be longer than memory: sorted, and handed on as pieces that cut nothing in two."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import partial
from itertools import chain
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from traces.formats.google2011.rows import Ints, Rows, changes
from traces.reading.arrays import numpy_of
from traces.reading.ordered import ordered
from traces.reading.temporary import temporary_folder

#: So many rows at least are gathered before they are handed on: a piece costs as much as some thousand rows do.
AT_LEAST = 2**16


#: So many files a table is spread over before it is sorted, a prime so that no pattern of job IDs fills a few: whoever
#: sorts a table of any length at once has to hold more of it the longer it is.
FILES = 61


def spread(pieces: Iterable[Rows], which: Callable[[Rows], Ints]) -> Iterator[Iterator[Rows]]:
    """Spread rows over temporary files, and give what is in each of them, one after the other.

    Parameters
    ----------
    pieces : iterable of ndarray
        The rows. All of them are read before this returns: what is counted on the way is complete then.
    which : callable
        Gives for each row the number of its file, below `FILES`.

    Yields
    ------
    iterator of ndarray
        The rows of a file as they came, to be read before the next is asked for; of `FILES` files.

    Raises
    ------
    UserError
        If the folder for temporary files has no room for them.
    """
    files = _files(pieces, which)
    next(files)
    return files


def by_job(rows: Rows) -> Ints:
    """Spread by job, so that a file has all rows of those jobs that it has any of."""
    number: Ints = rows["job"] % FILES
    return number


def _files(pieces: Iterable[Rows], which: Callable[[Rows], Ints]) -> Iterator[Iterator[Rows]]:
    with temporary_folder() as folder:
        files = [folder / str(number) for number in range(FILES)]
        dtype: np.dtype[Any] = np.dtype("i8")
        for piece in gathered(pieces):
            dtype, number = piece.dtype, which(piece)
            order = np.argsort(number, kind="stable")
            bounds = np.searchsorted(number[order], np.arange(FILES + 1)).tolist()
            for file, start, end in zip(files, bounds[:-1], bounds[1:], strict=True):
                if start < end:
                    # None is kept open: whoever reads the rows may stop at any time.
                    with file.open("ab") as out:
                        out.write(piece[order[start:end]].tobytes())
        yield iter(())  # all is read and written
        for file in files:
            yield _rows_in(file, dtype)
            file.unlink(missing_ok=True)


def _rows_in(file: Path, dtype: np.dtype[Any]) -> Iterator[Rows]:
    at = 0
    while file.exists():
        rows = np.fromfile(file, dtype, AT_LEAST, offset=at)
        if not rows.size:
            return
        at += rows.nbytes
        yield rows


def in_order_of(pieces: Iterable[Rows], by: Sequence[str]) -> Iterator[Rows]:
    """Sort rows of which there may be more than fit in memory; those that are equal in `by` stay as they came.

    All of `pieces` is read before this returns: what is counted on the way is complete then.
    """
    coming = gathered(pieces)
    head = next(coming, None)
    if head is None:
        return iter(())
    blocks = ordered(map(_block_of, chain([head], coming)), by)
    first = next(blocks)
    return map(partial(_rows_of, head.dtype), chain([first], blocks))


def gathered(pieces: Iterable[Rows]) -> Iterator[Rows]:
    """Join small pieces to some of at least `AT_LEAST` rows."""
    held: list[Rows] = []
    rows = 0
    for piece in pieces:
        held.append(piece)
        rows += piece.size
        if rows >= AT_LEAST:
            yield np.concatenate(held)
            held, rows = [], 0
    if rows:
        yield np.concatenate(held)


def whole(pieces: Iterable[Rows], by: Sequence[str]) -> Iterator[Rows]:
    """Cut rows anew, only where one of the columns `by` changes; rows that are equal in these follow one another."""
    held: list[Rows] = []
    for piece in gathered(pieces):
        begins = np.logical_or.reduce([changes(piece[name]) for name in by])
        begins[0] = bool(held) and any(held[-1][name][-1] != piece[name][0] for name in by)
        cut = int(begins.nonzero()[0].max(initial=0))
        if begins[cut]:
            yield np.concatenate([*held, piece[:cut]])
            held = []
        held.append(piece[cut:])
    if held:
        yield np.concatenate(held)


class Beside:
    """Rows in order of job, to be read beside others that come in the same order.

    Parameters
    ----------
    pieces : iterable of ndarray
        Rows with a column ``job``.
    """

    def __init__(self, pieces: Iterable[Rows] = ()) -> None:
        self._pieces = iter(pieces)
        self._held: Rows | None = None

    def up_to(self, job: int) -> Iterator[Rows]:
        """Yield the rows of all jobs up to this one that were not given before, as pieces."""
        while True:
            piece = next(self._pieces, None) if self._held is None else self._held
            self._held = None
            if piece is None:
                return
            cut = int(np.searchsorted(piece["job"], job, "right"))
            if cut < piece.size:
                self._held = piece[cut:]
            if cut:
                yield piece[:cut]
            if self._held is not None:
                return


def _block_of(rows: Rows) -> pa.RecordBatch:
    """Make columns of rows, truths as bytes; Arrow's own way there imports pandas."""
    names = rows.dtype.names or ()
    return pa.RecordBatch.from_arrays([_column(rows[name]) for name in names], names=list(names))


def _column(values: np.ndarray[Any, Any]) -> pa.Array:
    values = np.ascontiguousarray(values, dtype=np.int8 if values.dtype == bool else None)
    return pa.Array.from_buffers(pa.from_numpy_dtype(values.dtype), values.size, [None, pa.py_buffer(values)])


def _rows_of(dtype: np.dtype[Any], block: pa.RecordBatch) -> Rows:
    rows = np.empty(block.num_rows, dtype=dtype)
    for name in block.schema.names:
        rows[name] = numpy_of(block[name])
    return rows
