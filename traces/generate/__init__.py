"""Workloads that are drawn from laws: classes of jobs whose arrivals, sizes and run times are random.

A workload is described by a `WorkloadSpec`, in Python or in a TOML file::

    span_s = "1h"                       # jobs arrive from 0 until then; those that run go on

    [hosts]                             # optional: the machines the workload was made for
    n = 1000
    cpus = 16
    memory_bytes = "64GiB"

    [classes.batch]                     # as many classes as one likes
    interarrival_s = {law = "exponential", mean = "1.33s"}
    tasks = {law = "lognormal", median = 3, sigma = 1.6}
    duration_s = {law = "quantiles", points = [[0, "5s"], [0.5, "2min"], [0.99, "1h"], [1, "3h"]]}
    cpus = {law = "empirical", values = [0.5, 1, 1, 2]}
    memory_bytes = "2GiB"               # a bare value is a constant

The laws are those of `LAWS`. Every quantity is drawn once a job and independently of the others: the containers of a
job are alike. A number of tasks is rounded up to a whole one, at least 1, so that a continuous law gains about a half.

Every quantity of every class has its own random stream, named after both. Changing one law leaves the numbers of all
others as they were, and adding a class leaves the other classes as they were.
"""

from traces.generate.default import DEFAULT
from traces.generate.drawing import Generated
from traces.generate.laws import LAWS, Constant, Empirical, Exponential, Lognormal, Marginal, Quantiles, Uniform
from traces.generate.named import EMBEDDED, open_generated
from traces.generate.reading import parse_spec, read_spec
from traces.generate.spec import ClassSpec, HostsSpec, WorkloadSpec

__all__ = [
    "DEFAULT",
    "EMBEDDED",
    "LAWS",
    "ClassSpec",
    "Constant",
    "Empirical",
    "Exponential",
    "Generated",
    "HostsSpec",
    "Lognormal",
    "Marginal",
    "Quantiles",
    "Uniform",
    "WorkloadSpec",
    "open_generated",
    "parse_spec",
    "read_spec",
]
