"""What is in a trace, in lines for a person."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from functools import lru_cache

import numpy as np

from experiments.measures.demandinfo import REFERENCE_CORES, Uses
from policies.requests import RESOURCES, Task
from traces.hosts import Hosts
from traces.trace import OPEN_ENDED, Behaviour, RunTime, Trace

#: Kinds of container of which is remembered whether a host could hold them.
KINDS = 2**14

UNITS = {"cpu": (1e3, "cores"), "memory": (2**30, "GiB"), "gpu": (1e3, "GPUs")}


def describe(trace: Trace, hosts: Hosts | None) -> Iterator[str]:
    """Read a trace through and tell what is in it.

    Yields
    ------
    str
        A line at a time.
    """
    jobs: Counter[str] = Counter()
    containers: Counter[str] = Counter()
    again = 0
    work = [0.0] * len(RESOURCES)  # resource-seconds
    open_ended = infeasible = 0
    first_s, last_s, ended_s = np.inf, 0.0, 0.0
    waiting = 0
    # Of those kinds that came last: a trace may have no end of kinds.
    could_hold = lru_cache(KINDS)(hosts.could_hold) if hosts is not None and len(hosts) else None
    cores = hosts.capacity[0].mean() / 1e3 if hosts is not None and len(hosts) else 0.0
    uses = Uses(cores or REFERENCE_CORES)
    for arrival in trace.arrivals():
        job, run_s, behaviours, after, _ = arrival
        waiting += bool(after)
        first_s, last_s = min(first_s, job.submit_s), max(last_s, job.submit_s)
        jobs[job.workload] += not job.resubmission
        again += job.resubmission
        containers[job.workload] += job.tasks
        if behaviours:
            for (task, count), behaviour in zip(job.groups, behaviours, strict=True):
                uses.add(task, count, behaviour)
        fits = True
        for group, runs in zip(job.groups, run_s, strict=True):
            seconds, endless, longest = _seconds(runs, group.count)
            open_ended += endless
            ended_s = max(ended_s, job.submit_s + longest)
            for axis, amount in enumerate(group.task.need):
                work[axis] += amount * seconds
            if could_hold is not None:
                fits = fits and could_hold(group.task)
        infeasible += not fits
    recorded, held = 0, [0] * len(RESOURCES)
    for task, count, behaviour in _at_the_beginning(trace):
        uses.add(task, count, behaviour)
        recorded += count
        for axis, amount in enumerate(task.need):
            held[axis] += amount * count
    rejects = trace.rejects

    yield f"{trace.path} ({trace.format})"
    for name, text in (("data set", trace.dataset), ("licence", trace.licence), ("credit", trace.credit)):
        if text:
            yield f"  {name}: {text}"
    yield f"  rows: {rejects.read} read, {rejects.accepted} accepted, {rejects.rejected} rejected"
    for reason, count in rejects.reasons.most_common():
        yield f"    {count} × {reason}"
    if not jobs:
        yield "  no jobs"
        return
    end_s = trace.end_s()
    recorded_until = f", recorded until {end_s:.6g} s" if end_s is not None else ""
    yield f"  span: submitted from {first_s:.6g} s to {last_s:.6g} s{recorded_until}"
    span_s, lasts_s = max(last_s - first_s, 0.0), max(ended_s - first_s, 0.0)
    for name in sorted(jobs):
        rate = f", a job every {span_s / jobs[name]:.3g} s" if span_s and jobs[name] else ""
        yield f"  {name}: {jobs[name]} jobs, {containers[name]} containers{rate}"
    if again:
        yield f"  of these submitted again later: {again} groups of containers"
    if waiting:
        yield f"  after others have ended: {waiting} jobs"
    if recorded:
        yield f"  running at the beginning: {recorded} containers"
    if open_ended:
        yield f"  without a recorded end: {open_ended} containers"
    if hosts is not None:
        yield f"  hosts: {len(hosts)}, of which {int(hosts.alive.sum())} are up at the beginning"
        if infeasible:
            yield f"  asking for what no host has: {infeasible} jobs"
    for axis, name in enumerate(RESOURCES):
        if not work[axis]:
            continue
        unit, word = UNITS[name]
        line = f"  {name}: {work[axis] / unit / 3600:.6g} {word[:-1] if word.endswith('s') else word}-hours asked for"
        if lasts_s:
            line += f", {work[axis] / unit / lasts_s:.6g} {word} on average until the last known end"
        if hosts is not None:
            capacity = float(hosts.capacity[axis].astype(float).sum())
            if capacity and lasts_s:
                line += f" = {100 * work[axis] / lasts_s / capacity:.3g} % of the hosts'"
            if capacity and span_s:
                line += f"; offered load while jobs come {100 * work[axis] / span_s / capacity:.3g} %"
            if capacity and held[axis]:
                line += f"; allocated at the beginning {100 * held[axis] / capacity:.3g} %"
        yield line
    yield from uses.lines()
    for line in trace.assumptions():
        yield f"  note: {line}"


def _at_the_beginning(trace: Trace) -> Iterator[tuple[Task, int, Behaviour]]:
    for entry in trace.prefill():
        yield entry.task, entry.hosts.size, entry.behaviour
    for arrival in trace.prefill_anywhere():
        for (task, count), behaviour in zip(arrival.job.groups, arrival.each_behaviour(), strict=True):
            yield task, count, behaviour


def _seconds(run_s: RunTime, count: int) -> tuple[float, int, float]:
    """Give the seconds that containers run in all, how many run without end, and the longest known run."""
    if isinstance(run_s, float):
        return (0.0, count, 0.0) if run_s == OPEN_ENDED else (run_s * count, 0, run_s)
    each = np.broadcast_to(np.asarray(run_s, dtype=float), (count,))
    endless = each == OPEN_ENDED
    return float(each[~endless].sum()), int(endless.sum()), float(each[~endless].max(initial=0.0))
