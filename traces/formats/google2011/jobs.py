"""Jobs, from lives that were submitted together."""

from __future__ import annotations

import numpy as np

from policies.requests import Group, Job, Resources, Task
from traces.formats.google2011.constraints import Demands
from traces.formats.google2011.rows import SECOND_US, Bools, Ints, Odd, Rows, changes
from traces.hosts import Hosts
from traces.trace import Arrival, Behaviour, Recorded, RunTime

#: Priorities from here on are Google's production tiers (9 to 11): what we call a service.
SERVICE_PRIORITY = 9

#: Containers of one job that are submitted at most this long after one another are one submission.
TOGETHER_US = 1_000_000


def make_prefill(
    lives: Rows, hosts: Hosts, users: list[str], demands: Demands, uses: list[Behaviour], odd: Odd
) -> list[Recorded]:
    """Put what runs at time 0 on its machines."""
    row_of = {int(name): row for row, name in enumerate(hosts.names)}
    row = np.array([row_of.get(machine, -1) for machine in lives["machine"].tolist()], dtype=np.int64)
    there = row >= 0
    there[there] = hosts.alive[row[there]]
    # Put elsewhere it would be a decision of ours in a recorded state; submitted, it would be input nobody sent.
    odd["containers that run at time 0 on a machine that is not there, left out"] += int((~there).sum())
    lives, row = lives[there], row[there]
    groups = _Groups(lives, changes(lives["job"]), demands)
    return [
        Recorded(str(job), _workload(task.priority), task, row[members], run_s, users[user], uses[use])
        for job, user, use, (task, _), members, run_s in zip(
            *(lives[name][groups.first].tolist() for name in ("job", "user", "uses")),
            groups.groups,
            groups.members,
            groups.run_s,
            strict=True,
        )
    ]


def make_arrivals(
    lives: Rows, ran: Ints, users: list[str], demands: Demands, uses: list[Behaviour], odd: Odd
) -> list[Arrival]:
    """Make jobs of what is submitted, each of its first container's user; those of `ran` run at time 0 already."""
    lives = lives[np.lexsort((lives["index"], lives["submit"], lives["again"], lives["job"]))]
    begins = changes(lives["job"]) | changes(lives["again"])
    begins[1:] |= np.diff(lives["submit"]) > TOGETHER_US
    head = lives[begins]
    early_us = lives["submit"] - head["submit"][np.cumsum(begins) - 1]
    most_s = early_us.max(initial=0) / SECOND_US
    odd[f"containers submitted up to {most_s:.3g} s early, with the first of their job"] += int((early_us > 0).sum())

    groups = _Groups(lives, begins, demands)
    behaviours = [uses[use] for use in lives["uses"][groups.first].tolist()] if len(uses) > 1 else []
    starts = np.flatnonzero(groups.begins)
    ends = np.append(starts[1:], len(groups.groups))
    # A job stands with its first submission first, unless it runs at time 0.
    resubmission = ~changes(head["job"]) | np.isin(head["job"], ran)
    order = np.argsort(head["submit"], kind="stable")  # at one time by job, its first submission first
    columns = (head["job"], head["submit"], head["user"], resubmission, starts, ends)
    arrivals = []
    for job, submit, user, again, start, end in zip(*(column[order].tolist() for column in columns), strict=True):
        unlike = tuple(groups.groups[start:end])
        # The most important part speaks for a job whose parts differ.
        workload = _workload(max(task.priority for task, _ in unlike))
        whole = Job(str(job), submit / SECOND_US, workload, unlike, again, users[user])
        used = tuple(behaviours[start:end])
        arrivals.append(Arrival(whole, tuple(groups.run_s[start:end]), used if any(used) else ()))
    return arrivals


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
    members : list of ndarray of int, shape (count,)
        For each group its rows of `lives`.
    run_s : list of ndarray of float, shape (count,)
        For each group the run times of its members; read-only, for they are handed out more than once.
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
        run_s.flags.writeable = False

        self.first = order[start]
        self.begins = changes(number[self.first])
        self.members = [order[a:b] for a, b in zip(start.tolist(), end.tolist(), strict=True)]
        self.run_s: list[RunTime] = [run_s[a:b] for a, b in zip(start.tolist(), end.tolist(), strict=True)]
        tasks: dict[tuple[int, ...], Task] = {}  # equal ones share an object
        keys = zip(*(lives[name][self.first].tolist() for name in self.KEYS[:-1]), strict=True)
        self.groups = [
            Group(tasks.setdefault(key, Task(Resources(*key[:2]), key[2], demands.sets[key[3]], key[4])), members.size)
            for key, members in zip(keys, self.members, strict=True)
        ]
