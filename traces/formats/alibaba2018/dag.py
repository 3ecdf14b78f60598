"""The graph of a job's tasks, which is in their names.

From the documentation of the data set: in ``M5_3_4`` the letter means nothing, 5 is the task's number within its job,
and it begins when all instances of tasks 3 and 4 have ended. Other names (``task_Nzg3...``, ``MergeTask``) are those of
independent tasks. Not documented, and ignored, are parts that are no numbers (``J10_7_9_Stg4``).
"""

from __future__ import annotations

import re
from collections import Counter, deque
from collections.abc import Iterable, Iterator
from functools import lru_cache
from itertools import groupby
from operator import itemgetter
from typing import NamedTuple

import numpy as np

from traces.reading.batch_tasks import BatchTask, Placed

#: Names whose meaning is remembered: there are few that are not of independent tasks.
REMEMBERED = 2**16

# Numbers of tasks are small; longer ones are no numbers, and Python would take its time to read them.
_NAME = re.compile(r"[A-Za-z]+([0-9]{1,9})((?:_[A-Za-z0-9]*)*)", re.ASCII)
_NUMBER = re.compile(r"[0-9]{1,9}", re.ASCII)


class Meaning(NamedTuple):
    """What the name of a task of a graph says."""

    number: int
    after: tuple[int, ...]  # in order of the name, each once
    unread: int  # parts that say nothing that is documented


@lru_cache(REMEMBERED)
def meaning(name: str) -> Meaning | None:
    """Read the name of a task; None for that of an independent one.

    Examples
    --------
    >>> meaning("M5_3_4"), meaning("J2_1_Stg4")
    (Meaning(number=5, after=(3, 4), unread=0), Meaning(number=2, after=(1,), unread=1))
    >>> meaning("task_Nzg3ODAwNDgzMTAwNTc2NTQ2Mw==")
    """
    found = _NAME.fullmatch(name)
    if found is None:
        return None
    parts = [part for part in found[2].split("_") if part]
    numbers = [int(part) for part in parts if _NUMBER.fullmatch(part)]
    return Meaning(int(found[1]), tuple(dict.fromkeys(numbers)), len(parts) - len(numbers))


def placed(tasks: Iterable[BatchTask], odd: Counter[str]) -> Iterator[Placed]:
    """Say when the tasks of each job are submitted, and after which others.

    Tasks of a graph are submitted when the first of them was recorded to begin, since all that begin later did so for
    want of others; independent ones when they began themselves.

    Parameters
    ----------
    tasks : iterable of BatchTask
        Those of one job next to each other.
    odd : Counter of str
        What could not be followed is counted there.

    Yields
    ------
    Placed
        Of a job first the independent ones, then those of the graph, each after those that it comes after.
    """
    for _, those in groupby(tasks, key=itemgetter(0)):
        graph: list[tuple[Meaning, BatchTask]] = []
        rank = 0
        for task in those:
            read = meaning(task.name)
            if read is None:
                yield Placed(task, task.start_s, (), rank)
                rank += 1
            else:
                graph.append((read, task))
        if graph:
            submit_s = min(task.start_s for _, task in graph)
            for task, after in _in_order(graph, odd):
                yield Placed(task, submit_s, after, rank)
                rank += 1


def _in_order(graph: list[tuple[Meaning, BatchTask]], odd: Counter[str]) -> list[tuple[BatchTask, tuple[str, ...]]]:
    """Give the tasks of a graph, those that others come after first, and otherwise by number."""
    graph.sort(key=_number)
    return _as_numbered(graph) or _sorted_out(graph, odd)


def _number(entry: tuple[Meaning, BatchTask]) -> int:
    return entry[0].number


def _as_numbered(graph: list[tuple[Meaning, BatchTask]]) -> list[tuple[BatchTask, tuple[str, ...]]] | None:
    """Give the tasks by number if that is all there is to it, as in most graphs; None where anything is odd."""
    names: dict[int, str] = {}
    order = []
    for (number, after, unread), task in graph:
        if unread or number in names or task.run_s == np.inf:
            return None
        try:
            order.append((task, tuple([names[other] for other in after])))
        except KeyError:  # later, or not there
            return None
        names[number] = task.name
    return order


def _sorted_out(graph: list[tuple[Meaning, BatchTask]], odd: Counter[str]) -> list[tuple[BatchTask, tuple[str, ...]]]:
    numbered: dict[int, list[int]] = {}
    for place, (read, _) in enumerate(graph):
        numbered.setdefault(read.number, []).append(place)
    before: list[list[int]] = []  # places of those that each comes after
    followers: list[list[int]] = [[] for _ in graph]
    for place, (read, _) in enumerate(graph):
        odd["parts of names of tasks that are no numbers (J10_7_Stg4), ignored"] += read.unread
        earlier: list[int] = []
        for number in read.after:
            if number == read.number:
                odd["tasks that come after themselves, which is ignored"] += 1
            elif number not in numbered:
                odd["predecessors that their job does not have, ignored"] += 1
            else:
                ended = [other for other in numbered[number] if graph[other][1].run_s < np.inf]
                odd["predecessors whose end was not recorded, not waited for"] += len(numbered[number]) - len(ended)
                earlier.extend(ended)
        before.append(earlier)
        for other in earlier:
            followers[other].append(place)
    missing = [len(earlier) for earlier in before]
    ready = deque(place for place, count in enumerate(missing) if not count)
    order: list[int] = []
    while ready:
        order.append(place := ready.popleft())
        for follower in followers[place]:
            missing[follower] -= 1
            if not missing[follower]:
                ready.append(follower)
    if len(order) < len(graph):
        done = set(order)
        rest = [place for place in range(len(graph)) if place not in done]
        odd["tasks that come after one another in a circle, or after such, which is ignored"] += len(rest)
        for place in rest:
            before[place] = [other for other in before[place] if other in done]
        order += rest
    return [(graph[place][1], tuple(graph[other][1].name for other in before[place])) for place in order]
