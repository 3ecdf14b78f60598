"""A workload of two demand shapes, for hosts that are shared: what computes, and what reads."""

from __future__ import annotations

from traces.generate.laws import Constant, Empirical, Exponential, Marginal
from traces.generate.spec import ClassSpec, HostsSpec, UsesSpec, WorkloadSpec

MIB = 2.0**20


def _class(
    name: str,
    interarrival_s: Marginal,
    duration_s: Marginal,
    uses: UsesSpec,
    *,
    tasks: float = 1.0,
    cpus: float = 0.25,
    memory_bytes: float = 64 * MIB,
) -> ClassSpec:
    """Make batch jobs of equal requests."""
    return ClassSpec(
        name,
        interarrival_s=interarrival_s,
        tasks=Constant(tasks),
        duration_s=duration_s,
        cpus=Constant(cpus),
        memory_bytes=Constant(memory_bytes),
        workload="batch",
        uses=uses,
    )


def _large(name: str, uses: UsesSpec) -> ClassSpec:
    """Make jobs that nothing tells apart but what they use."""
    return _class(name, Exponential(12.0), Exponential(60.0), uses, tasks=4.0, memory_bytes=512 * MIB)


#: Equal requests, unlike use. At rate 1 a host has two containers of each kind on the mean while nobody is slowed.
CPU_IO = WorkloadSpec(
    span_s=3600.0,
    hosts=(HostsSpec(20, 1.0, 16 * 2**30),),
    classes=(
        _large("cpu", UsesSpec(cpu_demand=Constant(1.0))),
        _large("io", UsesSpec(cpu_demand=Constant(0.05), disk_read_bps=Constant(60e6))),
    ),
    notes=(
        "containers that compute (1 core) and that read (60 MB/s in order, requests of 128 KiB), which ask for the "
        "same: all numbers are assumed",
    ),
)


def _small(name: str, work_s: tuple[float, ...], uses: UsesSpec) -> ClassSpec:
    """Make jobs of a single container, of which three find room on a host by what they ask for."""
    return _class(name, Exponential(3.75), Empirical(work_s), uses)


#: The same on a small scale, for real hosts and within minutes: about 32 containers of each kind in two minutes for two
#: hosts of 0.8 cores with disks of 10 MB/s and 415 requests a second (``10MB:415``). While none is slowed, they take
#: 0.89 of the CPU (5.3 core-seconds each) and 0.74 of the disks (6.7 s each, 0.84 of the time of one).
CPU_IO_SMALL = WorkloadSpec(
    span_s=120.0,
    hosts=(HostsSpec(2, 0.8, 512 * 2**20),),
    classes=(
        _small("cpu", (4.0, 4.0, 5.0, 5.0, 6.0, 8.0), UsesSpec(cpu_demand=Constant(1.0))),
        _small(
            "io",
            (5.0, 6.0, 6.0, 7.0, 7.0, 9.0),
            UsesSpec(cpu_demand=Constant(0.05), disk_write_bps=Constant(6.4e6), io_size_bytes=Constant(65536.0)),
        ),
    ),
    notes=(
        "containers that compute (1 core) and that write (6.4 MB/s in requests of 64 KiB), which ask for the same: all "
        "numbers are assumed",
    ),
)


def _wave(name: str, uses: UsesSpec) -> ClassSpec:
    """Make one container in each wave."""
    return _class(name, Constant(12.0), Constant(4.0), uses, cpus=0.1, memory_bytes=48 * MIB)


_COMPUTES = UsesSpec(cpu_demand=Constant(1.0))
_WRITES = UsesSpec(cpu_demand=Constant(0.05), disk_write_bps=Constant(6.4e6), io_size_bytes=Constant(65536.0))

#: Every 12 seconds one that computes comes, one that writes, and again one of each, and all have ended when the next
#: come. Whoever deals them out to two hosts by turns gathers on each host what is alike.
CPU_IO_WAVES = WorkloadSpec(
    span_s=145.0,
    hosts=(HostsSpec(2, 0.8, 512 * 2**20),),
    classes=(
        _wave("cpu-first", _COMPUTES),
        _wave("io-first", _WRITES),
        _wave("cpu-then", _COMPUTES),
        _wave("io-then", _WRITES),
    ),
    notes=("waves of two containers that compute and two that write, which ask for the same: all numbers are assumed",),
)
