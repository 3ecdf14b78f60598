"""Loads of which somebody published the rate or the size, for experiments that ask whether a cell stands them."""

from __future__ import annotations

from traces.generate.laws import Constant, Exponential, Quantiles
from traces.generate.omega import DAY_S, GIB
from traces.generate.spec import ClassSpec, HostsSpec, PrefillSpec, WorkloadSpec

#: A cell that is three quarters full, more than half of it with what stays all day; all containers are alike.
BUSY_CELL = WorkloadSpec(
    span_s=7 * DAY_S,
    hosts=(HostsSpec(10_000, 4.0, 16 * GIB),),
    classes=(
        ClassSpec(
            "batch", Exponential(6.0), Exponential(120.0), Exponential(300.0), Constant(1.0), Constant(2.0 * GIB)
        ),
        ClassSpec(
            "service", Exponential(40.0), Exponential(12.0), Exponential(3600.0), Constant(1.0), Constant(2.0 * GIB)
        ),
    ),
    prefill=PrefillSpec(
        0.575,
        (
            ClassSpec(
                "service",
                Exponential(1.0),
                Constant(23_000.0),
                Constant(float("inf")),
                Constant(1.0),
                Constant(2.0 * GIB),
            ),
        ),
    ),
    notes=("a busy cell of equal containers: all numbers are assumed; 23,000 containers stay all the time",),
)

#: Single pods as fast as they can be offered.
GODEL = WorkloadSpec(
    span_s=400.0,
    hosts=(HostsSpec(30_000, 32.0, 256 * GIB),),
    classes=(
        ClassSpec(
            "batch", Exponential(1 / 2000), Constant(1.0), Constant(float("inf")), Constant(1.0), Constant(4.0 * GIB)
        ),
    ),
    notes=(
        "2,000 pods a second on 30,000 nodes, 800,000 in all: Gödel's docs/performance/best-practice.md; nodes of 32 "
        "cores and 256 GiB, pods of 1 core and 4 GiB that run on, and Poisson arrivals are assumed",
    ),
)

#: Mean containers of a job in the trace of 2011.
TASKS_A_JOB = 37.0

GOOGLE_WEEK = WorkloadSpec(
    span_s=7 * DAY_S,
    hosts=(HostsSpec(12_500, 16.0, 64 * GIB),),
    classes=(
        ClassSpec(
            "batch",
            Exponential(TASKS_A_JOB * 7 * DAY_S / 2e9),
            # Rounded up, an exponential law gains a half.
            Exponential(TASKS_A_JOB - 0.5),
            Exponential(30.0),
            Constant(1.0),
            Constant(2.0 * GIB),
        ),
    ),
    notes=(
        "2 billion container starts a week: Joe Beda, GlueCon 2014; 37 containers a job: 25 million in 672,000 jobs, "
        "Google cluster trace of 2011; one cell of 12,500 machines, run times of 30 s, sizes and laws are assumed",
    ),
)

PARSYNC = WorkloadSpec(
    span_s=3600.0,
    hosts=(HostsSpec(100_000, 32.0, 128 * GIB),),
    classes=(
        ClassSpec(
            "batch",
            Exponential(40 / 40_000),
            Exponential(39.5),
            Quantiles(((0.0, 0.5), (0.5, 4.0), (0.9, 10.0), (0.99, 60.0), (1.0, 600.0))),
            Constant(4.0),
            Constant(8.0 * GIB),
        ),
    ),
    prefill=PrefillSpec(
        0.6,
        (
            ClassSpec(
                "service", Exponential(1.0), Constant(50.0), Constant(float("inf")), Constant(4.0), Constant(8.0 * GIB)
            ),
        ),
    ),
    notes=(
        "100,000 machines and 40,000 tasks a second, most shorter than ten seconds: Feng et al., ATC 2021 (abstract); "
        "40 containers a job, machines, sizes, laws and that 60 % of the cell is taken by what stays are assumed",
    ),
)

#: The loads by the names that the command line has for them.
LOADS = {"busy-cell": BUSY_CELL, "godel": GODEL, "google-week": GOOGLE_WEEK, "parsync": PARSYNC}
