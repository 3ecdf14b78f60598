"""Cell compaction: how few hosts still hold what runs in a cell (Verma et al., "Borg", EuroSys 2015, section 5.1)."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import chain
from typing import NamedTuple

import numpy as np

from experiments.measures.statistics import Metric
from experiments.results.result import Result
from experiments.results.study import RunKey, Study
from experiments.running import choices
from experiments.running.machines import hosts_of
from experiments.running.simulate import Meter, Progress, trace_of
from policies.arrays import IntArray
from policies.cell import Ledger
from policies.errors import UserError
from policies.placement import Placer
from policies.requests import Group
from policies.streams import stream
from traces.hosts import Hosts
from traces.trace import Trace

#: Share of the containers that may stay without a host: the picky ones (Borg).
PICKY = 0.002

#: A cell may be so many times as large as it is before we give up on packing it.
LARGEST = 4


class Packed(NamedTuple):
    """What became of an attempt to pack."""

    left: int
    cpu_allocated: float


def compact(study: Study, key: RunKey, progress: Progress) -> Result:
    """Find the fewest hosts that hold what runs at the end of the study's time, packed from scratch by a policy.

    Parameters
    ----------
    study : Study
        Its trace and hosts; what runs at ``until_s`` as recorded (by default at time 0) is packed.
    key : RunKey
        Its policy packs; its seed fixes which hosts are taken away first, and the order of jobs of one priority.
    progress : callable
        Told which share is done.

    Returns
    -------
    Result
        Metrics ``hosts_needed``, ``hosts``, ``tasks``, and ``cpu_allocated`` of the compacted cell.

    Raises
    ------
    UserError
        If nothing runs then, or it does not even fit a cell `LARGEST` times as large.

    Notes
    -----
    As Borg's evaluation: hosts are taken away at random, the workload is packed anew each time, more important jobs
    first, and `PICKY` of the containers may be left over. We look for the number by bisection, which takes for granted
    that what fits some hosts also fits these and more. A cell that does not hold its own workload (a recorded one is
    overcommitted) is cloned first, as there.
    """
    meter = Meter()
    trace = trace_of(study, study.seeds[0])
    hosts, notes = hosts_of(study, trace)
    groups = list(running_at(trace, study.until_s or 0.0))
    if not groups:
        raise UserError(f"{study.trace}: nothing runs at {study.until_s or 0:g} s, so there is nothing to pack")
    rng = stream(key.seed, "compaction")
    groups = [groups[n] for n in rng.permutation(len(groups))]
    groups.sort(key=lambda group: -group.task.priority)
    tasks = sum(group.count for group in groups)
    order = np.concatenate([rng.permutation(len(hosts)) for _ in range(LARGEST)])
    chosen = choices.policy(key.policy)

    def pack(n: int) -> Packed:
        placer = Placer(choices.make_policy(chosen, stream(key.seed, "placement", "compaction")))
        return _pack(hosts, order[:n], groups, placer)

    low, high = 0, len(hosts)
    packed = pack(high)
    while packed.left > PICKY * tasks:
        low, high = high, 2 * high
        if high > LARGEST * len(hosts):
            raise UserError(f"{study.trace}: {packed.left} of {tasks} containers find no host, however many there are")
        packed = pack(high)
    steps = max((high - low).bit_length(), 1)
    while high - low > 1:
        middle = (low + high) // 2
        tried = pack(middle)
        if tried.left > PICKY * tasks:
            low = middle
        else:
            high, packed = middle, tried
        progress(1 - (high - low).bit_length() / steps)
    progress(1.0)
    metrics: dict[str, Metric] = {
        "hosts_needed": high,
        "hosts": len(hosts),
        "tasks": tasks,
        "cpu_allocated": packed.cpu_allocated,
    }
    return Result(key, metrics, meter.cost(), tuple(notes + trace.assumptions()))


def running_at(trace: Trace, t_s: float) -> Iterator[Group]:
    """Yield the containers that run at an instant if all start as they are submitted, group after group."""
    for recorded in trace.prefill():
        alive = np.broadcast_to(np.asarray(recorded.run_s), recorded.hosts.shape) > t_s
        if alive.any():
            yield Group(recorded.task, int(alive.sum()))
    for job, run_s, *_ in chain(trace.prefill_anywhere(), trace.arrivals()):
        if job.submit_s > t_s:
            break
        for group, runs in zip(job.groups, run_s, strict=True):
            alive = np.broadcast_to(np.asarray(runs), (group.count,)) > t_s - job.submit_s
            if alive.any():
                yield Group(group.task, int(alive.sum()))


def _pack(hosts: Hosts, chosen: IntArray, groups: list[Group], placer: Placer) -> Packed:
    """Place everything on some hosts of an empty cell, and say how many containers find no room."""
    ledger = Ledger(hosts.capacity[:, chosen])
    view, left = ledger.snapshot(), 0
    for task, count in groups:
        where, counts = placer.place(view, task, count)
        if where.size:
            ledger.place(task, where, counts)
        left += count - int(counts.sum())
    return Packed(left, ledger.levels()[0])
