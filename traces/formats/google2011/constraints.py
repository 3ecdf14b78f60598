"""What tasks demand of their machines."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from policies.requests import Constraint, Operator
from traces.formats.google2011.pieces import Beside, in_order_of
from traces.formats.google2011.rows import CONSTRAINT, NEVER, OPERATORS, Ints, Odd, Rows, Words, changes

#: The order in which the lines of task_constraints are read here; the last three make a constraint.
ORDER = ("job", "index", "time", "name", "operator", "value")

_OF_NOBODY = "lines of task_constraints about jobs of which no task event is here, ignored"


class Demands:
    """What tasks demand of their machines, of some jobs at a time.

    Parameters
    ----------
    files : iterator of iterator of ndarray
        Lines of task_constraints, spread `by_job`; those of one task and time are one set, which replaces the set
        before it.
    words : dict
        Attributes and values with their numbers.

    Attributes
    ----------
    sets : list of tuple of Constraint
        All different sets of constraints that were met so far; the first is empty.
    """

    def __init__(self, files: Iterator[Iterator[Rows]], words: Words) -> None:
        self._files, self._rows, self._words = files, Beside(), list(words)
        self.sets: list[tuple[Constraint, ...]] = [()]
        self._numbers: dict[tuple[int, ...], int] = {}

    def turn(self) -> None:
        """Go on to the next file."""
        self._rows = Beside(in_order_of(next(self._files, iter(())), ORDER))

    def of(self, jobs: Ints, odd: Odd) -> Given:
        """Give what the tasks of some jobs of this file demand; sorted, and above those of the calls before."""
        pieces = [np.empty(0, dtype=CONSTRAINT)]
        for piece in self._rows.up_to(int(jobs[-1])):
            known = np.isin(piece["job"], jobs)
            odd[_OF_NOBODY] += int((~known).sum())
            pieces.append(piece[known])
        rows = np.concatenate(pieces)
        rows = rows[np.logical_or.reduce([changes(rows[name]) for name in ORDER])]
        starts = np.flatnonzero(changes(rows["job"]) | changes(rows["index"]) | changes(rows["time"]))
        sizes = np.diff(starts, append=rows.size)
        numbers = np.zeros(starts.size, dtype=np.int64)
        for size in np.unique(sizes).tolist():
            of_size = sizes == size
            members = starts[of_size][:, np.newaxis] + np.arange(size)
            keys = np.stack([rows[name][members] for name in ORDER[3:]], axis=-1).reshape(len(members), -1)
            different, which = np.unique(keys, axis=0, return_inverse=True)
            numbers[of_size] = np.array([self._number(key) for key in different.tolist()])[which.reshape(-1)]
        return Given(rows[starts], numbers)

    def finish(self, odd: Odd) -> None:
        """Count what was said of jobs of this file that never came."""
        odd[_OF_NOBODY] += sum(piece.size for piece in self._rows.up_to(NEVER))

    def _number(self, key: list[int]) -> int:
        number = self._numbers.setdefault(tuple(key), len(self.sets))
        if number == len(self.sets):
            words, threes = self._words, zip(key[::3], key[1::3], key[2::3], strict=True)
            self.sets.append(tuple(_constraint(words[n], OPERATORS[o], words[v]) for n, o, v in threes))
        return number


class Given:
    """The sets of constraints that tasks of some jobs are given, and since when.

    Parameters
    ----------
    given : ndarray of shape (n,)
        Rows with the task and the time, in this order.
    numbers : ndarray of int, shape (n,)
        The number of each set.
    """

    def __init__(self, given: Rows, numbers: Ints) -> None:
        self._given, self._set = given, numbers

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
