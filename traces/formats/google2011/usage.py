"""What tasks used, as it was measured in windows of five minutes."""

from __future__ import annotations

import numpy as np

from policies.requests import Demand
from policies.sharing import DISKS, device_time
from policies.sharing.disk import PAGE_BYTES
from traces.formats.google2011.rows import REFERENCE_CORES, REFERENCE_MEMORY_BYTES, SECOND_US, Floats, Ints, Odd, Rows
from traces.trace import Behaviour, steady
from traces.units import MILLI

#: Bytes per second that take all the time of the disk on which device time becomes bytes: random reads of a page.
#: Random, so that it makes no difference to a head who else reads, as the measured time had it in already.
FULL_DISK_BPS = float(1.0 / device_time(1.0, 0.0, PAGE_BYTES, 1.0, DISKS["HDD"]))

CPU, MEMORY, DISK = range(3)


class Usage:
    """Adds up what was measured of lives, window by window, in memory that does not grow with the windows.

    Parameters
    ----------
    lives : ndarray of shape (n,)
        From one SUBMIT of a task to its end.
    """

    def __init__(self, lives: Rows) -> None:
        self._order = np.lexsort((lives["start"], lives["index"], lives["job"]))
        self._need = lives[["cpu", "memory"]]
        sorted_lives = lives[self._order]
        self._start = sorted_lives["start"]
        self._end = self._start + sorted_lives["run_s"] * SECOND_US  # a float, which may be infinite
        self._jobs, job = np.unique(sorted_lives["job"], return_inverse=True)
        self._task = _task_key(job, sorted_lives["index"])
        self._sums, self._seconds = np.zeros((3, lives.size)), np.zeros((3, lives.size))

    def add(self, windows: Rows, odd: Odd) -> None:
        """Take some windows."""
        if not self._start.size:
            odd["lines of task_usage about tasks that did not run then, ignored"] += windows.size
            return
        place = np.searchsorted(self._jobs, windows["job"])
        known = np.append(self._jobs, -1)[place] == windows["job"]
        key = np.where(known, _task_key(place, windows["index"]), -1)
        first, life = np.searchsorted(self._task, key), np.searchsorted(self._task, key, "right") - 1
        # The last life that had begun; few tasks have many.
        while (late := (life >= first) & (self._start[life] >= windows["end"])).any():
            life[late] -= 1
        found = life >= first
        began, ended = np.maximum(self._start[life], windows["start"]), np.minimum(self._end[life], windows["end"])
        found &= ended > began
        odd["lines of task_usage about tasks that did not run then, ignored"] += int((~found).sum())
        seconds = (ended - began)[found] / SECOND_US
        for axis, name in enumerate(("cpu", "memory", "disk")):
            values = windows[name][found]
            given = ~np.isnan(values)
            np.add.at(self._sums[axis], life[found][given], (values * seconds)[given])
            np.add.at(self._seconds[axis], life[found][given], seconds[given])
        odd["lines of task_usage without a disk I/O time, the mean is that of the others"] += int(
            np.isnan(windows["disk"][found]).sum()
        )

    def behaviours(self, odd: Odd) -> tuple[list[Behaviour], Ints]:
        """Give what was measured, first of all None; and which of these each life does, shape (n,)."""
        measured = np.flatnonzero(self._seconds.any(axis=0))
        lives = self._order[measured]
        means = np.divide(self._sums, self._seconds, out=np.full_like(self._sums, np.nan), where=self._seconds > 0)
        cpu, memory, disk = means[:, measured]
        # What was not measured is as asked for, or nothing.
        cpu = np.where(np.isnan(cpu), self._need["cpu"][lives] / MILLI, cpu * REFERENCE_CORES)
        memory = np.where(np.isnan(memory), self._need["memory"][lives], memory * REFERENCE_MEMORY_BYTES)
        read_bps = np.nan_to_num(disk) * FULL_DISK_BPS
        number = np.zeros(self._order.size, dtype=np.int64)
        number[lives] = np.arange(1, lives.size + 1)
        odd["containers that use what was measured of them"] += lives.size
        odd["containers of which nothing was measured, they use what they ask for"] += number.size - lives.size
        columns: list[Floats] = [cpu, memory, read_bps]
        uses: list[Behaviour] = [
            steady(Demand(*use, io_size_bytes=PAGE_BYTES, random_io=1.0))  # type: ignore[misc]  # three numbers
            for use in zip(*(column.tolist() for column in columns), strict=True)
        ]
        return [None, *uses], number


def _task_key(job: Ints, index: Ints) -> Ints:
    """Make one number of a job's place and a task's index, which is below 2^31."""
    return job.astype(np.int64) << 31 | index
