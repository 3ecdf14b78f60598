"""What is said of collections as a whole, for lives that come in order of collection."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import NamedTuple

import numpy as np
import pyarrow as pa

from policies.arrays import BoolArray, IntArray
from traces.reading.arrays import numpy_of


class Said(NamedTuple):
    """What was said of some collections, each of shape (n,)."""

    user: IntArray  # numbers; NONE where nobody said
    apart: BoolArray
    after: list[str]


class Collections:
    """Joins what was said of collections to what comes in the same order.

    Parameters
    ----------
    rows : iterable of pyarrow.RecordBatch
        Of `rows.collection_rows`, in order of collection and time.

    Notes
    -----
    Memory is that of the collections that are asked for at a time, and a block of rows.
    """

    def __init__(self, rows: Iterable[pa.RecordBatch]) -> None:
        self._coming: Iterator[pa.RecordBatch] = iter(rows)
        self._job: IntArray = np.empty(0, dtype=np.int64)
        self._user, self._apart = self._job, self._job
        self._after: list[str] = []
        self._all_here = False

    def of(self, jobs: IntArray) -> Said:
        """Give what was said of collections, which come in order of their numbers, none before those asked last."""
        self._fetch(jobs)
        first, behind = np.searchsorted(self._job, jobs), np.searchsorted(self._job, jobs, "right")
        known = behind > first
        # The last that was said of its user; of the other two, whether ever.
        user = np.where(known, np.append(self._user, -1)[behind - 1], -1)
        apart = np.concatenate(([0], np.cumsum(self._apart)))
        some = {int(job): text for job, text in zip(self._job.tolist(), self._after, strict=True) if text}
        return Said(user, apart[behind] > apart[first], [some.get(job, "") for job in jobs.tolist()])

    def _fetch(self, jobs: IntArray) -> None:
        wanted = np.unique(jobs)
        self._keep(np.isin(self._job, wanted) | (self._job > wanted[-1]))
        while not self._all_here and (not self._job.size or self._job[-1] <= wanted[-1]):
            block = next(self._coming, None)
            if block is None:
                self._all_here = True
                return
            if not block.num_rows:
                continue
            job = numpy_of(block["job"])
            self._job = np.concatenate((self._job, job))
            self._user = np.concatenate((self._user, numpy_of(block["user"])))
            self._apart = np.concatenate((self._apart, numpy_of(block["apart"])))
            self._after += block["after"].to_pylist()
            self._keep(np.isin(self._job, wanted) | (self._job >= job[-1]))

    def _keep(self, good: BoolArray) -> None:
        if not good.all():
            self._job, self._user, self._apart = self._job[good], self._user[good], self._apart[good]
            self._after = [text for text, keep in zip(self._after, good.tolist(), strict=True) if keep]
