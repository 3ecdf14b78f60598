"""What instances used, as it was measured in windows of five minutes."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator

import numpy as np
import pyarrow as pa

from policies.arrays import IntArray
from traces.formats.google2019.lives import Columns
from traces.formats.google2019.tables import NONE, SECOND_US
from traces.reading.arrays import arrow_of

COLUMNS = ("job", "index", "start", "end", "cpu", "memory")

_NOBODYS = "lines of instance_usage about instances that did not run then, ignored"


def usage_block(columns: Columns) -> pa.RecordBatch:
    """Make a block of windows, with `NONE` for what was not measured."""
    filled = {name: np.where(np.isnan(columns[name]), NONE, columns[name]) for name in ("cpu", "memory")}
    arrays = [arrow_of(filled.get(name, columns[name])) for name in COLUMNS]
    return pa.RecordBatch.from_arrays(arrays, names=list(COLUMNS))


class Usage:
    """Gives lives, which come in order of collection and instance, the mean of what was measured of them.

    Parameters
    ----------
    windows : iterable of pyarrow.RecordBatch
        Of `usage_block`, in order of collection, instance and start.

    Notes
    -----
    A window counts for the life that began last before its end, by its length. Memory is that of some lives, and of a
    block of windows.
    """

    def __init__(self, windows: Iterable[pa.RecordBatch]) -> None:
        self._coming: Iterator[pa.RecordBatch] = iter(windows)
        self._held: Columns = {}

    def add_means(self, lives: Columns, odd: Counter[str]) -> None:
        """Give the lives their means, in cores and bytes; `NONE` where nothing was measured."""
        n = lives["job"].size
        sums, seconds = np.zeros((2, n)), np.zeros((2, n))
        for windows in self._until(int(lives["job"][-1]), int(lives["index"][-1])):
            life = _owners(lives, windows)
            odd[_NOBODYS] += int((life < 0).sum())
            lasts_s = (windows["end"] - windows["start"]) / SECOND_US
            for axis, name in enumerate(("cpu", "memory")):
                given = (life >= 0) & (windows[name] != NONE)
                sums[axis] += np.bincount(life[given], (windows[name] * lasts_s)[given], minlength=n)
                seconds[axis] += np.bincount(life[given], lasts_s[given], minlength=n)
        means = np.divide(sums, seconds, out=np.full((2, n), float(NONE)), where=seconds > 0)
        lives["used_cpu"], lives["used_memory"] = means

    def count_the_rest(self, odd: Counter[str]) -> None:
        """Count the windows of instances that come after all lives."""
        rest = sum(block.num_rows for block in self._coming)
        odd[_NOBODYS] += rest + (self._held["job"].size if self._held else 0)

    def _until(self, job: int, index: int) -> Iterator[Columns]:
        """Take all windows up to and with those of an instance, a block at a time."""
        while True:
            if not self._held:
                block = next(self._coming, None)
                if block is None:
                    return
                self._held = {name: np.asarray(np.from_dlpack(block[name])) for name in COLUMNS}
            held = self._held
            taken = (held["job"] < job) | ((held["job"] == job) & (held["index"] <= index))
            yield {name: column[taken] for name, column in held.items()}
            if not taken.all():
                self._held = {name: column[~taken] for name, column in held.items()}
                return
            self._held = {}


def _owners(lives: Columns, windows: Columns) -> IntArray:
    """Give the life that each window belongs to, `NONE` where there is none."""
    n, m = lives["job"].size, windows["job"].size
    job, index = (np.concatenate((lives[name], windows[name])) for name in ("job", "index"))
    time = np.concatenate((lives["start"], windows["end"]))
    asks = np.arange(n + m) >= n
    # A life that begins where a window ends has no part of it.
    order = np.lexsort((~asks, time, index, job))
    place = np.maximum.accumulate(np.where(asks[order], -1, np.arange(n + m)))
    last = order[np.maximum(place, 0)]
    same = (place >= 0) & (job[last] == job[order]) & (index[last] == index[order])
    owner = np.full(n + m, NONE, dtype=np.int64)
    owner[order[same]] = last[same]
    life: IntArray = owner[n:]
    end = lives["start"] + lives["run_s"] * SECOND_US  # a float, which may be infinite
    late = life >= 0
    late[late] = end[life[late]] <= windows["start"][late]
    life[late] = NONE
    return life
