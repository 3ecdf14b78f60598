"""What can be said without a simulation: a scheduler is a queue.

Drawn beside what came out, so that a reader sees where the approximation ends.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from math import inf

from traces.trace import Arrival


@dataclass(frozen=True, slots=True)
class Stream:
    """Jobs of one workload class, as a queue sees them.

    Attributes
    ----------
    rate : float
        Jobs a second.
    tasks, tasks_squared : float
        Mean number of containers of a job, and mean of its square.
    """

    rate: float
    tasks: float
    tasks_squared: float

    def busyness(self, t_job_s: float, t_task_s: float) -> float:
        """Give the share of time that one scheduler thinks if nothing conflicts, 1 where that is not enough."""
        return min(self.load(t_job_s, t_task_s), 1.0)

    def load(self, t_job_s: float, t_task_s: float) -> float:
        r"""Give :math:`\lambda (t_{job} + t_{task} E[n])`, which is more than 1 where one scheduler cannot keep up."""
        return self.rate * (t_job_s + t_task_s * self.tasks)

    def second_moment(self, t_job_s: float, t_task_s: float) -> float:
        r"""Give :math:`E[S^2]` of the decision time :math:`S = t_{job} + t_{task} n`, in s²."""
        return t_job_s**2 + 2 * t_job_s * t_task_s * self.tasks + t_task_s**2 * self.tasks_squared


def streams_of(arrivals: Iterable[Arrival], until_s: float) -> dict[str, Stream]:
    """Measure the streams of a workload, by class, over the jobs submitted before `until_s`."""
    sums: dict[str, list[int]] = {}
    for arrival in arrivals:
        job = arrival.job
        if job.submit_s >= until_s:
            break
        of_class = sums.setdefault(job.workload, [0, 0, 0])
        of_class[0] += 1
        of_class[1] += job.tasks
        of_class[2] += job.tasks**2
    return {name: Stream(jobs / until_s, n / jobs, squares / jobs) for name, (jobs, n, squares) in sums.items()}


def mg1_wait_s(streams: Mapping[str, Stream], t_job_s: Mapping[str, float], t_task_s: Mapping[str, float]) -> float:
    r"""Give the mean wait of Poisson arrivals in the queue of one scheduler.

    Parameters
    ----------
    streams : mapping
        The workload classes that it serves.
    t_job_s, t_task_s : mapping
        Its decision time for each class, in seconds.

    Returns
    -------
    float
        Seconds; infinite where it cannot keep up.

    Notes
    -----
    Pollaczek and Khinchine: :math:`W = \lambda E[S^2] / (2 (1 - \rho))`, in whatever order of classes, since first come
    is first served. For a finite horizon it is an upper approximation near saturation.

    Examples
    --------
    One job a second, half a second of thought: a wait of a quarter of a second, half of an M/M/1 queue's.

    >>> mg1_wait_s({"batch": Stream(1.0, 1.0, 1.0)}, {"batch": 0.5}, {"batch": 0.0})
    0.25
    """
    load = sum(stream.load(t_job_s[name], t_task_s[name]) for name, stream in streams.items())
    if load >= 1:
        return inf
    second = sum(stream.rate * stream.second_moment(t_job_s[name], t_task_s[name]) for name, stream in streams.items())
    return second / (2 * (1 - load))


def saturation_rate(t_job_s: float, t_task_s: float, tasks: float, conflicts: float = 0.0) -> float:
    r"""Give the jobs a second at which a scheduler has no time left.

    Parameters
    ----------
    t_job_s, t_task_s : float
        Its decision time, in seconds.
    tasks : float
        Mean number of containers of a job.
    conflicts : float
        Attempts that must be made again per job: its conflict fraction.

    Notes
    -----
    :math:`\lambda_{sat} = 1 / ((t_{job} + t_{task} n)(1 + c))`.

    Examples
    --------
    >>> saturation_rate(0.1, 0.005, 20), saturation_rate(0.1, 0.005, 20, conflicts=1.0)
    (5.0, 2.5)
    """
    return 1.0 / ((t_job_s + t_task_s * tasks) * (1.0 + conflicts))
