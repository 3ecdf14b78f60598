"""Workloads that are drawn from laws: classes of jobs whose arrivals, sizes and run times are random.

A workload is described by a `WorkloadSpec`, in Python or in a TOML file::

    span_s = "1h"                       # jobs arrive from 0 until then; those that run go on

    [hosts]                             # optional: machines it was made for; [[hosts]] where there are several kinds
    n = 1000
    cpus = 16
    memory_bytes = "64GiB"

    [classes.batch]                     # as many classes as one likes
    interarrival_s = {law = "exponential", mean = "1.33s"}
    tasks = {law = "lognormal", median = 3, sigma = 1.6}
    duration_s = {law = "quantiles", points = [[0, "5s"], [0.5, "2min"], [0.99, "1h"], [1, "3h"]]}
    cpus = {law = "empirical", values = [0.5, 1, 1, 2]}
    memory_bytes = "2GiB"               # a bare value is a constant

    [classes.mapreduce]                 # optional in a class: its jobs are MapReduce programs
    interarrival_s = "10s"
    tasks = {law = "empirical", values = [5, 5, 11, 200]}   # workers
    duration_s = "10min"                # on these workers
    cpus = 1
    memory_bytes = "1GiB"
    workload = "batch"                  # optional: the workload class of its jobs, by default the name
    mapreduce.maps_per_worker = {law = "lognormal", median = 100, sigma = 1}
    mapreduce.reduces_per_worker = 2.5
    mapreduce.map_share = {law = "uniform", low = 0.5, high = 0.95}     # of the run time

    [classes.reader]
    interarrival_s = "4s"
    tasks = 1
    duration_s = "1min"                 # with its host to itself
    cpus = 0.5
    memory_bytes = "1GiB"
    uses.disk_read_bps = "80MB"         # optional: what its containers use where hosts are shared, each quantity a law
    uses.cpu_demand = 0.1               # cores; what is not said of CPU and memory is as asked for, the rest 0
    uses.io_size_bytes = "128KiB"       # also: memory_demand_bytes, disk_write_bps, net_bps, and
    uses.random_io = 0.25               # the share of requests that are random

    [classes.nightly]
    arrivals.rates_per_h = [40, 5, 5, 10]   # in place of interarrival_s: a pattern that begins again after its end,
    arrivals.slot_s = "6h"                  # each rate for so long
    arrivals.bursts = [{every_s = "10s", variance = 3}, {every_s = "10min", variance = 0.5}]    # times these factors
    arrivals.step_s = 1                 # optional: submission times are rounded down to multiples of it
    jobs = 100_000                      # optional: no more than so many come
    tasks = {law = "lognormal", median = 3, sigma = 1.6}
    duration_s = {law = "exponential", mean = "5min"}
    cpus = {law = "empirical", values = [1, 2, 8], weights = [70, 25, 5]}
    memory_bytes = {law = "lognormal", median = "1GiB", sigma = 0.5}
    gpus = 0.5                          # optional
    correlations = [["tasks", "duration_s", 0.4], ["cpus", "memory_bytes", 0.8]]    # optional

    [prefill]                           # optional: what runs at the beginning, as if the cell had been there for ever
    cpu_allocated = 0.6                 # share of the hosts' CPU

    [picky]                             # optional: jobs that must have a certain kind of machine
    share = 0.1                         # of the jobs
    kinds = [8, 4, 2, 1]                # of machines, how common each is

The laws are those of `LAWS`. Every quantity is drawn once a job, the containers of a job being alike, and independently
of the others, but for those that `correlations` tie (`ClassSpec`). A number of tasks is rounded up to a whole one, at
least 1, so that a continuous law gains about a half. `arrivals` is a doubly stochastic Poisson process: `ArrivalsSpec`.

Every quantity of every class has its own random stream, named after both. Changing one law leaves the numbers of all
others as they were, and adding a class leaves the other classes as they were.

``notes = ["…"]`` at the top says where numbers are from, to whoever uses the workload. A workload can be scaled, in
Python (`WorkloadSpec.scaled`) and behind its name (``generated:my.toml:batch-rate=2,scale=0.1``, `open_generated`).
`traces.fit` makes such a description of a trace, and `write_spec` a file of a description. Without a file there are
`DEFAULT` and the `CLUSTERS` of the Omega study, which last 29 days: give ``--until``.
"""

from traces.generate.coming import ArrivalsSpec, Burst
from traces.generate.default import DEFAULT
from traces.generate.drawing import Generated
from traces.generate.laws import LAWS, Constant, Empirical, Exponential, Lognormal, Marginal, Quantiles, Uniform
from traces.generate.named import EMBEDDED, open_generated
from traces.generate.omega import CLUSTERS
from traces.generate.reading import parse_spec, read_spec
from traces.generate.spec import (
    ClassSpec,
    Correlation,
    HostsSpec,
    MapReduceSpec,
    PickySpec,
    PrefillSpec,
    UsesSpec,
    WorkloadSpec,
)
from traces.generate.writing import write_spec

__all__ = [
    "CLUSTERS",
    "DEFAULT",
    "EMBEDDED",
    "LAWS",
    "ArrivalsSpec",
    "Burst",
    "ClassSpec",
    "Constant",
    "Correlation",
    "Empirical",
    "Exponential",
    "Generated",
    "HostsSpec",
    "Lognormal",
    "MapReduceSpec",
    "Marginal",
    "PickySpec",
    "PrefillSpec",
    "Quantiles",
    "Uniform",
    "UsesSpec",
    "WorkloadSpec",
    "open_generated",
    "parse_spec",
    "read_spec",
    "write_spec",
]
