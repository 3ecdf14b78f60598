"""Hosts for a trace that has none: so many that it fills a given share of them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from math import ceil

import numpy as np

from experiments.measures.statistics import Metric
from experiments.results.result import Result
from experiments.results.study import RunKey, Study
from experiments.running.simulate import Progress, simulate, trace_of
from policies.errors import UserError
from policies.requests import RESOURCES
from traces.trace import Arrival, Trace
from traces.units import MILLI

CPU, MEMORY = RESOURCES.index("cpu"), RESOURCES.index("memory")


@dataclass(frozen=True)
class Fitted(Study):
    """A study on the trace's own hosts or, where it has none, on as many as are filled to a given share.

    Attributes
    ----------
    asked : float
        What is asked for at a time at most, as a share of what the hosts have: CPU or memory, whichever is scarcer.
        Hosts have ``host_cpus`` and ``host_memory_bytes``, or what the largest container asks for.
    """

    asked: float = 0.9


def replay(study: Study, key: RunKey, progress: Progress) -> Result:
    """Make one run of a `Fitted` study; its metrics say also how many ``hosts`` there were."""
    assert isinstance(study, Fitted)
    trace = trace_of(study, key.seed)
    own = trace.hosts()
    if own is not None:
        study, n = replace(study, hosts="trace"), len(own)
    else:
        study, n = fit(study, trace)
    result = simulate(study, key, progress=progress)
    metrics: dict[str, Metric] = {**result.metrics, "hosts": n}
    return replace(result, metrics=metrics)


def fit(study: Fitted, trace: Trace) -> tuple[Fitted, int]:
    """Give the study with hosts, and how many they are.

    Raises
    ------
    UserError
        If the trace has no containers.
    """
    largest, most = peak(list(trace.arrivals()))
    if not largest[CPU] and not largest[MEMORY]:
        raise UserError(f"{study.trace}: its containers ask for nothing, so nobody can say how many hosts they fill")
    cpus = max(study.host_cpus, largest[CPU] / MILLI)
    memory = max(study.host_memory_bytes, largest[MEMORY])
    n = max(ceil(max(most[CPU] / MILLI / cpus, most[MEMORY] / memory) / study.asked), 1)
    return replace(study, hosts=str(n), host_cpus=cpus, host_memory_bytes=memory), n


def peak(arrivals: Sequence[Arrival]) -> tuple[list[int], list[int]]:
    """Give what the largest container asks for, and what all ask for at a time at most, if none waits or is slowed.

    Parameters
    ----------
    arrivals : sequence of Arrival
        In order of submission; whoever comes after others begins when the last of them has ended.

    Returns
    -------
    tuple of list of int
        In the order and units of `RESOURCES`.
    """
    ends: dict[str, float] = {}
    largest, changes = [0] * len(RESOURCES), []
    for arrival in arrivals:
        job = arrival.job
        begins_s = max([job.submit_s, *(ends.get(name, 0.0) for name in arrival.after)])
        last_s = begins_s
        for (task, count), run_s in zip(job.groups, arrival.run_s, strict=True):
            need = list(task.need)
            largest = list(map(max, largest, need))
            runs = np.broadcast_to(np.asarray(run_s), (count,))
            changes.append((begins_s, [count * amount for amount in need]))
            lasting, how_many = np.unique(runs[np.isfinite(runs)], return_counts=True)
            changes += [
                (begins_s + run, [-times * amount for amount in need])
                for run, times in zip(lasting.tolist(), how_many.tolist(), strict=True)
            ]
            last_s = max(last_s, begins_s + float(runs.max()))
        ends[job.id] = max(last_s, ends.get(job.id, 0.0))
    most, now = [0] * len(RESOURCES), [0] * len(RESOURCES)
    # At one moment whoever ends makes room for whoever begins.
    for _, change in sorted(changes, key=lambda one: (one[0], max(one[1]))):
        now = [had + more for had, more in zip(now, change, strict=True)]
        most = list(map(max, most, now))
    return largest, most
