"""A workload of two demand shapes, for hosts that are shared: what computes, and what reads."""

from __future__ import annotations

from traces.generate.laws import Constant, Exponential
from traces.generate.spec import ClassSpec, HostsSpec, UsesSpec, WorkloadSpec

GIB = 2.0**30


def _class(name: str, uses: UsesSpec) -> ClassSpec:
    """Make jobs that nothing tells apart but what they use."""
    return ClassSpec(
        name,
        interarrival_s=Exponential(12.0),
        tasks=Constant(4.0),
        duration_s=Exponential(60.0),
        cpus=Constant(0.25),
        memory_bytes=Constant(GIB / 2),
        workload="batch",
        uses=uses,
    )


#: Equal requests, unlike use. At rate 1 a host has two containers of each kind on the mean while nobody is slowed.
CPU_IO = WorkloadSpec(
    span_s=3600.0,
    hosts=(HostsSpec(20, 1.0, 16 * 2**30),),
    classes=(
        _class("cpu", UsesSpec(cpu_demand=Constant(1.0))),
        _class("io", UsesSpec(cpu_demand=Constant(0.05), disk_read_bps=Constant(60e6))),
    ),
    notes=(
        "containers that compute (1 core) and that read (60 MB/s in order, requests of 128 KiB), which ask for the "
        "same: all numbers are assumed",
    ),
)
