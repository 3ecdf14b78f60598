"""Jobs, from lives that were submitted together."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from policies.requests import Group, Job, Resources, Task
from traces.formats.google2011.constraints import Demands
from traces.formats.google2011.rows import SECOND_US, Bools, Ints, Odd, Rows, changes
from traces.formats.google2011.usage import behaviours
from traces.hosts import Hosts
from traces.trace import Arrival, Recorded, RunTime

#: Priorities from here on are Google's production tiers (9 to 11): what we call a service.
SERVICE_PRIORITY = 9

#: Containers of one job that are submitted at most this long after one another are one submission.
TOGETHER_US = 1_000_000

#: What tells lives of different submissions apart, in the order in which these come.
SUBMISSION = ("first", "job", "again")


def make_prefill(lives: Rows, hosts: Hosts, users: list[str], demands: Demands, odd: Odd) -> list[Recorded]:
    """Put what runs at time 0 on its machines."""
    row_of = {int(name): row for row, name in enumerate(hosts.names)}
    row = np.array([row_of.get(machine, -1) for machine in lives["machine"].tolist()], dtype=np.int64)
    there = row >= 0
    there[there] = hosts.alive[row[there]]
    # Put elsewhere it would be a decision of ours in a recorded state; submitted, it would be input nobody sent.
    odd["containers that run at time 0 on a machine that is not there, left out"] += int((~there).sum())
    lives, row = lives[there], row[there]
    groups = _Groups(lives, changes(lives["job"]), demands)
    heads = lives[groups.first]
    return [
        Recorded(str(job), _workload(task.priority), task, row[members], run_s, users[user], use)
        for job, user, use, (task, _), members, run_s in zip(
            heads["job"].tolist(),
            heads["user"].tolist(),
            behaviours(heads),
            groups.groups,
            groups.members(),
            groups.run_s,
            strict=True,
        )
    ]


def make_submissions(lives: Rows, ran: Ints) -> Rows:
    """Find out what was submitted together, of some whole jobs; those of `ran` run at time 0 already.

    Returns
    -------
    ndarray of shape (n,)
        The lives, a submission after the other, with the time of the first of each.
    """
    lives = lives[np.lexsort((lives["index"], lives["submit"], lives["again"], lives["job"]))]
    begins = changes(lives["job"]) | changes(lives["again"])
    begins[1:] |= np.diff(lives["submit"]) > TOGETHER_US
    head = lives[begins]
    number = np.cumsum(begins) - 1
    lives["first"] = head["submit"][number]
    # A job stands with its first submission first, unless it runs at time 0.
    lives["resubmission"] = (~changes(head["job"]) | np.isin(head["job"], ran))[number]
    return lives


def make_arrivals(lives: Rows, users: list[str], demands: Demands) -> Iterator[Arrival]:
    """Make jobs of some whole submissions, in their order, each of its first container's user."""
    begins = np.logical_or.reduce([changes(lives[name]) for name in SUBMISSION])
    head = lives[begins]
    groups = _Groups(lives, begins, demands)
    each = behaviours(lives[groups.first]) if lives["uses"].any() else []
    starts = np.flatnonzero(groups.begins)
    ends = np.append(starts[1:], len(groups.groups))
    columns = (head["job"], head["submit"], head["user"], head["resubmission"], starts, ends)
    for job, submit, user, again, start, end in zip(*(column.tolist() for column in columns), strict=True):
        unlike = tuple(groups.groups[start:end])
        # The most important part speaks for a job whose parts differ.
        workload = _workload(max(task.priority for task, _ in unlike))
        whole = Job(str(job), submit / SECOND_US, workload, unlike, again, users[user])
        used = tuple(each[start:end])
        yield Arrival(whole, tuple(groups.run_s[start:end]), used if any(used) else ())


def _workload(priority: int) -> str:
    return "service" if priority >= SERVICE_PRIORITY else "batch"


class _Groups:
    """Equal containers of one submission, in order of first appearance.

    Parameters
    ----------
    lives : ndarray of shape (n,)
        Those of one submission follow one another.
    begins : ndarray of bool, shape (n,)
        Where a submission begins.
    demands : Demands
        What `lives` refer to.

    Attributes
    ----------
    groups : list of Group
    run_s : list of ndarray of float, shape (count,)
        For each group the run times of its members; read-only, for those of the prefill are handed out again.
    first : ndarray of int, shape (n_groups,)
        The first member of each.
    begins : ndarray of bool, shape (n_groups,)
        Whether a group is the first of its submission.
    """

    #: What makes containers unlike.
    KEYS = ("cpu", "memory", "priority", "demands", "apart", "uses")

    def __init__(self, lives: Rows, begins: Bools, demands: Demands) -> None:
        number = np.cumsum(begins)
        # Where nobody knows what was used, that tells nobody apart, and need not be sorted by.
        names = self.KEYS if lives["uses"].any() else self.KEYS[:-1]
        order = np.lexsort((*(lives[name] for name in reversed(names)), number))
        differs = changes(number[order])
        for name in names:
            differs |= changes(lives[name][order])
        start = np.flatnonzero(differs)
        # The sort is stable: the first member of a group is the one that appears first.
        appearance = np.argsort(order[start])
        start, end = start[appearance], np.append(start[1:], order.size)[appearance]
        run_s = lives["run_s"][order]

        self.first = order[start]
        self.begins = changes(number[self.first])
        self._order, self._bounds = order, list(zip(start.tolist(), end.tolist(), strict=True))
        # Copies: what waits long would keep those of all others alive.
        copies = [run_s[a:b].copy() for a, b in self._bounds]
        for runs in copies:
            runs.flags.writeable = False
        self.run_s: list[RunTime] = list(copies)
        tasks: dict[tuple[int, ...], Task] = {}  # equal ones share an object
        self.groups: list[Group] = []
        keys = zip(*(lives[name][self.first].tolist() for name in self.KEYS[:-1]), strict=True)
        for key, (a, b) in zip(keys, self._bounds, strict=True):
            task = tasks.get(key)
            if task is None:
                task = tasks[key] = Task(Resources(*key[:2]), key[2], demands.sets[key[3]], key[4])
            self.groups.append(Group(task, b - a))

    def members(self) -> list[Ints]:
        """Give for each group its rows of the lives, each of shape (count,)."""
        return [self._order[a:b] for a, b in self._bounds]
