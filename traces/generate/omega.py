"""Workloads like those of clusters A, B, C and D of the Omega paper (Schwarzkopf et al., EuroSys 2013).

The clusters are not public, and neither the paper nor its simulator has their numbers of machines, rates or sizes. What
is published are shapes, and C is the cell of the trace of 2011, so that three sources stand behind what is here:

- *the paper* and the slides of its talk: more than 80 % of the jobs are batch, 55 to 80 % of the CPU goes to services
  (figure 2); 80 % of the batch jobs run at most 12 to 20 min and of the services 29 days, 20 to 40 % of these more than
  a month, and 80 % of the gaps between jobs are at most 4 to 7 s and 2 to 15 min (figure 3); one job in twenty has a
  hundred containers or more, up to thousands (figure 4); cells begin with about 60 % of their CPU allocated; about 20 %
  of the batch jobs are MapReduce programs, often of 5, 11, 200 or 1,000 workers (section 6).
- *the trace of 2011*: 12,583 machines in ten shapes (Reiss et al., SoCC 2012, table 1), 672,000 jobs of 25 million
  containers in 29 days.
- *figure 8*: at how many times its rate of batch jobs a scheduler of 0.1 s a job and 5 ms a container is saturated, 2.5
  times for A, 6 for B. If conflicts cost nothing, rate × (0.1 s + 5 ms × containers) is 1 there, which gives the mean
  number of containers of a batch job. It is an upper bound, and for A and B figure 8 is no check any more. For C, whose
  mean is from the trace, it is: 13 times by this reckoning, 9.5 in the paper, as if there were 0.4 conflicts a
  transaction.

All else is assumed. Every workload lists what is behind each of its numbers (`notes`, ``towtank trace info``).

What the sources leave open
---------------------------
- *Minutes.* Two readings of the slides differ in whether services come every 2 to 15 s or min. In seconds even the
  slowest services beside the fastest batch jobs would leave less than 80 % of the jobs to batch: it is minutes.
- *A month.* Nobody saw a job run for longer than the trace, so "29 days" for 80 % of the services and "20 to 40 % run
  longer" are the same statement. It is taken to be about jobs as they come, not as they are met.
- *The sizes of requests* are those that make the cell as full in the long run as it is at the beginning, with the share
  of services of figure 2: CPU of a container = share × CPU of the cell / (rate × containers × run time).

MapReduce programs are a class of their own, and so have schedulers of their own. In figures 2 to 14 they are among the
batch jobs: ``mapreduce-rate=0,batch-rate=1.25`` gives as many of these without them, of 1.18 (A), 1.11 (B) and 0.94 (C)
times as many containers.
"""

from __future__ import annotations

import math
from dataclasses import replace

from traces.generate.laws import Empirical, Exponential, Lognormal, Marginal, Quantiles, Uniform
from traces.generate.spec import ClassSpec, HostsSpec, MapReduceSpec, PrefillSpec, WorkloadSpec

MIB, GIB = 2**20, 2**30
HOUR_S, DAY_S = 3600.0, 86_400.0
SPAN_S = 29 * DAY_S

#: Share of the CPU that is allocated, at the beginning and in the long run.
ALLOCATED = 0.6
#: Share of the batch jobs that are MapReduce programs.
MAPREDUCE = 0.2
#: Decision times of figure 8, of a job and of each container.
T_JOB_S, T_TASK_S = 0.1, 0.005

#: Machines of the trace of 2011: share of the largest machine's CPU and memory, and how many.
SHAPES_2011 = (
    (0.50, 0.50, 6732), (0.50, 0.25, 3863), (0.50, 0.75, 1001), (1.00, 1.00, 795), (0.25, 0.25, 126),
    (0.50, 0.12, 52), (0.50, 0.03, 5), (0.50, 0.97, 5), (1.00, 0.50, 3), (0.50, 0.06, 1),
)  # fmt: skip
JOBS_2011, TASKS_2011 = 672e3, 25e6

#: The largest machine.
CPUS, MEMORY_BYTES = 16.0, 64 * GIB

#: Requests around their mean, each as likely as the others.
SPREAD = (0.25, 0.5, 0.5, 1.0, 1.25, 2.5)
BATCH_GIB_A_CORE, SERVICE_GIB_A_CORE = 2.5, 3.5

#: Containers of a service; and how far up the run times of services go.
SERVICE_TASKS = Quantiles(((0.0, 1.0), (0.4, 1.0), (0.7, 3.0), (0.9, 12.0), (0.99, 60.0), (1.0, 400.0)))
LONGEST_SERVICE_S = 120 * DAY_S

#: Numbers of workers of MapReduce programs, and how many per cent of these have each.
WORKERS = ((5, 49), (11, 39), (200, 10), (1000, 2))
#: Of 29,423 jobs at Google in August 2004 on average (Dean and Ghemawat, OSDI 2004, table 1).
MAPS_2004, REDUCES_2004, WORKERS_2004 = 3351, 55, 157


def _around(mean: float, sigma: float = 1.0) -> Lognormal:
    return Lognormal(mean / math.exp(sigma**2 / 2), sigma)


PROGRAMS = MapReduceSpec(
    maps_per_worker=_around(MAPS_2004 / WORKERS_2004),
    reduces_per_worker=_around(REDUCES_2004 / WORKERS_2004),
    map_share=Uniform(0.5, 0.95),
)


def _gap(p80_s: float) -> float:
    """Give the mean of an exponential gap that is shorter than `p80_s` in 80 % of the cases."""
    return p80_s / math.log(5)


def _batch_tasks(mean: float, p99: float) -> Quantiles:
    """Give a law of one container for half of the jobs and a hundred or more for one in twenty, with this mean."""
    body = ((0.0, 1.0), (0.5, 1.0), (0.75, 5.0), (0.9, 30.0), (0.95, 100.0), (0.99, p99))
    without = Quantiles((*body, (1.0, p99))).expected_count()
    # The piece from share 0.99 to 1 has its middle where the mean wants it.
    most = p99 + 2 * (mean - without - 0.005) / 0.01
    return Quantiles((*body, (1.0, float(round(most)))))


def _service_duration(beyond_a_month: float) -> Quantiles:
    until = (1 - beyond_a_month, SPAN_S)
    return Quantiles(((0.0, 60.0), (0.2, HOUR_S), (0.4, 2 * DAY_S), until, (1.0, LONGEST_SERVICE_S)))


def _requests(cpus: float, gib_a_core: float) -> dict[str, Marginal]:
    mib = cpus * gib_a_core * 1024
    return {
        "cpus": Empirical(tuple(round(cpus * part, 3) for part in SPREAD)),
        "memory_bytes": Empirical(tuple(float(round(mib * part) * MIB) for part in SPREAD)),
    }


def _cluster(
    hosts: tuple[HostsSpec, ...],
    *,
    batch_gap_s: float,
    mean_tasks: float,
    p99_tasks: float,
    batch_duration_s: Lognormal,
    service_gap_s: float,
    beyond_a_month: float,
    service_share: float,
    notes: tuple[str, ...],
) -> WorkloadSpec:
    """Make a workload that keeps the cell as full as it is at the beginning.

    Parameters
    ----------
    hosts : tuple of HostsSpec
        The machines.
    batch_gap_s, service_gap_s : float
        Mean time between jobs; batch jobs include the MapReduce programs.
    mean_tasks, p99_tasks : float
        Containers of a batch job: the mean, and how many one in a hundred exceeds that is no MapReduce program.
    batch_duration_s : Lognormal
        Run time of batch jobs and programs.
    beyond_a_month : float
        Share of the services that run for longer than `SPAN_S`.
    service_share : float
        Share of the allocated CPU that services have.
    notes : tuple of str
        What else there is to say about this cluster.
    """
    whole = ALLOCATED * sum(kind.n * kind.cpus for kind in hosts)
    service_duration_s = _service_duration(beyond_a_month)
    service_running = SERVICE_TASKS.expected_count() * service_duration_s.expected() / service_gap_s
    service_cpus = whole * service_share / service_running
    program_tasks = Empirical(tuple(float(n) for n, times in WORKERS for _ in range(times)))
    batch_tasks = _batch_tasks((mean_tasks - MAPREDUCE * program_tasks.expected()) / (1 - MAPREDUCE), p99_tasks)
    batch_cpus = whole * (1 - service_share) / (mean_tasks * batch_duration_s.expected() / batch_gap_s)
    batch = ClassSpec(
        "batch",
        interarrival_s=Exponential(batch_gap_s / (1 - MAPREDUCE)),
        tasks=batch_tasks,
        duration_s=batch_duration_s,
        **_requests(batch_cpus, BATCH_GIB_A_CORE),  # type: ignore[arg-type]
    )
    mapreduce = replace(
        batch,
        name="mapreduce",
        interarrival_s=Exponential(batch_gap_s / MAPREDUCE),
        tasks=program_tasks,
        mapreduce=PROGRAMS,
        workload="batch",
    )
    service = ClassSpec(
        "service",
        interarrival_s=Exponential(service_gap_s),
        tasks=SERVICE_TASKS,
        duration_s=service_duration_s,
        **_requests(service_cpus, SERVICE_GIB_A_CORE),  # type: ignore[arg-type]
    )
    p80_s = batch_duration_s.median * math.exp(0.8416 * batch_duration_s.sigma)
    common = (
        f"batch jobs every {batch_gap_s:.3g} s, 80 % of the gaps below {batch_gap_s * math.log(5):.3g} s, services "
        f"every {service_gap_s / 60:.3g} min, 80 % below {service_gap_s / 60 * math.log(5):.3g} min: 4 to 7 s and 2 to "
        "15 min in Omega's figure 3 (talk); which cluster has which, and that gaps are exponential, is assumed",
        f"batch jobs of {mean_tasks:.3g} containers on average, up to {batch_tasks.points[-1][1]:.0f}, 5 % of 100 "
        "or more beside MapReduce: a tail as in Omega's figure 4; the points of the laws, and how many containers "
        "services have, are assumed",
        f"batch run times are lognormal with 80 % below {p80_s / 60:.3g} min: Omega's figure 3 (talk); the median of "
        f"{batch_duration_s.median / 60:.3g} min is assumed",
        f"{beyond_a_month:.0%} of the services run for more than 29 days: within the 20 to 40 % of Omega's figure 3; "
        f"how long the others run, and that the longest takes {LONGEST_SERVICE_S / DAY_S:g} days, is assumed",
        f"services have {service_share:.0%} of the allocated CPU: within the 55 to 80 % of Omega's figure 2; which "
        "cluster has which is assumed",
        f"requests, {batch_cpus:.3g} cores a batch and {service_cpus:.3g} a service container on average, are derived: "
        f"they allocate {ALLOCATED:.0%} of the CPU in the long run; their spread, and {BATCH_GIB_A_CORE:g} and "
        f"{SERVICE_GIB_A_CORE:g} GiB a core, are assumed",
        f"{ALLOCATED:.0%} of the CPU is allocated at the beginning (Omega, section 4), in the mix and with the rest of "
        "the run times of a cell that has been there for ever (assumed)",
        f"{MAPREDUCE:.0%} of the batch jobs are MapReduce programs, of "
        f"{', '.join(str(n) for n, _ in WORKERS)} workers: Omega, section 6; how many have each is assumed",
        "MapReduce programs have 21 maps and 0.35 reduces a worker on average (Dean and Ghemawat, OSDI 2004, table 1: "
        "3,351 and 55 on 157 workers); the spread, 50 to 95 % of the time in maps, and run times as batch are assumed",
    )
    return WorkloadSpec(SPAN_S, (batch, mapreduce, service), hosts, PrefillSpec(ALLOCATED), (*notes, *common))


def _from_figure_8(batch_gap_s: float, times: float) -> float:
    """Give the containers of a mean batch job, if a scheduler is saturated at so many times the rate."""
    return (batch_gap_s / times - T_JOB_S) / T_TASK_S


def _ordinary(n: int) -> tuple[HostsSpec, ...]:
    """Give equal machines of the commonest shape of 2011."""
    cpus, memory, _ = SHAPES_2011[0]
    return (HostsSpec(n, cpus * CPUS, round(memory * MEMORY_BYTES)),)


def _note_on_figure_8(times: float) -> str:
    return (
        "the mean number of containers of a batch job is derived from Omega's figure 8, where "
        f"{times:g} times the rate of batch jobs saturates a scheduler, if conflicts cost nothing: no check any more"
    )


A = _cluster(
    _ordinary(10_000),
    batch_gap_s=_gap(4.0),
    mean_tasks=_from_figure_8(_gap(4.0), 2.5),
    p99_tasks=6500.0,
    batch_duration_s=Lognormal(150.0, math.log(720 / 150) / 0.8416),
    service_gap_s=_gap(4 * 60.0),
    beyond_a_month=0.22,
    service_share=0.6,
    notes=(
        "like cluster A of the Omega paper, medium-sized and fairly busy; 10,000 machines (the median cell of Borg, "
        "EuroSys 2015) of 8 cores and 32 GiB are assumed, all alike as in the paper's lightweight simulator",
        _note_on_figure_8(2.5),
    ),
)

B = _cluster(
    _ordinary(15_000),
    batch_gap_s=_gap(5.0),
    mean_tasks=_from_figure_8(_gap(5.0), 6.0),
    p99_tasks=1500.0,
    batch_duration_s=Lognormal(240.0, math.log(1200 / 240) / 0.8416),
    service_gap_s=_gap(15 * 60.0),
    beyond_a_month=0.4,
    service_share=0.7,
    notes=(
        "like cluster B of the Omega paper, one of the larger; 15,000 machines of 8 cores and 32 GiB are assumed, all "
        "alike as in the paper's lightweight simulator",
        _note_on_figure_8(6.0),
    ),
)

C_SERVICE_GAP_S = _gap(5 * 60.0)

C = _cluster(
    tuple(HostsSpec(n, cpus * CPUS, round(memory * MEMORY_BYTES)) for cpus, memory, n in SHAPES_2011),
    batch_gap_s=1 / (JOBS_2011 / SPAN_S - 1 / C_SERVICE_GAP_S),
    mean_tasks=TASKS_2011 / JOBS_2011,
    p99_tasks=400.0,
    batch_duration_s=Lognormal(180.0, math.log(900 / 180) / 0.8416),
    service_gap_s=C_SERVICE_GAP_S,
    beyond_a_month=0.3,
    service_share=0.75,
    notes=(
        "like cluster C of the Omega paper, the cell of the Google trace of 2011: 12,583 machines of ten shapes (Reiss "
        "et al., SoCC 2012, table 1); that the largest has 16 cores and 64 GiB is assumed",
        "672,000 jobs of 25 million containers in 29 days, as in the trace, give the rate of batch jobs and their mean "
        "number of containers; figure 8 is not used and is a check",
    ),
)

D_CELL, D_LOAD = 0.25, 0.5

D = replace(
    C.scaled(D_CELL, rate=dict.fromkeys((one.name for one in C.classes), D_LOAD)),
    prefill=PrefillSpec(ALLOCATED * D_LOAD),
    notes=(
        "like cluster D of the Omega paper, about a quarter of C and lightly loaded: a quarter of the machines of C "
        f"with an eighth of its jobs; that its load is half of C's, {ALLOCATED * D_LOAD:.0%} of the CPU, is assumed. "
        "Of C, and true of D but for rates and load, is:",
        *C.notes,
    ),
)

#: The clusters by the names that the command line has for them.
CLUSTERS = {"omega-a": A, "omega-b": B, "omega-c": C, "omega-d": D}
