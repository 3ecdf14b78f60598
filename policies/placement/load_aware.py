"""Row-wise policies that look at load: at what hosts were measured to use, or at what containers are declared to use.

Both are in a view only where the cell keeps demands, as it does while contention is on. Without, a container uses what
it asks for, profiles are not looked at, and there is no disk or network that anybody uses; each policy's docstring says
what is left of it then, where that is not plain.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from policies.arrays import FloatArray, IntArray
from policies.cell import ClusterView
from policies.errors import UserError
from policies.placement.interface import with_terms
from policies.requests import ALWAYS, Task

#: Resources of which containers get less, and therefore take longer, when too much of them is wanted.
SLOWED_BY = ("cpu", "disk", "net")

#: Slowdowns are told apart to six decimals, so that rounding decides nothing, and a container breaks ties among hosts.
DECIMALS, TIE = 6, 1e-10


def _unused(view: ClusterView, task: Task, fresh: bool = False) -> Mapping[str, FloatArray]:
    """Give the terms of `least_used`, resource by resource."""
    used, rows = view.usage + view.fresh if fresh else view.usage, _rows(view, task)
    return {
        view.resources[row]: (view.capacity[row] - used[row]) * view.per_capacity[row] * (100.0 / len(rows))
        for row in rows
    }


@with_terms(_unused)
def least_used(view: ClusterView, task: Task, fresh: bool = False) -> FloatArray:
    r"""Prefer the host with the largest share of its capacity unused, as measured.

    Parameters
    ----------
    view, task : ClusterView, Task
        As for every policy.
    fresh : bool
        Whether what is declared of containers that no measurement tells of yet counts as used.

    Notes
    -----
    The mean over CPU, memory and what else is asked for or declared of :math:`(c_r - u_r) / c_r \times 100`:
    kube-scheduler's ``LeastAllocated`` with use in place of requests, and without the container itself. As a
    measurement tells nothing of who came since, everybody goes to the host that was idle then (the "thundering herd" of
    kubernetes-sigs/scheduler-plugins issue 453), which `fresh` mends.
    """
    first, *others = _unused(view, task, fresh).values()
    return sum(others, first)


def target_load_packing(
    view: ClusterView, task: Task, target: float = 40.0, multiplier: float = 1.5, default_cores: float = 1.0
) -> FloatArray:
    r"""Fill hosts up to a target of CPU use, and then prefer the least used (Trimaran's ``TargetLoadPacking``).

    Parameters
    ----------
    view, task : ClusterView, Task
        As for every policy.
    target : float
        Per cent of the CPU, between 0 and 100. (Its authors advise 10 less than is wanted.)
    multiplier : float
        What a container without a profile is predicted to use, as a multiple of its request.
    default_cores : float
        The same of one that asks for no CPU.

    Raises
    ------
    UserError
        If the target is not between 0 and 100.

    Notes
    -----
    With :math:`U` the per cent of CPU that are measured, and predicted of this container and those that came since,
    and :math:`X` the target: :math:`(100 - X) U / X + X` up to the target, :math:`X (100 - U) / (100 - X)` up to 100,
    then 0 (kubernetes-sigs/scheduler-plugins, ``pkg/trimaran/targetloadpacking``).

    Theirs predicts the limit where there is one; ours the profile. The multiplier is applied to those that came
    since if this container has no profile: in a workload either all have one or none. Theirs counts those that came
    up to a minute before the measurement, too, and scores hosts without a measurement 0; here what is
    predicted of their containers is all there is.
    """
    if not 0 < target < 100:
        raise UserError(f"target-load-packing: target must be between 0 and 100, not {target:g}")
    cpu = view.resources.index("cpu")
    profiled = _is_profiled(view, task)
    times = 1.0 if profiled else multiplier
    mine = view.wants(task)[cpu] * times if profiled or task.need.cpu_milli else 1000.0 * default_cores
    percent = (view.usage[cpu] + view.fresh[cpu] * times + mine) * view.per_capacity[cpu] * 100.0
    above = np.where(percent <= 100.0, target * (100.0 - percent) / (100.0 - target), 0.0)
    return np.where(percent <= target, (100.0 - target) * percent / target + target, above)


def load_variation_risk(view: ClusterView, task: Task, margin: float = 1.0, sensitivity: float = 1.0) -> FloatArray:
    r"""Prefer the host whose use is low and steady (Trimaran's ``LoadVariationRiskBalancing``).

    Parameters
    ----------
    view, task : ClusterView, Task
        As for every policy.
    margin : float
        How much a standard deviation counts beside the mean, not negative.
    sensitivity : float
        The root that is taken of it, more than 0: the higher, the more small deviations count.

    Raises
    ------
    UserError
        If the margin is negative or the sensitivity not positive.

    Notes
    -----
    The least over CPU, memory and what else is asked for or declared of :math:`100 (1 - (\mu + \sigma) / 2)`, with
    :math:`\mu = (u + d) / c` and :math:`\sigma = m (s / c)^{1 / k}`, both within 0 and 1: :math:`u` the mean and
    :math:`s` the standard deviation of use, :math:`d` what the container adds, :math:`m` the margin, :math:`k` the
    sensitivity (kubernetes-sigs/scheduler-plugins, ``pkg/trimaran/loadvariationriskbalancing``).

    Theirs looks at CPU and memory, and adds the request; ours what is declared. As theirs it does not see who came
    since the last measurement. Where nobody measures, nothing deviates.
    """
    if margin < 0 or not sensitivity > 0:
        raise UserError("load-variation-risk: margin must not be negative, and sensitivity must be more than 0")
    wants, usage, std = view.wants(task), view.usage, view.usage_std
    least = np.full(len(view), 100.0)
    for row in _rows(view, task):
        per_capacity = view.per_capacity[row]
        mean = np.clip(np.clip(usage[row] * per_capacity, 0.0, 1.0) + wants[row] * per_capacity, 0.0, 1.0)
        deviation = np.clip(margin * np.clip(std[row] * per_capacity, 0.0, 1.0) ** (1.0 / sensitivity), 0.0, 1.0)
        np.minimum(least, 100.0 * (1.0 - (mean + deviation) / 2.0), out=least)
    return least


def load_aware(
    view: ClusterView,
    task: Task,
    cpu_threshold: float = 65.0,
    memory_threshold: float = 95.0,
    cpu_factor: float = 0.85,
    memory_factor: float = 0.7,
    expire_s: float = 180.0,
    dominant_weight: float = 0.0,
) -> FloatArray:
    r"""Prefer the host with the least estimated use, and none beyond a threshold (Koordinator's ``LoadAware``).

    Parameters
    ----------
    view, task : ClusterView, Task
        As for every policy.
    cpu_threshold, memory_threshold : float
        Per cent of capacity that a host must not be estimated to use with the container; 0 for no threshold.
    cpu_factor, memory_factor : float
        Which part of its request a container without a profile is estimated to use.
    expire_s : float
        Age in seconds from which on a measurement is not believed.
    dominant_weight : float
        How much the resource that is used most counts besides, CPU and memory counting 1 each.

    Notes
    -----
    With :math:`e_r` the measured use and the estimates of this container and of those that came since, the mean over
    CPU and memory, weighted as said, of :math:`(c_r - e_r) / c_r \times 100`, not less than 0
    (koordinator-sh/koordinator, ``pkg/scheduler/plugins/loadaware``). A container that asks for none is estimated to
    use 0.25 cores or 200 MiB.

    Theirs estimates from request or limit; ours from the profile as it is, and else from the request (the factors are
    applied to those that came since if this container has no profile). Theirs scores a host without a fresh
    measurement 0, and can be told to refuse it; here what its containers are declared to use takes the place of the
    measurement, and no threshold is looked at. Beyond the thresholds containers wait, also where nobody measures and
    they use what they ask for.
    """
    profiled, wants = _is_profiled(view, task), view.wants(task)
    usage, fresh, declared = view.usage, view.fresh, view.declared
    known, asked = view.usage_age_s <= expire_s, dict(view.amounts(task) or ())
    shares, beyond = [], np.zeros(len(view), dtype=bool)
    for name, threshold, factor, unsaid in (
        ("cpu", cpu_threshold, cpu_factor, 250.0),
        ("memory", memory_threshold, memory_factor, 200.0 * 2**20),
    ):
        row = view.resources.index(name)
        times = 1.0 if profiled else factor
        mine = wants[row] * times if profiled or asked.get(row) else unsaid
        used = np.where(known, usage[row] + fresh[row] * times, declared[row] * times) + mine
        share = used * view.per_capacity[row]
        shares.append(np.maximum(1.0 - share, 0.0))
        if threshold:
            beyond |= np.rint(100.0 * share) > threshold
    score = shares[0] + shares[1] + dominant_weight * np.minimum(*shares)
    return np.where(beyond & known, -np.inf, score * (100.0 / (2.0 + dominant_weight)))


def demand_shape(view: ClusterView, task: Task) -> FloatArray:
    r"""Put a container where the resource that it needs most is least in demand, by what is declared.

    Notes
    -----
    Minus the share of capacity that is declared, the container included, of the one among CPU, disk and network of
    which the container is declared to use the largest share on that host. So what computes goes where others read, and
    what reads where others compute. Without profiles it is the CPU, and the share that is allocated.
    """
    rows = _slowing(view)
    per_capacity = view.per_capacity.take(rows, axis=0)
    dominant = (view.wants(task).take(rows, axis=0) * per_capacity).argmax(axis=0)
    load = _declared_after(view, task).take(rows, axis=0) * per_capacity
    score: FloatArray = -load[dominant, np.arange(len(view))]
    return score


def tetris(view: ClusterView, task: Task) -> FloatArray:
    r"""Prefer the host whose room is shaped like the container, by what is declared (Tetris, disk and network too).

    Notes
    -----
    :math:`\sum_r (d_r / c_r)(1 - a_r / c_r)`, with :math:`d` what the container is declared to use, :math:`a` what
    those there are, and :math:`c` the capacity: Grandl et al., "Multi-resource packing for cluster schedulers", SIGCOMM
    2014. Tetris never uses more of anything than there is; here hosts where that would be come last, those first
    that would be exceeded least, since only requests keep a container waiting. Disks are counted in device time, and
    on a rotating one a second stream makes all of them dearer. Without profiles it is `dot-product`.
    """
    wants, declared = view.wants(task), view.declared
    after = _declared_after(view, task)
    aligned, exceeded = np.zeros(len(view)), np.zeros(len(view))
    for row, per_capacity in enumerate(view.per_capacity):
        aligned += wants[row] * per_capacity * ((view.capacity[row] - declared[row]) * per_capacity)
        np.maximum(exceeded, (after[row] - view.capacity[row]) * per_capacity, out=exceeded)
    return np.where(exceeded > 0, -exceeded, aligned)


def _rise(view: ClusterView, task: Task) -> Mapping[str, FloatArray]:
    """Give the terms of `predicted_contention`: by how much slowdowns rise, and who is there."""
    crowd = np.negative(view.containers, dtype=np.float64)
    if view.demands is None or view.need(task) is None:
        return {"containers": crowd}
    rise = _slowdowns(view, task) - _slowdowns(view, None)
    return {"slowdowns": -np.round(rise, DECIMALS), "containers": TIE * crowd}


@with_terms(_rise)
def predicted_contention(view: ClusterView, task: Task) -> FloatArray:
    r"""Put a container where the slowdowns, its own and those of its neighbours, add up to least.

    Notes
    -----
    Minus the rise of :math:`\sum_i 1 / r_i` over the host's containers, with :math:`r_i` the rates of
    `policies.sharing.progress` for what is declared of CPU, disk and network, all containers having equal weights.
    Where everybody gets all it wants the container adds 1. Of hosts where the rise is the same to six decimals that
    with the fewest containers is taken. Nothing published; Paragon (Delimitrou and Kozyrakis, ASPLOS 2013) minimises
    interference that it learns by trial. Where no demands are kept, nobody is slowed: `spread`.
    """
    first, *others = _rise(view, task).values()
    return sum(others, first)


def _slowdowns(view: ClusterView, task: Task | None) -> FloatArray:
    """Give the sum of slowdowns on each host, with one more container if one is given, shape (n_hosts,)."""
    # Not before a policy asks for it: most runs need no sharing.
    from policies.sharing.progress import progress

    rows = _slowing(view)
    declared = view.declared if task is None else _declared_after(view, task)
    wanted = declared.take(rows, axis=0) * view.per_capacity.take(rows, axis=0)
    sums = view.containers.astype(np.float64)
    if task is not None:
        sums += 1.0
    busy = np.flatnonzero(wanted.max(axis=0) > 1.0)
    if busy.size:
        there = view.rows(busy)
        if task is not None:
            there = there.after(task, slice(None), np.ones(busy.size, dtype=np.int64))
        _, counts, demands = there.residents()
        # Equal containers advance alike: together they are one of so many times the demand and the weight.
        shares = demands.take(rows, axis=1) * there.per_capacity.take(rows, axis=0).T[:, :, None] * counts[:, None, :]
        rates = progress(np.ones(len(rows)), shares, np.maximum(counts, 1.0)[:, None, :]).rates
        sums[busy] = (counts / rates).sum(axis=1)
    return sums


def _declared_after(view: ClusterView, task: Task) -> IntArray:
    """Give what would be declared with one more container on every host, shape (n_resources, n_hosts)."""
    if view.need(task) is None:
        return view.declared  # nobody can hold it, so nobody minds
    return view.after(task, slice(None), np.ones(len(view), dtype=np.int64)).declared


def _is_profiled(view: ClusterView, task: Task) -> bool:
    """Say whether more is known of a container's use than its request."""
    return view.demands is not None and task.profile is not None


def _slowing(view: ClusterView) -> list[int]:
    return [row for row, name in enumerate(view.resources) if name in SLOWED_BY]


def _rows(view: ClusterView, task: Task) -> list[int]:
    """Give the rows of CPU, memory, and what else a container asks for or is declared to use."""
    uses = {row for row, _ in view.amounts(task) or ()}
    if task.profile is not None:
        declared = {"disk": task.profile.disk_read_bps + task.profile.disk_write_bps, "net": task.profile.net_bps}
        uses |= {row for row, name in enumerate(view.resources) if declared.get(name)}
    return [row for row, name in enumerate(view.resources) if name in ALWAYS or row in uses]
