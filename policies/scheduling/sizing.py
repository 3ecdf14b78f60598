"""How many workers a MapReduce job gets: values handed to a scheduler.

A scheduler that knows what a job's containers do may use idle room to end it sooner (Schwarzkopf et al., "Omega",
EuroSys 2013, section 6). It looks at its snapshot, lets a model (`MapReduce.run_s`) predict when the job would end with
each number of workers that there is room for, and takes the number with the earliest end; of equal ones the smallest.
A sizing says how far it may go.

- The workers asked for are always tried for. Extra ones only take room that is idle: nobody
  is sent away for them.
- A job is sized anew at each attempt as long as none of its workers has a host. Once some have, the work is dealt out,
  and the rest comes as requested.
- Extra workers are claimed in the transaction of the requested ones. Of the claims that hold, the first count as the
  requested workers; extra ones that conflict are not tried again. A gang is the requested workers: extra ones come if
  they hold.
- Decision time counts the extra workers that are aimed at; the prediction leaves it out (the paper says neither).
- They count in a user's quota: there are as many as it leaves (`quotas.Admission.lend`).
- They delay nobody who was promised room: a job that overtakes one gets none (`queues.Queue.overtakes`).
- The snapshot is what the scheduler sees: its own part of a partitioned cell, an offer, an old picture.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from policies.cell import ClusterView
from policies.errors import UserError
from policies.requests import ALWAYS, Job

#: The most workers that a MapReduce job may have, given what the scheduler sees. Less than it asked for is no limit.
Sizing = Callable[[Job, ClusterView], int]


def extra_workers(sizing: Sizing, job: Job, view: ClusterView) -> int:
    """Say how many workers a job is to get beyond those it asked for.

    Parameters
    ----------
    sizing : callable
        How far to go.
    job : Job
        With no container placed yet.
    view : ClusterView
        The scheduler's snapshot.

    Returns
    -------
    int
        Never negative; 0 for what is no MapReduce job, and where there is no room for more than was asked for.
    """
    if job.mapreduce is None:
        return 0
    ((task, requested),) = job.groups
    # By the model each worker up to the last useful one brings the end forward, and none after it does: of all the
    # candidates from the request to the room, this one ends first and, of those that end then, is the smallest.
    best = min(job.mapreduce.most_workers, sizing(job, view))
    if best <= requested:
        return 0
    return max(min(best, int(view.slots(task).sum())) - requested, 0)


@dataclass(frozen=True, slots=True)
class AsRequested:
    """The workers that were asked for, and no more."""

    def __call__(self, job: Job, view: ClusterView) -> int:
        return job.tasks


@dataclass(frozen=True, slots=True)
class MaxParallelism:
    """As many workers as still shorten the job and find idle room."""

    def __call__(self, job: Job, view: ClusterView) -> int:
        assert job.mapreduce is not None
        return job.mapreduce.most_workers


@dataclass(frozen=True, slots=True)
class RelativeJobSize:
    """As max-parallelism, but at most so many times the workers that were asked for.

    Parameters
    ----------
    times : float
        How many, at least 1.
    """

    times: float = 4.0

    def __post_init__(self) -> None:
        if not self.times >= 1:
            raise UserError("relative-job-size: times must be at least 1")

    def __call__(self, job: Job, view: ClusterView) -> int:
        return int(self.times * job.tasks)


@dataclass(frozen=True, slots=True)
class GlobalCap:
    """As max-parallelism, but extra workers only until a share of the cell's CPU, or of its memory, is allocated.

    Parameters
    ----------
    share : float
        More than 0, at most 1; requested workers may go beyond it.
    """

    share: float = 0.6

    def __post_init__(self) -> None:
        if not 0 < self.share <= 1:
            raise UserError("global-cap: share must be more than 0 and at most 1")

    def __call__(self, job: Job, view: ClusterView) -> int:
        assert job.mapreduce is not None
        most = job.mapreduce.most_workers
        capacity, free = view.capacity.sum(axis=1).tolist(), view.free.sum(axis=1).tolist()
        # CPU and memory come first in the request and in the books of every cell.
        for row, amount in enumerate(job.groups[0].task.need[: len(ALWAYS)]):
            below_cap = int(self.share * capacity[row]) - (capacity[row] - free[row])
            if amount:
                most = min(most, below_cap // amount)
            elif below_cap < 0:
                return 0
        return most


#: The sizings by the names the command line knows; their parameters are those of the class.
SIZINGS: Mapping[str, Callable[..., Sizing]] = {
    "as-requested": AsRequested,
    "max-parallelism": MaxParallelism,
    "relative-job-size": RelativeJobSize,
    "global-cap": GlobalCap,
}
