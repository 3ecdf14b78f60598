"""What tasks used, as it was measured in windows of five minutes."""

from __future__ import annotations

import numpy as np

from policies.requests import Demand
from policies.sharing.disk import PAGE_BYTES
from traces.formats.google2011.rows import SECOND_US, Ints, Odd, Rows
from traces.reading.measured import FULL_DISK_BPS
from traces.reading.reference import Reference
from traces.trace import Behaviour, steady
from traces.units import MILLI

OF_NOBODY = "lines of task_usage about tasks that did not run then, ignored"


class Usage:
    """Adds up what was measured of lives, window by window, in memory that does not grow with the windows.

    Parameters
    ----------
    lives : ndarray of shape (n,)
        From one SUBMIT of a task to its end.
    reference : Reference
        The machine that measured amounts are shares of.
    """

    def __init__(self, lives: Rows, reference: Reference) -> None:
        self._reference = reference
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
            odd[OF_NOBODY] += windows.size
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
        odd[OF_NOBODY] += int((~found).sum())
        seconds = (ended - began)[found] / SECOND_US
        for axis, name in enumerate(("cpu", "memory", "disk")):
            values = windows[name][found]
            given = ~np.isnan(values)
            np.add.at(self._sums[axis], life[found][given], (values * seconds)[given])
            np.add.at(self._seconds[axis], life[found][given], seconds[given])
        odd["lines of task_usage without a disk I/O time, the mean is that of the others"] += int(
            np.isnan(windows["disk"][found]).sum()
        )

    def write(self, lives: Rows, odd: Odd) -> None:
        """Write what was measured of the lives into them."""
        measured = np.flatnonzero(self._seconds.any(axis=0))
        of = self._order[measured]
        means = np.divide(self._sums, self._seconds, out=np.full_like(self._sums, np.nan), where=self._seconds > 0)
        cpu, memory, disk = means[:, measured]
        # What was not measured is as asked for, or nothing.
        lives["use_cpu"][of] = np.where(np.isnan(cpu), self._need["cpu"][of] / MILLI, cpu * self._reference.cores)
        lives["use_memory"][of] = np.where(
            np.isnan(memory), self._need["memory"][of], memory * self._reference.memory_bytes
        )
        lives["use_disk"][of] = np.nan_to_num(disk) * FULL_DISK_BPS
        lives["uses"][of] = np.arange(1, of.size + 1)
        odd["containers that use what was measured of them"] += of.size
        odd["containers of which nothing was measured, they use what they ask for"] += lives.size - of.size


def behaviours(lives: Rows) -> list[Behaviour]:
    """Give what each life uses, as `Usage` has written it into them; None where nothing was measured."""
    columns = (lives[name].tolist() for name in ("uses", "use_cpu", "use_memory", "use_disk"))
    return [
        steady(Demand(cpu, memory, read_bps, io_size_bytes=PAGE_BYTES, random_io=1.0)) if measured else None
        for measured, cpu, memory, read_bps in zip(*columns, strict=True)
    ]


def _task_key(job: Ints, index: Ints) -> Ints:
    """Make one number of a job's place and a task's index, which is below 2^31."""
    return job.astype(np.int64) << 31 | index
