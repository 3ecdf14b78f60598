"""What tasks demand of their machines."""

from __future__ import annotations

import numpy as np

from policies.requests import Constraint, Operator
from traces.formats.google2011.rows import OPERATORS, Ints, Rows, changes


class Demands:
    """What tasks demand of their machines, and since when.

    Parameters
    ----------
    rows : ndarray of shape (n,)
        Lines of task_constraints; those of one task and time are one set, which replaces the set before it.
    words : list of str
        Attributes and values by their numbers.

    Attributes
    ----------
    sets : list of tuple of Constraint
        All different sets of constraints; the first is empty.
    """

    def __init__(self, rows: Rows, words: list[str]) -> None:
        self.sets: list[tuple[Constraint, ...]] = [()]
        rows = rows[np.lexsort([rows[name] for name in ("value", "operator", "name", "time", "index", "job")])]
        begins = changes(rows["job"]) | changes(rows["index"]) | changes(rows["time"])
        starts = np.flatnonzero(begins)
        #: The first row of each set that a task is given, and the number of the set.
        self._given, self._set = rows[starts], np.zeros(starts.size, dtype=np.int64)
        numbers: dict[tuple[tuple[int, int, int], ...], int] = {(): 0}
        parts = list(zip(*(rows[name].tolist() for name in ("name", "operator", "value")), strict=True))
        for row, (start, end) in enumerate(
            zip(starts.tolist(), np.append(starts, rows.size)[1:].tolist(), strict=True)
        ):
            key = tuple(dict.fromkeys(parts[start:end]))
            if key not in numbers:
                numbers[key] = len(self.sets)
                self.sets.append(tuple(_constraint(words[n], OPERATORS[o], words[v]) for n, o, v in key))
            self._set[row] = numbers[key]

    def at(self, job: Ints, index: Ints, time: Ints) -> Ints:
        """Give the number of the set that each task was given last at some time, 0 where there is none."""
        given, n = self._given, self._given.size
        if not n:
            return np.zeros(job.size, dtype=np.int64)
        jobs, indices, times = (
            np.concatenate(pair) for pair in ((given["job"], job), (given["index"], index), (given["time"], time))
        )
        asks = np.arange(jobs.size) >= n
        order = np.lexsort((asks, times, indices, jobs))
        # The last set that stands before each question in this order, if it is of the same task.
        place = np.maximum.accumulate(np.where(asks[order], -1, np.arange(order.size)))
        last = order[place]
        same = (place >= 0) & (jobs[last] == jobs[order]) & (indices[last] == indices[order])
        answer = np.zeros(jobs.size, dtype=np.int64)
        answer[order[same]] = self._set[last[same]]
        return answer[n:]


def _constraint(name: str, operator: Operator, value: str) -> Constraint:
    if not value:
        return Constraint(name, Operator.ABSENT if operator is Operator.EQUAL else Operator.EXISTS)
    return Constraint(name, operator, value)
